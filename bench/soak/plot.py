"""Draw a soak's record: latency, lag, memory and connections, tables. Needs the extra ``bench`` (matplotlib).

python -m bench.soak.plot bench/soak/RECORD.jsonl docs/reference/soak.svg
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bench.soak.record import read
from bench.soak.verdicts import LATENCY_P95_S

MEMORY = ("airflow-scheduler", "workers", "airflow-api-server", "airflow-dag-processor", "twin", "postgres")


def draw(record: Path, svg: Path) -> None:
    """Write the SVG: the same record gives the same bytes."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "syncline", "font.size": 8, "axes.grid": True, "grid.alpha": 0.3})
    from matplotlib import pyplot

    lines = read(record)
    samples, minutes, run = lines["sample"], lines["minute"], lines["run"][0]
    at = [sample["t_s"] / 60 for sample in samples]
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 6.5), layout="constrained")
    figure.suptitle(f"{run['minutes']:g} minutes at {run['rate']:g} events/s ({run['date']}, {run['commit']})")

    latency, lag, memory, tables = axes.flat
    _latency(latency, minutes)
    for name, label in (
        ("lag_events", "events not landed"),
        ("unresolved_facts", "facts not resolved"),
        ("outbox_open", "corrections open"),
    ):
        lag.plot(at, [sample[name] for sample in samples], label=label)
    lag.set_title("lag")
    for name in MEMORY:
        memory.plot(at, [sample["memory_mib"].get(name, 0) for sample in samples], label=name)
    connections = memory.twinx()
    connections.plot(at, [sample["connections"] for sample in samples], "k:", label="connections (right)")
    connections.set_ylim(bottom=0)
    connections.legend(loc="lower right")
    memory.set_title("memory in MiB, Postgres connections")
    for name in ("raw", "stg_facts", "int_dispositions", "working"):
        tables.plot(at, [sample["table_mib"].get(name, 0) for sample in samples], label=f"{name}, MiB")
    tables.plot(at, [sample["dead_rows"] / 1000 for sample in samples], "k:", label="dead rows, thousands")
    tables.set_title("tables")
    for axis in axes.flat:
        axis.set_xlabel("minute")
        axis.set_ylim(bottom=0)
        axis.legend(loc="upper left")
    svg.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(svg, metadata={"Date": None})


def _latency(axis: Any, minutes: list[dict[str, Any]]) -> None:
    for name, label in (("p50_s", "p50"), ("p95_s", "p95")):
        known = [minute for minute in minutes if minute[name] is not None]
        axis.plot([minute["minute"] + 0.5 for minute in known], [minute[name] for minute in known], "o-", label=label)
    axis.axhline(LATENCY_P95_S, color="tab:red", linestyle="--", label="target for p95")
    axis.set_title("event to ERP, seconds")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
