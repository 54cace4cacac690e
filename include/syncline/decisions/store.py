"""Append a decision. The next batch takes it; who takes a batch wakes for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncline.decisions.model import Decision
from syncline.errors import TerminalError
from syncline.landing.warehouse_errors import warehouse_errors

if TYPE_CHECKING:
    import psycopg

COLUMNS = (
    "decision_id, kind, decided_by, decided_at, why, fact_id, answers, item, location, measure, lot, uom, quantity, "
    "recorded, event_key, withdraws"
)


def store(conn: psycopg.Connection, decision: Decision) -> bool:
    """Append ``decision``; False when it was stored before (role transformer).

    Raises:
        TerminalError: its id is that of another decision.
        WarehouseUnavailable: nothing was stored; the same call is safe to repeat.
    """
    with warehouse_errors("store a decision"):
        is_new = conn.execute(
            f"insert into ops.decisions ({COLUMNS}) values (%s{', %s' * 15}) "
            "on conflict (decision_id) do nothing".encode(),
            _row(decision),
        ).rowcount
        if not is_new and _said(conn, decision.decision_id) != _content(decision):
            raise TerminalError(
                f"Decision {decision.decision_id} exists and says something else.",
                next_step="Decisions are never edited: leave --id out, the newer one replaces the older.",
            )
    return bool(is_new)


def _row(decision: Decision) -> tuple[Any, ...]:
    w = decision.write_off
    moved = (w.item, w.location, w.measure, w.lot, w.uom, w.quantity, w.recorded, w.event_key) if w else (None,) * 8
    said = (decision.decision_id, decision.kind, decision.by, decision.at, decision.why)
    return (*said, decision.fact_id, list(decision.answers), *moved, decision.withdraws)


def _content(decision: Decision) -> tuple[Any, ...]:
    """What makes two decisions the same: not when, and not what was seen at the time."""
    w = decision.write_off
    moved = (w.item, w.location, w.measure, w.lot, w.quantity) if w else (None,) * 5
    accepted = sorted(decision.answers) if decision.kind == "accept" else None
    return (decision.kind, decision.fact_id, accepted, decision.withdraws, *moved)


def _said(conn: psycopg.Connection, decision_id: str) -> tuple[Any, ...]:
    row = conn.execute(
        "select kind, fact_id, answers, withdraws, item, location, measure, lot, quantity from ops.decisions "
        "where decision_id = %s",
        (decision_id,),
    ).fetchone()
    assert row is not None, "a decision is never deleted"
    kind, fact_id, answers, withdraws, *moved = row
    return (kind, fact_id, sorted(answers) if kind == "accept" else None, withdraws, *moved)
