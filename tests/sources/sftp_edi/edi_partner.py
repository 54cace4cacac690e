"""A partner who sends EDI and takes away what is in its outbox."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from drop import Drop

from syncline.registry import Source
from syncline.sources.sftp_edi import pull

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)
FIELDS = "*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       *261102*1430*U*00401*"


def an_846(set_control: str = "0001", reference: str = "REF-1", quantity: str = "12") -> list[str]:
    body = [f"BIA*00*SI*{reference}*20261102*0900", "N1*WH**92*DC3", "LIN*1*SK*SKU-1", f"QTY*17*{quantity}*EA"]
    return [f"ST*846*{set_control}", *body, f"SE*6*{set_control}"]


def interchange(
    *sets: list[str], control: str = "000000001", group: str = "1", usage: str = "P", code: str = "IB"
) -> bytes:
    rows = [f"ISA{FIELDS}{control}*0*{usage}*>", f"GS*{code}*ACME*SYNCLINE*20261102*1430*{group}*X*004010"]
    rows += [segment for each in sets for segment in each]
    rows += [f"GE*{len(sets)}*{group}", f"IEA*1*{control}"]
    return "".join(f"{row}~\n" for row in rows).encode()


def an_invrpt(control: str, quantity: str, usage: str = "") -> bytes:
    body = [
        "BGM+35+INV-1+9", "DTM+137:202611020900:203", "NAD+WH+DC3::92", "LIN+1++SKU-1:SA", f"QTY+145:{quantity}:PCE",
    ]  # fmt: skip
    rows = [f"UNB+UNOA:3+ACME:14+SYNCLINE:14+261102:1430+{control}{usage}", "UNH+1+INVRPT:D:96A:UN", *body]
    rows += [f"UNT+{len(body) + 2}+1", f"UNZ+1+{control}"]
    return "".join(f"{row}'" for row in rows).encode()


class Partner:
    """Sends files, one pull each; ``seen`` are rows of the warehouse."""

    def __init__(self, conn: psycopg.Connection, sftp: Any, source: Source, drop: Drop) -> None:
        self.conn, self.sftp, self.source, self.drop = conn, sftp, source, drop
        self._count = 0

    def use(self, profile: str) -> None:
        rules = self.source.file_rules.model_copy(update={"profile": profile})
        self.source = self.source.model_copy(update={"files": rules})

    def send(self, content: bytes, after: timedelta = timedelta(0), name: str = "") -> Any:
        self._count += 1
        self.drop.put(name or f"{self._count}.edi", content)
        return self.pull(after + timedelta(seconds=self._count))

    def pull(self, after: timedelta = timedelta(0)) -> Any:
        return pull(self.conn, self.sftp, self.source, NOW + after, server_now_s=time.time())

    def outbox(self) -> list[Path]:
        return sorted((self.drop.root / "outbox").glob("*"))

    def seen(self, statement: str) -> list[tuple[Any, ...]]:
        return self.conn.execute(statement.encode()).fetchall()

    def interchanges(self) -> list[str]:
        return [row[0] for row in self.seen("select verdict from ops.edi_interchanges order by interchange_id")]

    def sets(self) -> list[str]:
        return [row[0] for row in self.seen("select state from ops.edi_sets order by set_id")]

    def quantities(self) -> list[str]:
        return [row[0] for row in self.seen("select quantity from raw.facts where kind is not null order by quantity")]

    def outbound(self) -> list[tuple[Any, ...]]:
        return self.seen("select kind, state, interchange_control from ops.edi_outbound order by outbound_id")
