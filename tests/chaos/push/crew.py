"""The workers of all targets: started, killed, cleared while they run, and started again."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.chaos.push import plan
from tests.chaos.push.worker import work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.push.run import Settings
    from tests.chaos.push.site import Site

LOOK_S = 0.02
CLEARED_S = 0.3  # a cleared task's next try runs beside it for so long


class Crew:
    """``count``: kills, clears, outside changes, restarts by (target, what). Used from one thread beside its own."""

    def __init__(self, sites: list[Site], dsn: str, settings: Settings, broken: Path) -> None:
        self._sites, self._dsn, self._workers, self._broken = sites, dsn, settings.workers, broken
        self._plans = {
            site.name: plan.blows(
                settings.seed, site.name, others=not site.policy.sole_writer, lines=site.policy.lines_max,
                often=settings.often,
            )
            for site in sites
        }  # fmt: skip
        self._next: dict[str, tuple[int, plan.Blow]] = {name: next(rows) for name, rows in self._plans.items()}
        self._context: Any = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.chaos.push.preload"])
        self._running: dict[tuple[str, int], Any] = {}
        self._due: list[tuple[float, Any]] = []
        self.count: Counter[tuple[str, str]] = Counter()
        self.errors: list[str] = []
        self._is_calm = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crew", daemon=True)

    def start(self) -> None:
        for site in self._sites:
            for number in range(self._workers):
                self._begin(site, number)
        self._thread.start()

    def calm(self) -> None:
        """No more blows; who dies of an outage is still started again."""
        self._is_calm.set()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.join(10)

    def _begin(self, site: Site, number: int) -> None:
        process = self._context.Process(
            target=work,
            args=(site.entry, site.connection, site.policy, self._dsn, f"{site.name} {number}", self._broken),
            daemon=True,
        )
        process.start()
        self._running[site.name, number] = process

    def _run(self) -> None:
        try:
            while not self._stop.wait(LOOK_S):
                self._revive()
                if not self._is_calm.is_set():
                    self._take_blows()
                now_s = time.monotonic()
                due, self._due = [e for e in self._due if e[0] <= now_s], [e for e in self._due if e[0] > now_s]
                for _, act in due:
                    act()
        except Exception as error:  # noqa: BLE001 - a thread that dies unheard would make the run a calm one
            self.errors.append(f"the crew's own thread: {type(error).__name__}: {error}")

    def _revive(self) -> None:
        for site in self._sites:
            for number in range(self._workers):
                process = self._running[site.name, number]
                if process.exitcode is not None:
                    self.count[site.name, "restarts"] += 1
                    process.close()
                    self._begin(site, number)

    def _take_blows(self) -> None:
        for site in self._sites:
            seen = site.documents()
            for blow in self._reached(site.name, seen):
                self._due.append((time.monotonic() + blow.after_s, lambda s=site, b=blow: self._strike(s, b)))

    def _reached(self, name: str, seen: int) -> Iterator[plan.Blow]:
        while self._next[name][0] <= seen:
            yield self._next[name][1]
            self._next[name] = next(self._plans[name], (plan.DOCUMENTS_MAX * 10, plan.Blow("kill", 0.0, 0, 0)))

    def _strike(self, site: Site, blow: plan.Blow) -> None:
        self.count[site.name, blow.kind] += 1
        if blow.kind == "outside":
            site.outside(site.keys[blow.place % len(site.keys)], blow.delta)
            return
        number = blow.place % self._workers
        victim = self._running[site.name, number]
        if blow.kind == "kill":
            victim.kill()
            return
        # Cleared while it runs: the next try of the same task begins, and only then the old one is told to go.
        self._begin(site, number)
        self._due.append((time.monotonic() + CLEARED_S, victim.terminate))
