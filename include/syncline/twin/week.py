"""Ground truth at scale: a simulated week of a large network, Syncline beside the baselines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from syncline.twin.baselines.latest_arrival import LatestArrival
from syncline.twin.cause_score import CauseScore, cause_score
from syncline.twin.crosswalk import StockKey
from syncline.twin.feeding import RESOLVE_EVERY_S, feed, instant
from syncline.twin.network import Network
from syncline.twin.pilot import Mismatch, mismatches, shadow_pilot
from syncline.twin.replay import Change, Lived, drift_of, replay
from syncline.twin.schedule import Day
from syncline.twin.score import DayEnd, Score, measure, score_baseline
from syncline.twin.score_sql import BALANCES, FLAGGED_SINCE_BASE, TOLD_SINCE
from syncline.twin.truth_api import status_of
from syncline.twin.verdict_score import VerdictScore, verdict_scores

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from syncline.outbox.shadow import ShadowReport
    from syncline.twin.faults import Faults
    from syncline.twin.world import World

BEFORE = LatestArrival.name
FILES_EVERY_S = 12 * 3600
# Of the events of a day so many stand in the log of a WMS: one site has none that talks, and not every order is met.
LOGGED_SHARE = 0.68


@dataclass(frozen=True)
class Week:
    """Figures of one run; ``wrong_untold``: keys where Syncline is wrong because an event was lost and nothing has been
    said of them since: nobody can know. In no score, nor in a baseline's, are such keys wrong and unflagged.

    ``pilot``: what the shadow report says of an ERP that believed the feeds as they came (``BEFORE``)."""

    seed: int
    scores: list[Score]
    verdicts: list[VerdictScore]
    wrong_untold: list[str]
    facts: int
    batches: int
    dbt_s: float
    status: dict[str, Any]
    causes: CauseScore
    mismatches: list[Mismatch]
    pilot: list[ShadowReport]

    def as_json(self) -> dict[str, Any]:
        shares = ("decided_share", "precision", "recall")
        verdicts = [{**asdict(each), **{name: getattr(each, name) for name in shares}} for each in self.verdicts]
        return {**asdict(self), "verdicts": verdicts, "causes": self.causes.as_json()}


def large_day(seed: int, days: float, events: int, items: int, files_every_s: int = FILES_EVERY_S) -> Day:
    """About ``events`` in the logs of the WMS in ``days`` days; both partners report everything every so often.

    Raises:
        ConfigurationError: out of the bounds of what is simulated.
    """
    network = Network.sized(items, files_every_s, files_every_s)
    hours = days * 24
    per_hour = round(events / hours / LOGGED_SHARE) if hours > 0 else 0
    return Day(seed=seed, hours=hours, events_per_hour=per_hour, network=network)


def live_week(
    conn: psycopg.Connection[Any],
    dsn: str,
    day: Day,
    faults: Faults,
    say: Callable[[str], None],
    resolve_every_s: int = RESOLVE_EVERY_S,
) -> Week:
    """Run it in the empty, migrated warehouse of ``conn`` and ``dsn`` (its owner); ``say`` is told how far it is."""
    fed = feed(conn, dsn, day, faults, say, resolve_every_s)
    say("scoring")
    lived = Lived.of(fed.world, fed.now_ms)
    end = DayEnd({change.key: change.units for change in lived.truth}, lived.attempts)
    unknowable = _unknowable(conn, fed.world)
    believed = {StockKey(item, location): units for item, location, units in conn.execute(BALANCES)}
    opening = [Change(day.start_ms, key, units) for key, units in lived.erp_opening.items()]
    drift = drift_of(lived, opening + fed.believed)
    syncline, untold = _score(conn, end, believed, unknowable, drift.unit_ms())
    outcomes = replay(lived)
    rows = [(each.name, each.on_hand, each.wrong_ms) for each in outcomes] + [("syncline", believed, drift.wrong_ms)]
    row = conn.execute("select count(*) from raw.facts").fetchone()
    verdicts = verdict_scores(conn, fed.world, lived, fed.widths)
    causes = cause_score(conn, fed.world, lived)
    before = next(each for each in outcomes if each.name == BEFORE)
    with TemporaryDirectory(prefix="syncline-dbt-") as folder:
        pilot = shadow_pilot(conn, dsn, Path(folder), before.on_hand, instant(fed.now_ms + 1000))
    return Week(
        day.seed, [syncline, *(score_baseline(outcome, end, unknowable) for outcome in outcomes)],
        verdicts, untold,
        row[0] if row else 0, fed.batches, round(fed.dbt_s, 1), status_of(fed.world, fed.now_ms),
        causes, [each for one in rows for each in mismatches(lived, *one)], pilot,
    )  # fmt: skip


def _unknowable(conn: psycopg.Connection[Any], world: World) -> set[StockKey]:
    """Keys of which an event was lost, and nothing has been said since."""
    lost = {
        StockKey(key.item, key.location): at_ms
        for key, at_ms in world.books.lost_ms.items()
        if key.measure == "on_hand"
    }
    return {
        key
        for key, at_ms in lost.items()
        if conn.execute(TOLD_SINCE, (key.item, key.location, at_ms)).fetchone() == (False,)
    }


def _score(
    conn: psycopg.Connection[Any], end: DayEnd, believed: dict[StockKey, int], unknowable: set[StockKey], drift: int
) -> tuple[Score, list[str]]:
    """Syncline's score, its belief taken for the ERP's number as with the baselines, and the keys nobody can know."""
    flagged = {StockKey(*row) for row in conn.execute(FLAGGED_SINCE_BASE)}
    wrong = {key for key, units in end.on_hand.items() if believed.get(key) != units}
    untold = (wrong - flagged) & unknowable
    score = measure(
        "syncline", end, believed, flagged | untold, believed, None,
        double_posts=0, drift_unit_ms=drift, lock_failures=None, latencies=None,
    )  # fmt: skip
    return score, sorted(f"{key.item}@{key.location}" for key in untold)
