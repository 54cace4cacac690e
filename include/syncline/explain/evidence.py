"""What did not count and why, and how each statement compared with what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from syncline.explain.keys import StockKey
from syncline.explain.words import verdict as in_words
from syncline.explain.words import why

if TYPE_CHECKING:
    import psycopg

# A quarantined fact has its cell when only its quantity or time could not be understood. Confirmed statements did not
# become the base, but nothing is wrong with them: their verdict is enough.
LOSERS = (
    "stale", "conflict", "duplicate", "superseded", "not_owner", "contradicted", "echo", "quarantined", "test",
)  # fmt: skip
_KEY = "(d.item, d.location, d.measure, d.lot) = (%(item)s, %(location)s, %(measure)s, %(lot)s)"
_LOSERS = f"""
from intermediate.int_dispositions d join staging.stg_facts s using (fact_id)
where {_KEY} and d.disposition = any(%(losers)s) and coalesce(s.said_from, s.received_at) <= %(until)s
"""
_VERDICTS = f"""
select d.fact_id, d.reported, d.verdict, d.is_decided, d.variances, d.reason, d.compared_to,
  d.explained_by, d.due_at, count(*) over () as count
from canonical.verdicts d
where {_KEY} and d.reported_from <= %(until)s
order by d.reported_from desc, d.reported_to desc, d.fact_id collate "C" desc limit %(limit)s
"""


# What people decided about facts of the story, and the newest first: it replaces what was decided before.
_DECISIONS = """
select d.kind, d.decided_by, d.decided_at, d.why, d.fact_id, d.answers
from ops.current_decisions d
where (d.fact_id = any(%(facts)s) or d.answers && %(facts)s::text[]) and d.decided_at <= %(until)s
order by d.decided_at desc, d.decision_id collate "C" desc limit %(limit)s
"""


@dataclass(frozen=True)
class Choice:
    """What a person decided: ``keep`` names the telling that holds (``fact_id``), ``accept`` the facts it answers."""

    kind: str
    decided_by: str
    decided_at: datetime
    why: str
    fact_id: str | None
    answers: list[str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"decided_at": self.decided_at.isoformat()}


@dataclass(frozen=True)
class Loser:
    """A fact that does not move the number; ``why`` in words."""

    fact_id: str
    disposition: str
    reason: str | None

    @property
    def why(self) -> str:
        return why(self.disposition, self.reason)


@dataclass(frozen=True)
class Verdict:
    """How a statement was judged (semantics §6): ``variances`` ascending, ``compared_to`` the one before it.

    A ``delay`` is ``explained_by`` facts in flight, which its owner must have told by ``due_at``.
    """

    fact_id: str
    reported: int
    verdict: str
    is_decided: bool
    variances: list[int]
    reason: str | None
    compared_to: str | None
    explained_by: list[str] | None
    due_at: datetime | None
    count: int

    def words(self) -> str:
        said = in_words(self.verdict, self.is_decided, self.variances, self.reason)
        return f"{said}, explained by {len(self.explained_by)} facts in flight" if self.explained_by else said

    def as_json(self) -> dict[str, Any]:
        row = asdict(self) | {"due_at": self.due_at and self.due_at.isoformat()}
        del row["count"]
        return row | {"words": self.words()}


def _values(key: StockKey, as_of: datetime | None) -> dict[str, Any]:
    # Postgres reads 'infinity' as an instant.
    return {
        "item": key.item, "location": key.location, "measure": key.measure, "lot": key.lot,
        "losers": list(LOSERS), "until": as_of or "infinity",
    }  # fmt: skip


def losers(
    conn: psycopg.Connection, key: StockKey, as_of: datetime | None, limit: int
) -> tuple[list[Loser], dict[str, int]]:
    """The latest ``limit`` facts of ``key`` that did not count, newest first, and how many there are by disposition."""
    values = _values(key, as_of) | {"limit": limit}
    counts = conn.execute(f"select d.disposition, count(*) {_LOSERS} group by 1 order by 1".encode(), values).fetchall()
    with conn.cursor(row_factory=class_row(Loser)) as cursor:
        found = cursor.execute(
            f"select d.fact_id, d.disposition, d.reason {_LOSERS} "
            'order by s.received_at desc, s.said_from desc, d.fact_id collate "C" desc limit %(limit)s'.encode(),
            values,
        ).fetchall()
    return found, dict(counts)


def verdicts(conn: psycopg.Connection, key: StockKey, as_of: datetime | None, limit: int) -> tuple[list[Verdict], int]:
    """The latest ``limit`` verdicts of ``key``, newest first, and how many there are."""
    with conn.cursor(row_factory=class_row(Verdict)) as cursor:
        found = cursor.execute(_VERDICTS.encode(), _values(key, as_of) | {"limit": limit}).fetchall()
    return found, found[0].count if found else 0


def choices(conn: psycopg.Connection, facts: Sequence[str], as_of: datetime | None, limit: int) -> list[Choice]:
    """The latest ``limit`` decisions about any of ``facts``, newest first."""
    with conn.cursor(row_factory=class_row(Choice)) as cursor:
        return cursor.execute(
            _DECISIONS, {"facts": list(facts), "until": as_of or "infinity", "limit": limit}
        ).fetchall()
