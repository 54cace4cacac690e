"""What only a running installation shows: the shares of a batch's wall time, and the way of an event to the ERP."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.shares import PARTS
from bench.sizes import Size
from bench.soak.record import Recorder, read
from bench.soak.run import Load, soak
from bench.soak.verdicts import LATENCY_P95_S

IMPORTED = "import dbt.cli.main, dbt.adapters.postgres, great_expectations, great_expectations.expectations"
IMPORTS = 3


def installation_figures(size: Size, seed: int, date: str) -> list[Figure]:
    """From ``installation_minutes`` of business through real Airflow, twin, HTTP and SFTP."""
    load = Load(minutes=size.installation_minutes, rate=size.installation_rate, seed=seed)
    with tempfile.TemporaryDirectory(prefix="syncline-record-") as folder:
        record = Path(folder) / "record.jsonl"
        soak(load, Recorder(record), date)
        lines = read(record)
    return [*_latency(lines["minute"], size), *_shares(lines["shares"][0])]


def _latency(minutes: list[dict[str, Any]], size: Size) -> Iterator[Figure]:
    told = [minute for minute in minutes if minute["p50_s"] is not None]
    where = f"{size.installation_rate:g} events/s through Airflow"
    for name, target in (("p50", None), ("p95", ("<=", LATENCY_P95_S))):
        if told:
            seconds = [minute[f"{name}_s"] for minute in told]
            yield Figure.of("installation", f"event to ERP, {name} of a minute, {where}", seconds, "s", target=target)


def _shares(shares: dict[str, float]) -> Iterator[Figure]:
    if shares:
        wall, detail = shares["wall_s"], {f"{part} %": shares[part] * 100 for part in PARTS}
        what = "a batch, from the start of its run to the end of its push"
        yield Figure("installation", what, wall, "s", shares["low_s"], shares["high_s"], int(shares["batches"]),
                     detail=detail)  # fmt: skip


def import_figure() -> Figure:
    """Paid once by the scheduler (it forks its tasks), and by every task of an executor that does not fork."""
    seconds = []
    for _ in range(IMPORTS):
        pair = []
        for statement in ("pass", IMPORTED):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-W", "ignore", "-c", statement], check=True, capture_output=True)
            pair.append(time.perf_counter() - started)
        seconds.append(pair[1] - pair[0])
    return Figure.of("installation", "imports of dbt and Great Expectations, once for a scheduler", seconds, "s")
