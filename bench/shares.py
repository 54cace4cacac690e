"""What a batch's wall time is made of, from Airflow's metadata and from what our tasks log about themselves.

A batch begins when its `resolve` run starts and ends with the first `push_erp` task that started after its release.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

TASKS = """
select r.run_id, r.start_date, t.task_id, t.start_date, t.end_date
from dag_run r join task_instance t on t.dag_id = r.dag_id and t.run_id = r.run_id
where r.dag_id = 'resolve' and r.state = 'success' and t.state = 'success'
order by r.start_date, t.start_date
"""
PUSHES = """
select start_date, end_date from task_instance
where dag_id = 'push_erp' and task_id = 'push' and end_date is not null order by start_date
"""
BUILT = re.compile(r"nodes in ([\d.]+) s")
GATED = re.compile(r"rules in ([\d.]+) s")
PARTS = ("dbt", "gx", "own", "push", "airflow")


@dataclass(frozen=True)
class Share:
    """Seconds of one batch. ``own``: the rest of our four tasks (process start, connections, batch, release, imports
    that are not preloaded); ``airflow``: everything between tasks, the wait for the push's run included."""

    wall: float
    dbt: float
    gx: float
    own: float
    push: float
    airflow: float


def shares(metadata: psycopg.Connection, logs: Path) -> list[Share]:
    """One for each batch whose push is over; ``logs`` is Airflow's base log folder."""
    pushes = metadata.execute(PUSHES).fetchall()
    runs: dict[str, dict[str, Any]] = {}
    for run_id, run_start, task_id, start, end in metadata.execute(TASKS):
        runs.setdefault(run_id, {"start": run_start})[task_id] = (start, end)
    found = []
    for run_id, run in runs.items():
        if not {"build", "gate", "release"} <= run.keys():
            continue
        released = run["release"][1]
        push = next((pair for pair in pushes if pair[0] >= released), None)
        if push is None:
            continue
        dbt = _logged(logs, run_id, "build", BUILT)
        gx = _logged(logs, run_id, "gate", GATED)
        tasks = sum((end - start).total_seconds() for end, start in _spans(run))
        wall = (push[1] - run["start"]).total_seconds()
        pushing = (push[1] - push[0]).total_seconds()
        found.append(Share(wall, dbt, gx, tasks - dbt - gx, pushing, wall - tasks - pushing))
    return found


def median_shares(found: Iterable[Share]) -> dict[str, float]:
    """Median wall seconds, and each part's share of all wall time; empty when there was no batch."""
    taken = list(found)
    if not taken:
        return {}
    wall = sum(share.wall for share in taken)
    parts = {part: round(sum(getattr(share, part) for share in taken) / wall, 3) for part in PARTS}
    walls = [round(share.wall, 2) for share in taken]
    return {"batches": len(taken), "wall_s": median(walls), "low_s": min(walls), "high_s": max(walls), **parts}


def _spans(run: dict[str, Any]) -> list[tuple[Any, Any]]:
    return [(pair[1], pair[0]) for name, pair in run.items() if name != "start"]


def _logged(logs: Path, run_id: str, task_id: str, pattern: re.Pattern[str]) -> float:
    """Seconds in the last line of the task's newest log that matches; 0 when it never got that far."""
    folder = logs / "dag_id=resolve" / f"run_id={run_id}" / f"task_id={task_id}"
    for path in sorted(folder.glob("attempt=*.log"), reverse=True):
        if matches := pattern.findall(path.read_text(encoding="utf-8", errors="replace")):
            return float(matches[-1])
    return 0.0
