"""A partner takes connections and never answers, for more than an hour of the day: nobody else notices.

The hour is virtual (a real minute here); the time-outs are the registry's own, in real seconds. The first hang lasts
longer than all tries of a task, so that its run ends red and the next one begins.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from tests.live.installation import WORK_S, Live

from syncline.clock import clock_from_env
from syncline.runtime.partners import Day

DAY = Day(seed=29, hours=11.0, rate=60.0)
pytestmark = pytest.mark.live
HOUR_S = 3600 / DAY.rate  # real seconds of a virtual hour
RED_S = 420.0  # four tries of a pull that nobody answers, with their pauses
SOURCES = {"dc1_wms": "DC1", "acme_3pl": "DC1", "dc2_wms": "DC2", "beta_3pl": "DC3"}
SILENT_MAX_S = 60.0
# From the landing of a load to the first answer of the ERP for its site in the same batch; virtual seconds.
LATENCIES = """
select extract(epoch from min(a.answered_at) - l.received_at)::float8
from raw.loads l
join ops.batch_loads b using (load_id)
join ops.outbox o on o.batch_id = b.batch_id and o.target = 'erp' and o.location = %s
join ops.push_attempts a on a.correction_id = o.correction_id and a.outcome in ('applied', 'replayed')
where l.source = %s and l.received_at between %s and %s
group by l.load_id
"""


@contextmanager
def hanging(live: Live, *names: str) -> Iterator[None]:
    live.say(f"hangs: {', '.join(names)}")
    for name in names:
        live.wires[name].hang()
    try:
        yield
    finally:
        for name in names:
            live.wires[name].resume()
        live.say(f"answers again: {', '.join(names)}")


def now(live: Live) -> datetime:
    return clock_from_env(live.twin.env["SYNCLINE_CLOCK"]).now()


def polled_at(live: Live, source: str) -> datetime:
    return live.one("select polled_at from ops.source_cursors where source = %s", source)  # type: ignore[no-any-return]


def read_at(live: Live, target: str) -> datetime:
    return live.one("select read_at from ops.target_cursors where target = %s", target)  # type: ignore[no-any-return]


def watch(live: Live, seconds: float, sources: Iterable[str], targets: Iterable[str]) -> None:
    """For so long nobody of these falls behind by more than SILENT_MAX_S real seconds."""
    end = time.monotonic() + seconds
    told = 0.0
    while time.monotonic() < end:
        live.world.tend()
        ages = {name: now(live) - polled_at(live, name) for name in sources}
        ages |= {name: now(live) - read_at(live, name) for name in targets}
        late = {name: age for name, age in ages.items() if age > timedelta(seconds=SILENT_MAX_S * DAY.rate)}
        assert not late, f"starved: {late}"
        if time.monotonic() - told > 15:
            told = time.monotonic()
            live.say(
                "real seconds since: " + ", ".join(f"{n} {a.total_seconds() / DAY.rate:.0f}" for n, a in ages.items())
            )
        time.sleep(1)


def latencies(live: Live, source: str, since: datetime, until: datetime) -> list[float]:
    """Real seconds from landing to the ERP's answer, of the loads in this time."""
    rows = live.warehouse.execute(LATENCIES, (SOURCES[source], source, since, until)).fetchall()
    return [row[0] / DAY.rate for row in rows]


def assert_unchanged(live: Live, sources: Sequence[str], before: dict[str, float], since: datetime) -> None:
    """Median latency of the others is not twice what it was, a poll of slack; each of them reached the ERP."""
    for source in sources:
        seen = latencies(live, source, since, now(live))
        assert seen, f"nothing of {source} reached the ERP"
        median = statistics.median(seen)
        live.say(f"{source}: {len(seen)} loads, median {median:.1f} s, before {before[source]:.1f} s")
        assert median <= 2 * before[source] + 15


def assert_recovers(live: Live, sources: Iterable[str], targets: Iterable[str]) -> None:
    """Read to the end once more after this moment, by themselves."""
    moment = now(live)
    for name in sources:
        live.eventually(lambda name=name: polled_at(live, name) > moment, f"{name} is read again", 240)
    for name in targets:
        live.eventually(lambda name=name: read_at(live, name) > moment, f"{name} is read again", 240)


def states(live: Live, dag_id: str, since_run: str) -> list[str]:
    return [run["state"] for run in live.on_call.runs(dag_id) if run["run_after"] >= since_run]


def test_one_partner_hangs_for_hours(live: Live) -> None:
    live.eventually(lambda: live.one("select 1 from ops.outbox where state = 'applied'"), "work", WORK_S)
    began = now(live)
    watch(live, HOUR_S, SOURCES, ("erp", "shop"))
    before = {s: statistics.median(latencies(live, s, began, now(live)) or [30.0]) for s in SOURCES}
    others = ("dc1_wms", "acme_3pl", "beta_3pl")

    began, hung = now(live), polled_at(live, "dc2_wms")
    with hanging(live, "dc2_wms"):
        end = time.monotonic() + RED_S
        while not live.on_call.runs("ingest_dc2_wms", 1, state="failed"):
            assert time.monotonic() < end, "no red run"
            watch(live, 10, others, ("erp", "shop"))
        live.say("the run of the hanging partner is red")
        # One clear line, and no other red task anywhere.
        assert [(dag_id, task_id) for dag_id, _, task_id in live.red()] == [("ingest_dc2_wms", "pull")]
        (task,) = [row for row in live.on_call.tasks("ingest_dc2_wms", state="failed")]
        last = [row for row in live.on_call.log(task, task["try_number"]) if row.get("level") == "error"][-1]["event"]
        assert last.startswith("ingest_dc2_wms.pull failed: dc2_wms: no answer to GET ")
        assert "Next: " in last
        first = [row for row in live.on_call.log(task, 1) if row.get("level") == "warning"][-1]["event"]
        assert first.startswith(
            "ingest_dc2_wms.pull failed in try 1 of 4, the next one comes by itself: dc2_wms: no answer"
        )
        assert polled_at(live, "dc2_wms") < hung + timedelta(seconds=2 * 10 * DAY.rate)
        assert_unchanged(live, ("dc1_wms",), before, began)
        with hanging(live, "beta_3pl"):
            live.say("and a second one, over SFTP")
            watch(live, HOUR_S, ("dc1_wms", "acme_3pl"), ("erp", "shop"))
    assert_recovers(live, SOURCES, ("erp", "shop"))


def test_every_source_hangs(live: Live) -> None:
    """What has landed is still resolved, released and pushed."""
    live.eventually(lambda: live.one("select count(*) > 0 from ops.batches where state = 'released'"), "work", 60)
    with hanging(live, *SOURCES):
        watch(live, HOUR_S, (), ("erp", "shop"))
        waiting = live.one(
            "select count(*) from raw.loads l"
            " where not exists (select from ops.batch_loads b where b.load_id = l.load_id)"
        )
        assert waiting == 0
        assert live.one("select count(*) from ops.outbox where state in ('pending', 'sent')") == 0
        # Whoever is started by hand finds a worker too.
        assert live.world.airflow.run("marts", 120) == "success"
    assert_recovers(live, SOURCES, ("erp", "shop"))


def test_a_target_hangs(live: Live) -> None:
    """The other one is corrected meanwhile."""
    sets = "select count(*) from ops.push_attempts a join ops.outbox o using (correction_id) where o.target = 'shop'"
    before = live.one(sets)
    with hanging(live, "erp"):
        watch(live, HOUR_S, SOURCES, ("shop",))
        live.eventually(lambda: live.one(sets) > before, "corrections of the shop", 60)
    assert_recovers(live, SOURCES, ("erp", "shop"))


def test_at_the_end_everything_is_right(live: Live) -> None:
    live.drain()
    live.assert_right()
    live.assert_true_to_the_truth()
