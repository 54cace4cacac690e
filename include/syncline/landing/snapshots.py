"""Full states: ``raw.snapshots`` and their lines, written in the transaction that lands their documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple

from syncline.landing.copy_text import value
from syncline.landing.model import ID_HEX_DIGITS

if TYPE_CHECKING:
    from decimal import Decimal
    from zoneinfo import ZoneInfo

    import psycopg

INSERT = """insert into raw.snapshots (snapshot_id, source, system, load_id, document_ids, locations, measures,
    recorded, as_of_from, as_of_to, received_at, control_lines, control_units, read_lines, read_units,
    declares_complete, is_proven, fault_code, document_key, revision)
    values (%s, %s, %s, currval('raw.load_id_seq'), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
COPY_LINES = """copy raw.snapshot_lines (snapshot_id, position, item_ref, location_ref, status_ref, lot, uom, quantity,
    received_at) from stdin"""
AS_OF = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
LINES_PER_BLOCK = 5_000

System = Literal["wms", "3pl", "erp"]


class SnapshotLine(NamedTuple):
    """One line as the source wrote it. ``position``: of a pulled state the number of its page comes first."""

    position: str
    item_ref: str
    location_ref: str
    status_ref: str
    lot: str | None
    uom: str | None
    quantity: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a full state. ``locations`` (its source's words) × ``measures`` (ours) is its declared scope.

    ``is_proven``: absence counts. Otherwise ``fault_code`` says what is missing (docs/reference/codes.md).
    ``document_key``, ``revision``: a later revision of the same document takes its place (semantics §15).
    """

    snapshot_id: str
    source: str
    system: System
    document_ids: Sequence[str]
    locations: Sequence[str]
    measures: Sequence[str]
    recorded: str
    as_of: tuple[datetime, datetime]
    received_at: datetime
    control_lines: int | None
    control_units: Decimal | None
    read_lines: int
    read_units: Decimal
    declares_complete: bool
    fault_code: str | None = None
    document_key: str | None = None
    revision: int = 1

    @property
    def is_proven(self) -> bool:
        return self.fault_code is None


def snapshot_id(source: str, recorded: str, document_ids: Sequence[str], part: str = "") -> str:
    """Hash of whose state it is, of when, and of its documents; ``part`` tells two states of one document apart."""
    return sha256(ascii((source, recorded, tuple(document_ids), part)).encode()).hexdigest()[:ID_HEX_DIGITS]


def is_known(conn: psycopg.Connection, snapshot: str) -> bool:
    """Whether this state was landed before."""
    return conn.execute("select from raw.snapshots where snapshot_id = %s", [snapshot]).fetchone() is not None


def store(conn: psycopg.Connection, snapshot: Snapshot, lines: Iterable[SnapshotLine]) -> None:
    """Write it with its lines, once. For ``Load.beside``: the load of this session is the one that brought it."""
    each = snapshot
    if is_known(conn, each.snapshot_id):
        return
    conn.execute(
        INSERT,
        [
            each.snapshot_id, each.source, each.system, list(each.document_ids), list(each.locations),
            list(each.measures), each.recorded, *each.as_of, each.received_at, each.control_lines, each.control_units,
            each.read_lines, each.read_units, each.declares_complete, each.is_proven, each.fault_code,
            each.document_key or each.snapshot_id, each.revision,
        ],
    )  # fmt: skip
    end = f"\t{value(each.received_at)}\n"
    with conn.cursor() as cursor, cursor.copy(COPY_LINES) as copy:
        block: list[str] = []
        for line in lines:
            block.append(f"{each.snapshot_id}\t" + "\t".join(map(value, line)) + end)
            if len(block) == LINES_PER_BLOCK:
                copy.write("".join(block))
                block = []
        copy.write("".join(block))


def span_of(written: str, zone: ZoneInfo | None = None) -> tuple[datetime, datetime] | None:
    """An as-of as its interval [from, to) in UTC (semantics §2), as ``staging.stg_facts`` reads it.

    Args:
        zone: for a time without one. None: such a time is none.
    Returns:
        None for what is no date or time, or a local time that daylight saving skips.
    """
    found = AS_OF.fullmatch(written)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(written)
        if at.tzinfo is not None:
            begins = ends = at.astimezone(UTC)
        elif zone is None:
            return None
        else:
            begins, ends = _instants(at, zone)
            if "T" not in written:
                begins, ends = begins, _instants(at + timedelta(days=1), zone)[0]
                return begins, ends
            if begins.astimezone(zone).replace(tzinfo=None) != at:
                return None
    except (ValueError, OverflowError):
        return None
    return begins, ends + _width(found)


def _instants(at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and the last instant that show ``at``: two where daylight saving repeats the hour."""
    both = [at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(both), max(both)


def _width(found: re.Match[str]) -> timedelta:
    if found[3]:
        return timedelta(microseconds=1)
    return timedelta(seconds=1) if found[2] else timedelta(minutes=1)


def cut(span: tuple[datetime, datetime], received_at: datetime, clock_skew_s: int) -> tuple[datetime, datetime]:
    """``span`` without what came after its receipt: that was not meant (semantics §2)."""
    begins, ends = span
    return begins, min(ends, max(received_at + timedelta(seconds=clock_skew_s), begins + timedelta(microseconds=1)))
