"""The ERP's own background jobs: they lock rows of the balances in their own order and hold them for a while."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from syncline.twin.erp_books import ErpBooks
    from syncline.twin.faults import FaultCount, Faults

ROWS_MAX = 20
COLLISION_WAIT_S = 2.0
TOUCH = "update erp.balances set job_runs = job_runs + 1 where item = %s and location = %s"


class ErpJobs:
    """One thread that runs job after job until stopped. A job changes no quantity, only who must wait for whom."""

    def __init__(
        self, dsn: str, books: ErpBooks, faults: Faults, count: FaultCount, rng: Random, now_ms: Callable[[], int]
    ) -> None:
        self._dsn, self._books, self._faults, self._count, self._rng, self._now_ms = (
            dsn,
            books,
            faults,
            count,
            rng,
            now_ms,
        )
        self._stop = threading.Event()
        self._drawing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="erp-jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        if self._faults.row_lock_jobs_per_min <= 0:
            return
        with psycopg.connect(self._dsn) as conn:
            keys = conn.execute("select item, location from erp.balances order by item, location").fetchall()
            conn.commit()
            while not self._stop.wait(self._rng.expovariate(self._faults.row_lock_jobs_per_min) * 60):
                self.run_job(conn, self._rng.sample(keys, self._rng.randint(2, min(ROWS_MAX, len(keys)))))

    def collide(self, keys: list[tuple[str, str]]) -> None:
        """With the rate ``row_lock``: start a job on these rows, last one first, and return when it holds that one."""
        with self._drawing:
            is_hit = self._rng.random() < self._faults.row_lock
        if not is_hit or self._stop.is_set():
            return
        holds_one = threading.Event()

        def run() -> None:
            try:
                with psycopg.connect(self._dsn) as conn:
                    conn.execute("set lock_timeout = '5s'")
                    conn.execute(TOUCH, keys[-1])
                    holds_one.set()
                    self.run_job(conn, keys[::-1])
            except psycopg.errors.LockNotAvailable as error:
                self._books.note_lock_failure("job", error.sqlstate or "", self._now_ms())
            finally:
                holds_one.set()

        threading.Thread(target=run, name="erp-rival", daemon=True).start()
        holds_one.wait(COLLISION_WAIT_S)

    def run_job(self, conn: psycopg.Connection[Any], keys: list[tuple[str, str]]) -> None:
        """Lock the rows one after the other in the given order, pausing in between, then let go."""
        self._count.add("row_lock_job")
        pause_s = self._faults.row_lock_hold_real_s / len(keys)
        try:
            for item, location in keys:
                conn.execute(TOUCH, (item, location))
                if self._stop.wait(pause_s):
                    break
            conn.commit()
        except psycopg.errors.DeadlockDetected as error:
            # The job was the victim: it gives way and comes again some other time.
            conn.rollback()
            self._books.note_lock_failure("job", error.sqlstate or "", self._now_ms())
