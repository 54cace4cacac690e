"""Watch a racing day until it is quiet and everything is worked off, then judge it against the twin's truth."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from syncline.clock import Clock, clock_from_env
from syncline.errors import SynclineError
from syncline.registry import load_registry
from syncline.runtime.agreement import Agreement, compare
from syncline.runtime.partners import Partners
from syncline.runtime.progress import Progress, behind, pending, progress
from syncline.runtime.world import World
from syncline.twin.score import Score, Truth, score_all

LOOK_S = 1.0
DRAIN_S = 120.0
MARTS_S = 90.0
HELD_SHARE_MAX = 0.01
READ = "select type, count(*) from ops.edi_sets where state = 'accepted' group by type order by type"
ANSWERED = "select count(*) from ops.edi_outbound where state in ('sent', 'acknowledged')"
Show = Callable[[dict[str, Any], Progress], None]


@dataclass(frozen=True)
class Verdict:
    """What the day came to. ``documents``: EDI sets read, by type; ``answered``: acknowledgments in an outbox.

    ``reasons`` says why it is not good; empty: it is.
    """

    scores: list[Score]
    agreement: Agreement
    status: dict[str, Any]
    documents: dict[str, int]
    answered: int
    reasons: list[str]


def watch(world: World, twin: Partners, conn: psycopg.Connection, show: Show, day_s: float) -> None:
    """Return when the twin is quiet, all sources and targets were read after that, and nothing is pending.

    Args:
        show: called about every second with the twin's status and our figures.
        day_s: real seconds the day should take; DRAIN_S more are granted.

    Raises:
        ChildFailed: a component ended and cannot be brought back.
        SynclineError: the pipeline has not drained in time; says what is left.
    """
    clock, registry = clock_from_env(twin.env["SYNCLINE_CLOCK"]), load_registry()
    end = time.monotonic() + day_s + DRAIN_S
    quiet_since: datetime | None = None
    while True:
        world.tend()
        status = twin.status()
        show(status, progress(conn))
        if status["quiet"] and quiet_since is None:
            quiet_since = clock.now()
        if quiet_since is not None and _is_drained(conn, clock, quiet_since):
            return
        if time.monotonic() > end:
            late = behind(conn, registry, quiet_since) if quiet_since else 0
            raise SynclineError(
                f"The day is {status['phase']}, but {pending(conn, clock.now())} things are pending and {late} sources"
                f" or targets were not read since.",
                next_step="Read the failed tasks' logs in the logs folder of the state home.",
            )
        time.sleep(LOOK_S)


def _is_drained(conn: psycopg.Connection, clock: Clock, since: datetime) -> bool:
    """Nothing pending, everything read since, and still nothing pending: a reading may have brought work."""
    registry = load_registry()
    return (
        behind(conn, registry, since) == 0
        and pending(conn, clock.now()) == 0
        # One transaction sees one instant; a second look a moment later closes the gap between two queries.
        and behind(conn, registry, since) == 0
        and pending(conn, clock.now()) == 0
    )


def judge(conn: psycopg.Connection, twin: Partners) -> Verdict:
    """Score Syncline and the baselines and compare the targets' books with canonical."""
    truth = twin.truth()
    scores = score_all(conn, Truth.from_json(truth))
    agreement = compare(conn, truth)
    ours = scores[0]
    reasons = []
    if ours.wrong_unflagged:
        reasons.append(f"{ours.wrong_unflagged} balances are wrong and not flagged")
    if ours.double_posts:
        reasons.append(f"{ours.double_posts} corrections were posted twice")
    if agreement.wrong:
        reasons.append(f"{len(agreement.wrong)} keys of ERP or shop differ from canonical and are not held")
    if agreement.held_share > HELD_SHARE_MAX:
        reasons.append(f"{len(agreement.held)} of {agreement.keys} keys are held, more than {HELD_SHARE_MAX:.0%}")
    if not ours.latency_events:
        reasons.append("no event reached the ERP")
    documents: dict[str, int] = dict(conn.execute(READ).fetchall())
    row = conn.execute(ANSWERED).fetchone()
    return Verdict(scores, agreement, truth["status"], documents, row[0] if row else 0, reasons)
