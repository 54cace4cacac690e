"""Runs of the reconciliation: one row of ``ops.reconciliations`` for each location that a run is asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from syncline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

    from syncline.reconcile.promoting import Promoted
    from syncline.reconcile.pulling import Pulled

_BEGIN = """
insert into ops.reconciliations (location, as_of, asked_by, begun_at) values (%(location)s, %(as_of)s, %(by)s, %(at)s)
on conflict (location, asked_by) do nothing
"""
_COLUMNS = "run_id, location, as_of, asked_by, begun_at, state, pulled, compared, promoted, ended_at"
RUNS_SHOWN = 20
# A partner whose clock is a little behind ours knows nothing of now yet, and refuses to tell it.
BEHIND = timedelta(seconds=60)


class Run(NamedTuple):
    """One location of one run. ``pulled`` and ``promoted``: what came of its states, by source.

    ``compared``: see ``comparing.Compared``; None before that, and for a run that a newer one has overtaken.
    """

    run_id: int
    location: str
    as_of: datetime
    asked_by: str
    begun_at: datetime
    state: str
    pulled: list[dict[str, Any]]
    compared: dict[str, Any] | None
    promoted: list[dict[str, Any]]
    ended_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self._fields}
        return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in told.items()}


def begin(conn: psycopg.Connection, location: str, asked_by: str, now: datetime) -> Run:
    """The run of ``location`` that ``asked_by`` asks for: begun now, as of just before, or the one it began already.

    Whoever is cleared asks again by the same name, gets the same as-of, and so pulls the same states.
    """
    conn.execute(_BEGIN, {"location": location, "as_of": now - BEHIND, "at": now, "by": asked_by})
    found = _runs(conn, "location = %s and asked_by = %s", [location, asked_by])
    assert found
    return found[0]


def note_pulled(conn: psycopg.Connection, run_id: int, pulled: Sequence[Pulled], missed: dict[str, str]) -> None:
    """What came of the pulls; ``missed``: source -> why it told nothing."""
    told = [each.as_json() for each in pulled] + [
        {"source": source, "fault_code": "no_answer", "why": why, "is_proven": False} for source, why in missed.items()
    ]
    conn.execute(
        "update ops.reconciliations set pulled = %s, state = 'pulled' where run_id = %s", [Jsonb(told), run_id]
    )


def note_promoted(conn: psycopg.Connection, run_id: int, promoted: Sequence[Promoted], now: datetime) -> None:
    """The run is over."""
    conn.execute(
        "update ops.reconciliations set promoted = %s, state = 'promoted', ended_at = %s where run_id = %s",
        [Jsonb([each.as_json() for each in promoted]), now, run_id],
    )


def run_of(conn: psycopg.Connection, run_id: int) -> Run:
    """The run ``run_id``.

    Raises:
        ConfigurationError: there is none.
    """
    found = _runs(conn, "run_id = %s", [run_id])
    if not found:
        raise ConfigurationError(
            f"There is no run {run_id} of the reconciliation.", next_step="`syncline reconcile show` lists them."
        )
    return found[0]


def newest(conn: psycopg.Connection, location: str | None) -> list[Run]:
    """The newest runs, of ``location`` or of all, newest first."""
    return _runs(conn, "(%s::text is null or location = %s)", [location, location])


def _runs(conn: psycopg.Connection, where: str, values: list[Any]) -> list[Run]:
    query = f"select {_COLUMNS} from ops.reconciliations where {where} order by run_id desc limit {RUNS_SHOWN}"
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
