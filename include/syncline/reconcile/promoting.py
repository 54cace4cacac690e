"""Promote what differs: of a pulled state, the lines that canonical does not hold become facts, and resolve decides.

The rest stays ``raw.snapshot_lines``: a state of a million lines of which ten differ is ten facts. What is promoted is
said by the documents of the state, at its as-of and with their receipt, so it is the same facts whenever it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row

from syncline.landing import Fact
from syncline.landing.stored import OfDocument, land_stored
from syncline.reconcile.differences import Differences, Said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import psycopg

READING = "balances/1"  # raise it with every change of what is promoted from the same state
FEED = "api"  # of its facts: how the source speaks

# Of the states that were compared, those that were pulled: what a file says is a fact already. The ERP's books are
# compared, never taken over: it owns no stock.
_STATES = """
select s.snapshot_id, s.source, s.document_ids, s.recorded, s.received_at, s.locations[1] as place
from raw.snapshots s join raw.loads l using (load_id)
where s.snapshot_id = any(%s) and l.feed = 'balances' and s.is_proven and s.system in ('wms', '3pl')
order by s.source, s.snapshot_id
"""


class State(NamedTuple):
    """A proven state: whose, of which documents (its pages in order), as of when and received when."""

    snapshot_id: str
    source: str
    document_ids: list[str]
    recorded: str
    received_at: datetime
    place: str


@dataclass(frozen=True, slots=True)
class Promoted:
    """What became of one state. ``facts`` counts what was new; a state that is a flood has none, ``flood`` says why."""

    source: str
    snapshot_id: str
    compared: int
    differing: int
    facts: int
    load_id: int | None
    flood: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Flood(NamedTuple):
    """When a state differs so much that it is not believed: ``share_pct`` of its keys, and at least ``keys_min``."""

    share_pct: int = 40
    keys_min: int = 20


def promote(
    transformer: psycopg.Connection,
    loader: psycopg.Connection,
    location: str,
    states: Sequence[str],
    floods: Mapping[str, str],
) -> list[Promoted]:
    """Land, as facts, what ``states`` of ``location`` say otherwise than canonical, but those that are ``floods``.

    Twice is once: what was promoted before is known by its content, and what canonical took over differs no more.

    Args:
        transformer: reads raw, ops and canonical. loader: lands.
        states: ids of what was compared. floods: id -> why it is not believed.
    Raises:
        WarehouseUnavailable: what was promoted before the error stands; the next call goes on.
    """
    with transformer.cursor(row_factory=class_row(State)) as cursor:
        found = cursor.execute(_STATES, [list(states)]).fetchall()
    return [_promote(transformer, loader, location, state, floods.get(state.snapshot_id)) for state in found]


def _promote(
    transformer: psycopg.Connection, loader: psycopg.Connection, location: str, state: State, flood: str | None
) -> Promoted:
    with transformer.transaction():
        differences = Differences(transformer, state.snapshot_id, location)
        counts = differences.counts()
        said = [] if flood else differences.said()
    facts = [_fact(state, each) for each in said]
    landed = land_stored(loader, state.source, FEED, state.received_at, facts) if facts else None
    return Promoted(
        state.source, state.snapshot_id, counts.compared, counts.differing, landed.facts if landed else 0,
        landed.load_id if landed else None, flood,
    )  # fmt: skip


def _fact(state: State, said: Said) -> OfDocument:
    """What is not there is said by all pages together: by the last one, whose totals prove it."""
    page = len(state.document_ids) if said.position is None else int(said.position.partition(":")[0])
    parts = [state.snapshot_id, _plain(said.item_ref), _plain(said.status_ref)]
    parts += [_plain(said.lot)] if said.lot is not None else []
    parts += [said.kind] if said.kind != "line" else []
    line_key = "/".join(parts)
    position = said.kind if said.position is None else said.position.partition(":")[2]
    return OfDocument(
        state.document_ids[page - 1],
        Fact(
            "balance", said.item_ref, state.place, said.status_ref, said.uom, said.quantity, state.recorded, line_key,
            f"{state.source}/{line_key}", position, READING, lot=said.lot,
        ),
    )  # fmt: skip


def _plain(text: str) -> str:
    """A partner's text as one part of a key: no two texts make one key."""
    return text.replace("%", "%25").replace("/", "%2F")
