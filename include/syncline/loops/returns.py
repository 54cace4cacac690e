"""Goods that may come back, as an order system authorises them and refunds what was paid (ADR 0032).

One JSON object a line. None of it is stock: the receipt that names the return is, wherever it comes from.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from syncline.landing import Document, Fact, Load, fault, land
from syncline.loops.orders import LINES_MAX, Text

if TYPE_CHECKING:
    import psycopg

FEED = "returns"
READING = "returns/1"
ID_HEX_DIGITS = 40
_INSERT = """
insert into raw.return_lines (return_line_id, source, return_key, item_ref, location_ref, quantity,
  authorised_at, due_at, refunded_at, revision, is_cancelled, received_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""


class ReturnLine(BaseModel):
    """One line of the export: an item of a return at the location that receives it, in base units.

    ``revision`` counts what the order system changed of it; ``is_cancelled`` takes it back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Text = Field(alias="return")
    item: Text
    location: Text
    quantity: int = Field(ge=0, le=10**12, strict=True)
    authorised_at: AwareDatetime
    revision: int = Field(default=1, ge=1, le=10**6, strict=True)
    is_cancelled: bool = Field(default=False, strict=True)
    due: AwareDatetime | None = None
    refunded_at: AwareDatetime | None = None


class Landed(NamedTuple):
    """``new`` lines were written, ``known`` ones had been, ``faults`` break the contract."""

    new: int
    known: int
    faults: int


def land_returns(conn: psycopg.Connection, source: str, name: str, content: bytes, at: datetime) -> Landed:
    """Land an export of ``source`` received at ``at`` (role loader). The same lines again are known and change nothing.

    A line that breaks the contract is a row of ``raw.facts`` with its fault; the others count.

    Raises:
        WarehouseUnavailable: nothing was written.
    """
    read = [_read(number, text) for number, text in enumerate(content.split(b"\n")[:LINES_MAX], 1) if text.strip()]
    faults = [each for each in read if isinstance(each, Fact)]
    lines = {_identity(source, each): each for each in read if isinstance(each, ReturnLine)}
    written = 0

    def write_lines(transaction: psycopg.Connection) -> None:
        nonlocal written
        with transaction.cursor() as cursor:
            cursor.executemany(_INSERT, [_row(source, name, line, at) for name, line in lines.items()])
            written = max(cursor.rowcount, 0)

    document = Document(
        name, content, tuple(faults), "accepted" if not faults else "partial" if lines else "quarantined",
        faults[0].fault_code if faults else None, faults[0].fault_detail if faults else None,
        faults[0].position if faults else None, is_kept=True,
    )  # fmt: skip
    land(conn, Load(source, FEED, at, [document], beside=write_lines, is_poll=False))
    return Landed(written, len(lines) - written, len(faults))


def _read(number: int, text: bytes) -> Fact | ReturnLine:
    try:
        return ReturnLine.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the line"
        key = f"fault/{sha256(text).hexdigest()}"
        told = f"{where[:60]}: {first['msg'][:200]}"
        return fault("return_contract", told, line_key=key, position=f"line {number}", reading=READING)


def _identity(source: str, line: ReturnLine) -> str:
    said = [line.key, line.item, line.location, line.quantity, line.revision, line.is_cancelled]
    moments = [m and m.astimezone(UTC).isoformat() for m in (line.authorised_at, line.due, line.refunded_at)]
    return sha256(ascii((source, said, moments)).encode()).hexdigest()[:ID_HEX_DIGITS]


def _row(source: str, identity: str, line: ReturnLine, at: datetime) -> tuple[object, ...]:
    return (
        identity, source, line.key, line.item, line.location, line.quantity, line.authorised_at, line.due,
        line.refunded_at, line.revision, line.is_cancelled, at,
    )  # fmt: skip
