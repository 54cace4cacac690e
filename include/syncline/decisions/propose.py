"""From what a person names to a decision: checked against what is resolved now, nothing written."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from syncline.config.tables import MEASURES
from syncline.decisions.exceptions import facts_of
from syncline.decisions.facts import NO_TELLING, Telling, beside, find
from syncline.decisions.model import UNITS_MAX, Decision, WriteOff, new_id
from syncline.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg


def propose_keep(
    conn: psycopg.Connection, fact: str, *, by: str, at: datetime, why: str, decision_id: str | None = None
) -> Decision:
    """``fact`` shall be the kept telling of its line and of its event.

    Raises:
        TerminalError: it is not one resolved fact, it is no telling (test, quarantined, an echo), or nothing else is
            told of its line or event.
    """
    kept = find(conn, fact)
    if kept.disposition in NO_TELLING:
        raise TerminalError(
            f"Fact {kept.fact_id} is {kept.disposition} ({kept.reason or 'our own correction'}): it tells nothing.",
            next_step="Keep one of the other tellings, or repair what keeps it out (syncline quarantine list).",
            fact_id=kept.fact_id,
        )
    others = beside(conn, kept)
    if not others:
        raise TerminalError(
            f"Nothing else is told of line {kept.line_key} of {kept.source} or of event {kept.event_key}.",
            next_step="Nothing is to be decided: the fact stands as it is.",
            fact_id=kept.fact_id,
        )
    answers = tuple(other.fact_id for other in others)
    return Decision(decision_id or new_id(), "keep", by, at, why, fact_id=kept.fact_id, answers=answers)


def propose_accept(
    conn: psycopg.Connection,
    facts: Sequence[str],
    *,
    by: str,
    at: datetime,
    why: str,
    exception_id: int | None = None,
    decision_id: str | None = None,
) -> Decision:
    """What stands shall stand: of each conflict the kept telling, against each discrepancy our number.

    Args:
        facts: facts that lost a conflict, statements with a discrepancy, movements of a discontinued item.
        exception_id: also all such facts of this open exception.

    Raises:
        TerminalError: nothing is named, or a fact asks for no such answer.
    """
    named = [find(conn, fact) for fact in facts]
    for telling in named:
        if not _is_disputed(conn, telling):
            raise TerminalError(
                f"Fact {telling.fact_id} is {telling.disposition}: it is in no conflict and no discrepancy.",
                next_step="Accept what an open exception names; see ops.exceptions.",
                fact_id=telling.fact_id,
            )
    ids = [telling.fact_id for telling in named]
    if exception_id is not None:
        ids += facts_of(conn, exception_id)
    if not ids:
        raise TerminalError("Nothing is named.", next_step="Name facts, or an open exception with --exception.")
    return Decision(decision_id or new_id(), "accept", by, at, why, answers=tuple(dict.fromkeys(ids)))


def propose_write_off(
    conn: psycopg.Connection,
    item: str,
    location: str,
    quantity: int,
    *,
    measure: str = "on_hand",
    lot: str | None = None,
    recorded: datetime | None = None,
    event_key: str | None = None,
    by: str,
    at: datetime,
    why: str,
    decision_id: str | None = None,
    withdraws: str | None = None,
) -> Decision:
    """A movement of ``quantity`` (signed, base units) that happened at ``recorded`` (default: ``at``).

    Raises:
        TerminalError: the quantity is 0 or absurd, ``recorded`` is not past, the key has no balance, or its lots are
            kept apart and none is named.
    """
    if quantity == 0 or abs(quantity) > UNITS_MAX:
        raise TerminalError(f"{quantity} units cannot be written off.", next_step="Give the signed number, not 0.")
    happened = at if recorded is None else recorded.astimezone(UTC)
    if happened > at:
        raise TerminalError(
            f"{happened.isoformat()} has not come yet.", next_step=f"Give an instant up to {at.isoformat()}."
        )
    if measure not in MEASURES:
        raise TerminalError(f"{measure!r} is no stored measure.", next_step=f"Give one of {', '.join(MEASURES)}.")
    uom = _base_unit(conn, item, location, measure, lot)
    name = decision_id or new_id()
    write_off = WriteOff(item, location, measure, lot, uom, quantity, happened, event_key or f"decision/{name}")
    return Decision(name, "write_off", by, at, why, write_off=write_off, withdraws=withdraws)


def propose_withdraw(
    conn: psycopg.Connection, decision: str, *, by: str, at: datetime, why: str, decision_id: str | None = None
) -> Decision:
    """The accept ``decision`` shall not hold any more: what it answered is in question again.

    Raises:
        TerminalError: it is none, no accept, or withdrawn already.
    """
    row = conn.execute(
        "select d.kind, d.answers, w.decision_id from ops.decisions d "
        "left join ops.decisions w on w.kind = 'withdraw' and w.withdraws = d.decision_id where d.decision_id = %s",
        (decision,),
    ).fetchone()
    if row is None:
        raise TerminalError(f"There is no decision {decision[:100]!r}.", next_step="Find it: syncline decide list.")
    kind, answers, withdrawn_by = row
    if kind != "accept":
        step = (
            "Book the opposite: syncline decide write-off." if kind == "write_off" else "Decide anew about its facts."
        )
        raise TerminalError(f"Decision {decision} is a {kind}: only an accept is withdrawn.", next_step=step)
    if withdrawn_by is not None and withdrawn_by != decision_id:
        raise TerminalError(
            f"Decision {decision} was withdrawn by {withdrawn_by}.", next_step="Nothing is to be withdrawn any more."
        )
    return Decision(decision_id or new_id(), "withdraw", by, at, why, answers=tuple(answers), withdraws=decision)


def _is_disputed(conn: psycopg.Connection, telling: Telling) -> bool:
    if telling.disposition == "conflict":
        return True
    row = conn.execute(
        """
        select exists (select from canonical.verdicts where fact_id = %(fact)s and verdict in ('discrepancy', 'delay'))
            or exists (
              select from staging.stg_facts f join ops.current_items i using (item)
              where f.fact_id = %(fact)s and f.kind = 'movement' and f.said_from >= i.discontinued_from)
        """,
        {"fact": telling.fact_id},
    ).fetchone()
    return row == (True,)


def _base_unit(conn: psycopg.Connection, item: str, location: str, measure: str, lot: str | None) -> str:
    lots = {
        str(row[0])
        for row in conn.execute(
            "select lot from canonical.balances where (item, location, measure) = (%s, %s, %s)",
            (item, location, measure),
        )
    }
    if not lots:
        raise TerminalError(
            f"There is no {measure} of {item} at {location}.",
            next_step="Check item, location and measure in canonical.balances.",
        )
    if "" not in lots and lot not in lots:
        raise TerminalError(
            f"{item} at {location} is counted by lot, and {lot or 'none'} is no lot of it.",
            next_step=f"Name one with --lot: {', '.join(sorted(lots)[:20])}.",
        )
    row = conn.execute("select base_uom from ops.current_items where item = %s", (item,)).fetchone()
    if row is None:
        raise TerminalError(f"{item} is not in items.csv any more.", next_step="Add it, then: syncline config apply.")
    return str(row[0])
