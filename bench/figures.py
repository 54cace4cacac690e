"""What a run of the benches found: figures with spread and target, the history file, and the page that shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from syncline.errors import ConfigurationError

HISTORY = Path(__file__).parent / "history.jsonl"
BEGIN, END = "<!-- bench: begin, written by `make bench` -->", "<!-- bench: end -->"
BETTER = {">=": "at least", "<=": "at most"}


@dataclass(frozen=True)
class Figure:
    """``value`` with the least and greatest of its repetitions; ``target`` is (">=" or "<=", number) or None.

    ``detail`` holds what explains it: seconds by model, both sides of a ratio.
    """

    bench: str
    what: str
    value: float
    unit: str
    low: float
    high: float
    repetitions: int = 1
    target: tuple[str, float] | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def is_met(self) -> bool | None:
        if self.target is None:
            return None
        sense, bound = self.target
        return self.value >= bound if sense == ">=" else self.value <= bound

    @classmethod
    def of(cls, bench: str, what: str, values: Sequence[float], unit: str, **more: Any) -> Figure:
        """Median and spread of ``values``."""
        return cls(bench, what, median(values), unit, min(values), max(values), len(values), **more)


def append(path: Path, run: dict[str, Any], figures: Iterable[Figure]) -> None:
    """Add one run as one line."""
    with path.open("a", encoding="utf-8") as file:
        line = {**run, "figures": [_rounded(asdict(figure)) for figure in figures]}
        file.write(json.dumps(line, separators=(",", ":"), sort_keys=True) + "\n")


def newest(path: Path, size: str) -> tuple[dict[str, Any], list[Figure]] | None:
    """The last run of ``size`` in the history, None when there is none."""
    if not path.is_file():
        return None
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    runs = [line for line in lines if line["size"] == size and line["is_whole"]]
    if not runs:
        return None
    figures = [
        Figure(**{**each, "target": tuple(each["target"]) if each["target"] else None}) for each in runs[-1]["figures"]
    ]
    return runs[-1], figures


def rows(figures: Iterable[Figure]) -> list[tuple[str, str, str, str]]:
    """What, value, spread, target with its verdict: the cells of one line each."""
    return [
        (figure.what, f"{number(figure.value)} {figure.unit}".strip(), _spread(figure), _target(figure))
        for figure in figures
    ]


def table(figures: Sequence[Figure]) -> str:
    """For a terminal: columns padded with spaces."""
    cells = [("figure", "median", "spread", "target"), *rows(figures)]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def markdown(run: dict[str, Any], figures: Sequence[Figure]) -> str:
    """The part of the page between the markers."""
    shape = run["machine"]
    lines = [
        f"Measured {run['date']} at commit `{run['commit']}`, seed {run['seed']}: {shape['cores']} cores,"
        f" {shape['memory_gib']} GiB, {shape['system']}, Python {shape['python']}, PostgreSQL {shape['postgres']}.",
        "",
        "| figure | median | spread | target |",
        "|---|---|---|---|",
        *("| " + " | ".join(line) + " |" for line in rows(figures)),
    ]
    for figure in figures:
        if figure.detail:
            lines += ["", f"{figure.what}:", "", *_detail(figure.detail)]
    return "\n".join(lines)


def render(page: Path, run: dict[str, Any], figures: Sequence[Figure]) -> None:
    """Write the figures into ``page`` between its markers.

    Raises:
        ConfigurationError: a marker is missing.
    """
    text = page.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ConfigurationError(f"{page.name} has no {BEGIN!r} and {END!r}.", next_step="Put both lines back.")
    page.write_text(f"{head}{BEGIN}\n\n{markdown(run, figures)}\n\n{END}{tail}", encoding="utf-8")


def number(value: float) -> str:
    """Three significant digits, thousands apart: 1,234,567 → 1,230,000; 0.4567 → 0.457."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def _detail(detail: dict[str, Any]) -> list[str]:
    """A table when the values are rows of numbers (columns are the keys of the first), else one line."""
    nested = [value for value in detail.values() if isinstance(value, dict)]
    if len(nested) == len(detail):
        columns = list(nested[0])
        return [
            "| | " + " | ".join(columns) + " |",
            "|---" * (len(columns) + 1) + "|",
            *(
                f"| `{name}` | " + " | ".join(number(value.get(column, 0)) for column in columns) + " |"
                for name, value in detail.items()
            ),
        ]
    return [", ".join(f"{name} {number(value)}" for name, value in detail.items()) + "."]


def _spread(figure: Figure) -> str:
    if figure.repetitions == 1:
        return "once"
    return f"{number(figure.low)} … {number(figure.high)} of {figure.repetitions}"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    sense, bound = figure.target
    return f"{BETTER[sense]} {number(bound)}: {'met' if figure.is_met else '**missed**'}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return value
