"""One soak: a fresh installation and its twin in a state home of their own, sampled until business is worked off."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from bench import machine
from bench.shares import median_shares, shares
from bench.soak.latency import Latencies
from bench.soak.record import Recorder
from bench.soak.sampling import Sampler
from syncline.runtime import partners, world
from syncline.runtime.installation import prepare
from syncline.runtime.supervisor import interruptible
from syncline.warehouse.connect import connect_dsn

SAMPLE_EVERY_S = 10.0
DRAIN_S = 120.0
MISSED_MAX = 10


@dataclass(frozen=True)
class Load:
    """``rate`` events a real second over both WMS for ``minutes`` real minutes; ``speed`` virtual seconds in one.

    Of ``planned_per_event`` planned events one is told by a WMS: the EDI-only site tells none, and orders that
    nobody can fill end at once. ``lead_s``: the scheduler imports dbt and Great Expectations before business begins.

    ``faults``: the twin's defaults but one. Its 80 items make a cell 1,000 times as busy as in a real network; a report
    of a whole day, from a partner that is not the owner, is judged against all of that day, for 320 cells at once.
    docs/reference/performance.md has the figures with it.
    """

    minutes: float = 20.0
    rate: float = 500.0
    speed: float = 60.0
    planned_per_event: float = 1.5
    lead_s: float = 60.0
    seed: int = 7
    faults: str = "default,date_only=0"

    def day(self) -> partners.Day:
        per_hour = round(self.rate * 3600 / self.speed * self.planned_per_event)
        hours = self.minutes * self.speed / 60
        return partners.Day(self.seed, hours, self.speed, self.faults, self.lead_s, per_hour)


def soak(load: Load, recorder: Recorder, date: str) -> None:
    """Run ``load`` and record it. Returns when everything is worked off, at the latest DRAIN_S after business.

    Raises:
        ChildFailed: a component of the installation ended for good; the record holds what was seen until then.
    """
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    with _home() as home:
        prepare(home, say)
        with world.running(home, say, day=load.day()) as running:
            installation = running.installation
            server = installation.server
            with (
                connect_dsn(server.dsn(installation.warehouse), name="soak") as warehouse,
                connect_dsn(server.dsn(installation.airflow), name="soak") as airflow,
            ):
                shape = machine.shape(warehouse.info.server_version)
                recorder.begin(date=date, commit=machine.commit(), machine=shape, **asdict(load))
                sampler = Sampler(running, warehouse, airflow, Latencies(load.speed), _postmaster(home))
                _watch(running, sampler, recorder, load)
                recorder.end(median_shares(shares(airflow, home / "logs" / "airflow")))


def _watch(running: world.World, sampler: Sampler, recorder: Recorder, load: Load) -> None:
    started = time.monotonic()
    due = started + SAMPLE_EVERY_S
    missed = 0
    while True:
        while time.monotonic() < due:
            running.tend()
            time.sleep(min(1.0, max(0.0, due - time.monotonic())))
        due = max(due + SAMPLE_EVERY_S, time.monotonic())
        at_s = time.monotonic() - started
        try:
            figures = sampler.look()
        except requests.Timeout:
            missed += 1
            say(f"the twin did not answer in time: sample {missed} is missed")
            if missed > MISSED_MAX:
                raise
            continue
        sample = {"t_s": round(at_s - load.lead_s, 1), "missed": missed, **figures}
        recorder.add(sample)
        say(_line(sample))
        is_drained = not (sample["lag_events"] or sample["unresolved_facts"] or sample["outbox_open"])
        over_s = at_s - load.lead_s - load.minutes * 60
        if sample["phase"] != "business" and (is_drained or over_s > DRAIN_S):
            return


def _line(sample: dict[str, Any]) -> str:
    seconds = sample["latency_s"]
    middle = f"{sorted(seconds)[len(seconds) // 2]:.0f} s" if seconds else "-"
    return (
        f"{timedelta(seconds=round(max(0, sample['t_s'])))} {sample['phase']:<8} events {sample['events']:>6}"
        f" lag {sample['lag_events']:>5} unresolved {sample['unresolved_facts']:>5} open {sample['outbox_open']:>4}"
        f" batches {sample['batches']:>3} corrections +{sample['corrections']:<4} event to ERP {middle}"
        f" connections {sample['connections']} dead {sample['dead_rows']}"
    )


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def _postmaster(home: Path) -> int:
    return int((home / "pg" / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])


@contextmanager
def _home() -> Iterator[Path]:
    """A state home of this soak alone, gone at its end."""
    home = Path(tempfile.mkdtemp(prefix="syncline-soak-")).resolve()
    before = os.environ.get("SYNCLINE_HOME")
    os.environ["SYNCLINE_HOME"] = str(home)
    try:
        with interruptible():
            yield home
    finally:
        if before is None:
            del os.environ["SYNCLINE_HOME"]
        else:
            os.environ["SYNCLINE_HOME"] = before
        shutil.rmtree(home, ignore_errors=True)
