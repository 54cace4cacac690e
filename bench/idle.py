"""A poll that finds nothing: both WMS asked over HTTP, nothing landed, no batch opened; against `select 1`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg

from bench.figures import Figure
from bench.sizes import Size
from bench.warehouse import Bench
from syncline.clock import Clock, clock_from_env
from syncline.connections import connection
from syncline.registry import Source, load_registry
from syncline.resolve import open_batch
from syncline.sources import wms_api
from syncline.twin.env_file import read_env

T = TypeVar("T")
READY_S = 60.0
CATCH_UP_MAX = 200


def idle_figures(bench: Bench, database: str, size: Size, seed: int) -> list[Figure]:
    """Milliseconds of ingest pull, of open_batch and of a round trip, in turns, on the history of ``database``."""
    sources = [source for source in load_registry().sources if source.kind == "wms_api"]
    seconds: dict[str, list[float]] = {"select 1": [], "pull": [], "open_batch": []}
    with (
        _quiet_twin(bench, seed),
        bench.connect(database, "loader") as loader,
        bench.connect(database, "transformer") as transformer,
        bench.connect(database) as owner,
    ):
        clock = clock_from_env()

        def poll() -> list[int | None]:
            return [_pull(loader, source, clock) for source in sources]

        for _ in range(CATCH_UP_MAX):
            if poll() == [None] * len(sources):
                break
        else:
            raise AssertionError(f"the twin still told news after {CATCH_UP_MAX} polls")
        # What the catching up landed is not what is measured: nothing may be pending.
        owner.execute("insert into ops.batches (as_of, state) values (now(), 'released')")
        owner.execute(
            "insert into ops.batch_loads select l.load_id, (select max(batch_id) from ops.batches) from raw.loads l"
            " where not exists (select from ops.batch_loads b where b.load_id = l.load_id)"
        )
        for _ in range(size.idle_polls):
            _time(seconds["select 1"], lambda: transformer.execute("select 1").fetchone())
            found = _time(seconds["pull"], poll)
            opened = _time(seconds["open_batch"], lambda: open_batch(transformer, clock.now()))
            if found != [None] * len(sources) or opened is not None:
                raise AssertionError(f"a poll was not idle: loads {found}, batch {opened}")
    both = [(pull + opened) * 1000 for pull, opened in zip(seconds["pull"], seconds["open_batch"], strict=True)]
    ratios = [each / (trip * 1000) for each, trip in zip(both, seconds["select 1"], strict=True)]
    detail = {f"{name}, ms": sorted(values)[len(values) // 2] * 1000 for name, values in seconds.items()}
    return [
        Figure.of("idle", "idle poll: two WMS asked, no batch opened", both, "ms", detail=detail),
        Figure.of("idle", "idle poll against a round trip of `select 1`", ratios, "×"),
    ]


def _pull(loader: psycopg.Connection, source: Source, clock: Clock) -> int | None:
    with wms_api.open_client(connection(source.conn_id), source) as client:
        return wms_api.pull(loader, client, source, clock.now()).load_id


def _time(seconds: list[float], work: Callable[[], T]) -> T:
    started = time.perf_counter()
    done = work()
    seconds.append(time.perf_counter() - started)
    return done


@contextmanager
def _quiet_twin(bench: Bench, seed: int) -> Iterator[None]:
    """A twin in a process of its own whose short day is over: it serves, and has nothing new to tell.

    Its connections and its clock are in the environment for the block.
    """
    written = bench.home / "idle-twin.env"
    bench.create("idle_twin")
    command = [str(Path(sys.executable).parent / "syncline"), "twin", "serve", "--env-file", str(written)]
    command += ["--seed", str(seed), "--hours", "0.2", "--rate", "3600", "--faults", "none"]
    command += ["--files", str(bench.home / "idle-twin")]
    with (bench.home / "idle-twin.log").open("wb") as log:
        env = {**os.environ, "SYNCLINE_TWIN_DSN": bench.dsn("idle_twin")}
        twin = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=env)
    before = dict(os.environ)
    try:
        _wait(written, twin)
        # The overlap of a poll must lie behind the day's end; an hour passes in a second here.
        time.sleep(3)
        os.environ.update(read_env(written))
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        twin.terminate()
        twin.wait(timeout=30)
        bench.drop("idle_twin")


def _wait(written: Path, twin: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_S
    while not written.exists():
        if twin.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"the twin did not start: {written.with_suffix('.log').read_text()[-500:]}")
        time.sleep(0.1)
