"""Figures: targets, spread, the history file and the part of the page that is written from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import BEGIN, END, Figure, append, newest, number, render, rows, table
from bench.machine import run_date
from syncline.errors import ConfigurationError

MACHINE = {"cores": 2, "memory_gib": 8, "system": "Linux x86_64", "python": "3.11.7", "postgres": "18.0"}
RUN = {"date": "2026-11-02", "commit": "abc", "seed": 1, "machine": MACHINE, "size": "full", "is_whole": True}
MODELS = {"stg_facts": {"100 facts, s": 1.5, "5,000 facts, s": 60.25}}


def figure(value: float, target: tuple[str, float] | None = ("<=", 1.3), **more: object) -> Figure:
    return Figure.of("micro", "micro-batch", [value, value * 2, value / 2], "×", target=target, **more)


@pytest.mark.parametrize(
    ("value", "target", "is_met"),
    [(1.3, ("<=", 1.3), True), (1.31, ("<=", 1.3), False), (0.4, (">=", 0.4), True), (0.39, (">=", 0.4), False),
     (9.0, None, None)],
)  # fmt: skip
def test_a_target_is_met_or_missed(value: float, target: tuple[str, float] | None, is_met: bool | None) -> None:
    assert figure(value, target).is_met is is_met


def test_numbers_keep_three_digits() -> None:
    assert [number(each) for each in (1_234_567.0, 0.4567, 12.34, 0.0)] == ["1,230,000", "0.457", "12.3", "0"]


def test_median_spread_and_verdict_are_shown() -> None:
    assert rows([figure(1.0)]) == [("micro-batch", "1 ×", "0.5 … 2 of 3", "at most 1.3: met")]
    assert "**missed**" in rows([figure(2.0)])[0][3]
    assert table([figure(1.0)]).splitlines()[1].split() == ["micro-batch", "1", "×", "0.5", "…", "2", "of", "3",
                                                             "at", "most", "1.3:", "met"]  # fmt: skip


def test_the_page_shows_the_newest_whole_run_of_its_size(tmp_path: Path) -> None:
    history, page = tmp_path / "history.jsonl", tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    append(history, RUN, [figure(1.0)])
    append(history, RUN | {"date": "2026-11-03"}, [figure(2.0, detail=MODELS)])
    append(history, RUN | {"size": "small"}, [figure(3.0)])
    append(history, RUN | {"is_whole": False}, [figure(4.0)])
    found = newest(history, "full")
    assert found is not None
    render(page, *found)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| micro-batch | 2 × | 1 … 4 of 3 | at most 1.3: **missed** |" in text
    assert "| `stg_facts` | 1.5 | 60.2 |" in text
    assert "2026-11-03" in text


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(ConfigurationError, match="has no"):
        render(page, RUN, [figure(1.0)])


def test_no_history_no_run(tmp_path: Path) -> None:
    assert newest(tmp_path / "none.jsonl", "full") is None


def test_the_date_is_given_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATE", "2026-11-05")
    assert run_date(None) == "2026-11-05"
    assert run_date("2026-11-06") == "2026-11-06"
    with pytest.raises(ValueError, match="Invalid isoformat"):
        run_date("yesterday")
