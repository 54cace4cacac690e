"""The record of a soak as JSON lines: ``run``, ``sample`` …, ``minute`` …, ``verdict`` …, ``shares``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.soak.verdicts import STEADY_SHARE, Verdict, judge, judge_latency, percentile


@dataclass
class Recorder:
    """Writes each line at once, so that a soak that breaks leaves what it saw."""

    path: Path
    samples: list[dict[str, Any]] = field(default_factory=list)
    _seconds: dict[int, list[float]] = field(default_factory=dict)

    def begin(self, **run: Any) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("", encoding="utf-8")
        self._write("run", run)

    def add(self, sample: dict[str, Any]) -> None:
        """Keep the sample; its event latencies become two figures, and are pooled by minute."""
        seconds = sample.pop("latency_s")
        self.samples.append(sample)
        self._seconds.setdefault(int(max(0.0, sample["t_s"]) // 60), []).extend(seconds)
        self._write("sample", {**sample, "latency_events": len(seconds)})
        sample["latency_s"] = seconds  # whoever shows the sample may look at them

    def minutes(self) -> list[dict[str, Any]]:
        return [
            {
                "minute": minute,
                "events": len(seconds),
                "p50_s": _rounded(percentile(seconds, 0.5)),
                "p95_s": _rounded(percentile(seconds, 0.95)),
            }
            for minute, seconds in sorted(self._seconds.items())
        ]

    def verdicts(self) -> list[Verdict]:
        """Of latency first, then of every resource."""
        last = max((int(s["t_s"] // 60) for s in self.samples if s["phase"] == "business"), default=0)
        first = int((last + 1) * (1 - STEADY_SHARE))
        taken = [minute for minute in self.minutes() if minute["minute"] >= first]
        seconds = [each for minute, found in self._seconds.items() if minute >= first for each in found]
        return [judge_latency(taken, seconds), *judge(self.samples)]

    def end(self, shares: dict[str, float]) -> None:
        for minute in self.minutes():
            self._write("minute", minute)
        for verdict in self.verdicts():
            self._write("verdict", verdict.as_json())
        self._write("shares", shares)

    def _write(self, kind: str, value: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **value}, separators=(",", ":")) + "\n")


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The lines of a record by their kind, in order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        value = json.loads(line)
        found.setdefault(value.pop("kind"), []).append(value)
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
