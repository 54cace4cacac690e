"""``syncline twin edi``: files, labels, refusals."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from syncline.cli.twin import app
from syncline.errors import ConfigurationError
from syncline.twin.edi import Habits, build
from syncline.twin.edi.habits import known


def test_files_and_their_labels(tmp_path: Path) -> None:
    wanted = ["edi", "--seed", "3", "--documents", "846,945,INVRPT", "--habits", "wrapped,bom", "--files", "7"]
    for out in ("one", "two"):
        result = CliRunner().invoke(app, [*wanted, "--out", str(tmp_path / out)])
        assert (result.exit_code, result.output) == (0, f"7 files in {tmp_path / out}\n")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)
    labels = json.loads((tmp_path / "one" / "labels.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in labels["files"]][:3] == ["846_000000.edi", "945_000001.edi", "INVRPT_000002.edi"]
    assert sorted([*(each["name"] for each in labels["files"]), "labels.json"]) == names
    built = build(3, 1, ("846", "945", "INVRPT"), Habits.some("wrapped", "bom"))
    assert (tmp_path / "one" / built.name).read_bytes() == built.content
    told = labels["files"][1]
    assert told["bytes"] == len(built.content)
    assert [each["facts"] for each in told["sets"]] == [[fact._asdict() for fact in each.facts] for each in built.sets]
    assert [each["habit"] for each in told["labels"]] == ["wrapped", "bom"]
    assert told["sets"][0]["type"] == "945"
    assert set(told["sets"][0]) == set(asdict(built.sets[0]))


@pytest.mark.parametrize("habits", ["all", "none"])
def test_all_and_no_habits(tmp_path: Path, habits: str) -> None:
    result = CliRunner().invoke(app, ["edi", "--habits", habits, "--files", "40", "--out", str(tmp_path)])
    assert result.exit_code == 0
    labels = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))["files"]
    found = {label["habit"] for each in labels for label in each["labels"]}
    assert len(found) > 20 if habits == "all" else not found


@pytest.mark.parametrize("wrong", [["--habits", "tidy"], ["--documents", "831"], ["--documents", ","]])
def test_an_unknown_name_is_refused_before_anything_is_written(tmp_path: Path, wrong: list[str]) -> None:
    result = CliRunner().invoke(app, ["edi", "--out", str(tmp_path / "out"), *wrong])
    assert isinstance(result.exception, ConfigurationError)
    assert not (tmp_path / "out").exists()


def test_large_files(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["edi", "--lines", "20", "--out", str(tmp_path)])
    assert result.output == f"2 files in {tmp_path}\n"
    assert (tmp_path / "846_large_20.edi").read_bytes().count(b"~\n") == 150
    assert (tmp_path / "INVRPT_large_20.edi").read_bytes().count(b"'\n") == 151


def test_every_habit_is_listed_with_its_verdict() -> None:
    result = CliRunner().invoke(app, ["edi", "--list-habits"])
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert [(line[0], line[1], line[2]) for line in lines] == [
        (name, about["verdict"], about["scope"]) for name, about in known().items()
    ]
