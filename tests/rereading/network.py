"""A warehouse fed by real pulls from loopback partners, and what is read and said there."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from loopback_sftp import SftpServer
from loopback_wms import WmsServer

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.connections import Connection
from syncline.home import project_root
from syncline.registry import FileRules, Source
from syncline.rereading import Landed, Selection, reread
from syncline.resolve.hashes import derived_hashes
from syncline.sources import sftp_edi, wms_api
from syncline.sources.wms_api.client import Page, stored_page
from syncline.sources.wms_api.mapping import Key
from syncline.warehouse.connect import connect_dsn

START = datetime(2026, 11, 2, 15, tzinfo=UTC)


@dataclass
class _ReadFor:
    """Pages as the client got them, read for another ``site``: the registry named the wrong one."""

    client: wms_api.WmsClient
    site: str

    def page(self, after: Key) -> Page:
        page = self.client.page(after)
        return stored_page(page.name, page.content, self.site)


def wms_source(site: str = "DC1") -> Source:
    return Source(name="dc1_wms", kind="wms_api", site=site, timeout_s=5, overlap_s=600, page_limit=4, pages_max=50)


def edi_source(profile: str = "standard", name: str = "beta_3pl") -> Source:
    return Source(name=name, kind="sftp_edi", timeout_s=5, files=FileRules(pattern="*.edi", profile=profile))


def an_846(
    reference: str, items: list[dict[str, str]], *, as_of: str = "0900", dtm: str = "", count: int | None = None
) -> bytes:
    """An 846 of BETA-NJ2. An item: `sk`, `vn` (its two names), `on_hand`, maybe `uom`. ``count``: what its CTT says."""
    parties = "ISA*00*          *00*          *ZZ*BETA           *ZZ*SYNCLINE       "
    body = [f"BIA*00*SI*{reference}*20261102*{as_of}", "N1*WH**92*BETA-NJ2"]
    if dtm:
        body.append(f"DTM*366*20261102*{dtm}")
    for number, item in enumerate(items, start=1):
        body.append(f"LIN*{number}*SK*{item['sk']}*VN*{item['vn']}")
        unit = item.get("uom", "EA")
        body.append(f"QTY*17*{item['on_hand']}" + (f"*{unit}" if unit else ""))
    body += [] if count is None else [f"CTT*{count}"]
    control = f"{crc32(repr(body).encode()) % 10**9:09d}"  # other content comes under another number
    rows = [f"{parties}*261102*1430*U*00401*{control}*0*P*>", "GS*IB*BETA*SYNCLINE*20261102*1430*1*X*004010"]
    rows += ["ST*846*0001", *body, f"SE*{len(body) + 2}*0001", "GE*1*1", f"IEA*1*{control}"]
    return "".join(f"{row}~\n" for row in rows).encode()


class Warehouse:
    """A migrated database with the rules of the demo network; a context manager."""

    def __init__(self, owner_dsn: str, dsns: dict[str, str], drop: Path, dbt_target: Path) -> None:
        self.owner_dsn = owner_dsn
        self._dsns = dsns
        self._target = dbt_target
        self._drop = drop
        self._stack = ExitStack()
        self.owner = self._stack.enter_context(connect_dsn(owner_dsn, name="owner"))
        self.loader = self._stack.enter_context(connect_dsn(dsns["loader"]))
        self.transformer = self._stack.enter_context(connect_dsn(dsns["transformer"]))
        apply(self.owner, read_folder(project_root() / "dbt_project" / "seeds"), START, "test")

    def __enter__(self) -> Warehouse:
        (self._drop / "inbox").mkdir(parents=True)
        self._partner = SftpServer(self._drop)
        self._stack.callback(self._partner.close)
        self._sftp = self._partner.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def dsn(self, role: str) -> str:
        return self._dsns[role]

    def poll(self, server: WmsServer, source: Source, now: datetime) -> Any:
        connection = Connection("dc1_wms", "http", host="127.0.0.1", port=server.port, password="secret-token")
        # A document is named by its request, so that must be the same however the answer is read.
        with wms_api.open_client(connection, wms_source()) as client:
            return wms_api.pull(self.loader, _ReadFor(client, source.site or ""), source, now)

    def file(self, name: str, content: bytes, source: Source, now: datetime) -> Any:
        path = self._drop / "inbox" / name
        path.write_bytes(content)
        os.utime(path, (time.time() - 600,) * 2)
        return sftp_edi.pull(self.loader, self._sftp, source, now, server_now_s=time.time())

    def reread(self, source: Source, *, now: datetime = START, **selection: Any) -> Landed:
        return reread(self.loader, source, Selection(**selection), now, "test")

    def settle(self, now: datetime, *, is_released: bool = True) -> int | None:
        """Resolve what is pending; the batch's number."""
        batch = resolve.open_batch(self.transformer, now)
        if batch is None:
            return None
        resolve.build(self.transformer, self.dsn("transformer"), batch.batch_id, self._target)
        if is_released:
            self.owner.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))
        return batch.batch_id

    def rebuild(self) -> None:
        resolve.rebuild(self.transformer, self.dsn("transformer"), self._target)

    def hashes(self) -> dict[str, str]:
        return derived_hashes(self.owner)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.owner.execute(statement, values).fetchall()

    def on_hand(self) -> dict[tuple[str, str], int]:
        rows = self.rows("select item, location, quantity from canonical.balances where measure = 'on_hand'")
        return {(item, location): quantity for item, location, quantity in rows}

    def dispositions(self) -> dict[str, int]:
        return dict(self.rows("select disposition, count(*) from intermediate.int_dispositions group by 1"))


def minutes(number: float) -> datetime:
    return START + timedelta(minutes=number)
