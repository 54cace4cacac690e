"""A running installation, and what must be true of it when the day is over."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from tests.live.on_call import OnCall, eventually
from tests.live.wire import Wires

from syncline.clock import Clock, clock_from_env
from syncline.runtime import demo
from syncline.runtime.agreement import compare
from syncline.runtime.environment import build
from syncline.runtime.partners import Day, Partners
from syncline.runtime.world import World

DRAIN_S = 300.0  # after the last hour of the day
WORK_S = 420.0  # from the start to the first correction, on a machine that does other things too
WATCH_EVERY_S = 15.0
RED = ("failed", "upstream_failed")
Found = TypeVar("Found")


@dataclass
class Live:
    """What runs.

    ``day``: what the twin plays. ``warehouse``: owner connection. ``books``: the ERP's own database, looked at past its
    API. ``wires`` stand between the tasks and every partner. ``heard``: what `syncline up` would have printed.
    """

    world: World
    day: Day
    twin: Partners
    on_call: OnCall
    warehouse: psycopg.Connection
    books: psycopg.Connection
    wires: Wires
    heard: list[str]
    began_s: float = field(default_factory=time.monotonic)

    @property
    def clock(self) -> Clock:
        """The virtual clock of the day."""
        return clock_from_env(self.twin.env["SYNCLINE_CLOCK"])

    def say(self, line: str) -> None:
        """Progress, seen with `pytest -s`."""
        print(f"{time.monotonic() - self.began_s:5.0f} s  {line}", flush=True)

    def eventually(self, look: Callable[[], Found | None], what: str, within_s: float) -> Found:
        """As ``on_call.eventually``, with somebody who looks after the components, as in `syncline up`."""

        def tended() -> Found | None:
            self.world.tend()
            return look()

        return eventually(tended, what, within_s)

    def red(self) -> list[tuple[str, str, str]]:
        """(DAG, run, task) of every task that is red now."""
        return [
            (task["dag_id"], task["dag_run_id"], task["task_id"])
            for state in RED
            for task in self.on_call.tasks("~", state=state)
        ]

    def one(self, query: str, *values: Any) -> Any:
        """First column of the first row of a query on the warehouse; None when there is no row."""
        row = self.warehouse.execute(query, values).fetchone()
        return row and row[0]

    def drain(self) -> None:
        """Until the day is quiet and nothing is pending, as the demo waits for it."""
        told_s = 0.0

        def show(status: dict[str, Any], progress: object) -> None:
            nonlocal told_s
            if time.monotonic() - told_s > WATCH_EVERY_S:
                told_s = time.monotonic()
                self.say(f"{status['now'][11:19]} {status['phase']}: {progress}")

        day_s = self.day.lead_s + self.day.hours * 3600 / self.day.rate
        left_s = max(0.0, self.began_s + day_s - time.monotonic())
        demo.watch(self.world, self.twin, self.warehouse, show, left_s + DRAIN_S)

    def assert_true_to_the_truth(self) -> None:
        """The demo's own verdict: nothing wrong and unflagged, nothing posted twice, ERP and shop equal canonical."""
        assert demo.judge(self.warehouse, self.twin).reasons == []

    def assert_rebuilds_to_the_same(self) -> None:
        """`syncline rebuild` finds the same hashes."""
        command = [str(Path(sys.executable).parent / "syncline"), "rebuild"]
        environment = build(self.world.installation, self.twin.env)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def assert_right(self) -> None:
        """ERP and shop show what canonical says, and no reference stands twice in the ERP's change list."""
        agreement = compare(self.warehouse, self.twin.truth())
        assert agreement.wrong == []
        assert agreement.held == {}
        assert agreement.keys > 100
        changes = self.books.execute("select reference from erp.changes where reference is not null")
        posted = [row[0] for row in changes]
        assert len(posted) == len(set(posted))
        applied = self.warehouse.execute(
            "select correction_id from ops.outbox where (target, state) = ('erp', 'applied')"
        )
        # Exactly what we believe to be applied is there: nothing lost, nothing posted behind our back.
        assert set(posted) == {row[0] for row in applied}
