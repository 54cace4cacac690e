"""Fault settings as an outsider writes them: text, YAML, JSON, TOML; what is wrong is told with the names."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from syncline.cli.twin import app
from syncline.errors import ConfigurationError
from syncline.twin.fault_settings import read_faults
from syncline.twin.faults import Faults, known


def test_settings_by_text() -> None:
    assert read_faults("none,late=0.5,late_max_s=90") == Faults.none(late=0.5, late_max_s=90)
    assert read_faults("default,retry=1") == Faults(retry=1)
    assert read_faults("default") == Faults()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my.yml", "late: 0.5\nlate_max_s: 90\nbase: none\n"),
        ("my.json", '{"base": "none", "late": 0.5, "late_max_s": 90}'),
        ("my.toml", 'base = "none"\nlate = 0.5\nlate_max_s = 90\n'),
    ],
)
def test_settings_by_file(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert read_faults(str(tmp_path / name)) == Faults.none(late=0.5, late_max_s=90)


def test_a_file_without_a_base_keeps_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "my.yml").write_text("retry: 0.2\n")
    assert read_faults(str(tmp_path / "my.yml")) == Faults(retry=0.2)


@pytest.mark.parametrize(
    "text", ["default,late=2", "default,late=-1", "default,late=x", "default,late", "default,late="]
)
def test_a_bad_rate_in_a_text_names_the_fault(text: str) -> None:
    with pytest.raises(ConfigurationError, match="Fault late is"):
        read_faults(text)


@pytest.mark.parametrize(
    "content", ["late: 2", "late: -0.1", "late: many", "late: true", "late: .nan", "late: [1]", "late_max_s: 1.5"]
)
def test_a_bad_rate_in_a_file_names_the_fault(tmp_path: Path, content: str) -> None:
    (tmp_path / "my.yml").write_text(content)
    with pytest.raises(ConfigurationError, match=f"Fault {content.partition(':')[0]} is"):
        read_faults(str(tmp_path / "my.yml"))


def test_an_unknown_name_is_told_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "my.yml").write_text("lateness: 0.2\n")
    for text in ("default,lateness=0.2", str(tmp_path / "my.yml")):
        with pytest.raises(ConfigurationError, match="lateness") as told:
            read_faults(text)
        assert all(name in str(told.value) for name in known())


@pytest.mark.parametrize("content", ["- late", "late: [", "just words", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "my.yml").write_text(content)
    with pytest.raises(ConfigurationError, match=r"my\.yml"):
        read_faults(str(tmp_path / "my.yml"))


def test_neither_a_file_nor_a_setting_says_what_may_be_written() -> None:
    with pytest.raises(ConfigurationError, match=r"none.*default.*\.yml"):
        read_faults("some")
    with pytest.raises(ConfigurationError, match="retry_delay_min_s"):
        read_faults("default,retry_delay_min_s=700")


def test_every_fault_has_a_meaning_and_the_command_lists_it() -> None:
    assert list(known()) == [each.name for each in fields(Faults)]
    assert all(meaning for _, meaning in known().values())
    shown = CliRunner().invoke(app, ["faults"]).output
    listed = json.loads(CliRunner().invoke(app, ["faults", "--json"]).output)
    assert {name: (row["default"], row["meaning"]) for name, row in listed.items()} == known()
    assert [line.split()[0] for line in shown.splitlines()] == list(known())
