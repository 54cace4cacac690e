"""Order lines that may be picked, as an order system exports them: each is a release (semantics §11) and its terms.

One JSON object a line, in a file or in a page of an API. What a line says of stock is a fact like any other; promise,
price, channel and priority are kept beside it, by the fact, and decide no number.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from syncline.landing import Document, Fact, Load, LoadResult, fact_id, fault, land
from syncline.sources.wms_api.contract import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

FEED = "orders"
READING = "orders/1"
LINES_MAX = 100_000
Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+( [!-~]+)*$")]
_TERMS = """
insert into raw.order_terms (fact_id, order_line, promised, unit_price, currency, channel, priority, received_at)
values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""


class OrderLine(BaseModel):
    """One line of the export. ``unit_price``: minor units of ``currency`` for one base unit.

    ``revision`` counts what the order system changed of the line; ``is_cancelled`` takes its release back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    order_line: Text
    item: Text
    location: Text
    quantity: int = Field(ge=0, le=10**12, strict=True)
    uom: Text
    released_at: AwareDatetime
    revision: int = Field(default=1, ge=1, le=10**6, strict=True)
    is_cancelled: bool = Field(default=False, strict=True)
    promised: AwareDatetime | None = None
    unit_price: int | None = Field(default=None, ge=0, le=10**12, strict=True)
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    channel: Text | None = None
    priority: int = Field(default=100, ge=0, le=1000, strict=True)


Read = tuple[Fact, OrderLine | None]


def land_orders(conn: psycopg.Connection, source: str, name: str, content: bytes, at: datetime) -> LoadResult:
    """Land an export of ``source`` received at ``at`` (role loader). The same lines again are known and change nothing.

    A line that breaks the contract is a row of ``raw.facts`` with its fault; the others count.

    Raises:
        WarehouseUnavailable: nothing was written.
    """
    lines = enumerate(content.split(b"\n")[:LINES_MAX], 1)
    read = [read_line(text, f"line {number}") for number, text in lines if text.strip()]
    document = document_of(name, content, read)
    return land(conn, Load(source, FEED, at, [document], beside=terms_of(source, read, at)))


def document_of(name: str, content: bytes, read: Sequence[Read]) -> Document:
    """The document whose lines were ``read``, with the first fault that stands in it."""
    faults = [fact for fact, _ in read if fact.fault_code]
    return Document(
        name, content, tuple(fact for fact, _ in read),
        "accepted" if not faults else "partial" if len(faults) < len(read) else "quarantined",
        faults[0].fault_code if faults else None, faults[0].fault_detail if faults else None,
        faults[0].position if faults else None,
    )  # fmt: skip


def terms_of(source: str, read: Sequence[Read], at: datetime) -> Callable[[psycopg.Connection], None]:
    """What writes the terms of the lines that were ``read`` beside their facts, in the transaction of their load."""
    terms = [_terms(source, fact, line, at) for fact, line in read if line is not None]

    def write(transaction: psycopg.Connection) -> None:
        with transaction.cursor() as cursor:
            cursor.executemany(_TERMS, terms)

    return write


def read_line(text: bytes, position: str) -> Read:
    """``text``, one JSON object that stands at ``position``, as a release; as a fault where it breaks the contract."""
    try:
        line = OrderLine.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the line"
        told = printable(f"{where[:60]}: {first['msg'][:200]}")  # the name of a field is the sender's, too
        key = f"fault/{sha256(text).hexdigest()}"
        return fault("order_contract", told, line_key=key, position=position, reading=READING), None
    recorded = line.released_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    fact = Fact(
        "movement", line.item, line.location, "provisional", line.uom, str(line.quantity), recorded, line.order_line,
        line.order_line, position, READING, revision=line.revision, cancel=line.is_cancelled,
    )  # fmt: skip
    return fact, line


def _terms(source: str, fact: Fact, line: OrderLine, at: datetime) -> tuple[object, ...]:
    key = fact_id(source, FEED, fact)
    return (key, line.order_line, line.promised, line.unit_price, line.currency, line.channel, line.priority, at)
