"""What the pages say can be done: links lead somewhere, commands and make targets exist, tables are complete."""

from __future__ import annotations

import importlib
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from syncline.cli import command_names
from syncline.connections import connection
from syncline.edi.partners import load
from syncline.registry import Registry
from syncline.twin.baselines import BASELINES
from syncline.twin.score_table import ROWS

ROOT = Path(__file__).parents[2]
Fences = Callable[[Path, str], list[str]]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`(?:\.venv/bin/)?(syncline [a-z][^`]*)`")


def _anchors(path: Path) -> set[str]:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken_links(path: Path) -> Iterator[str]:
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.is_file() or (anchor and anchor not in _anchors(target)):
            yield link


def _lines(path: Path, fences: Fences) -> Iterator[str]:
    """Every ``syncline …`` of a page, in shell fences and between backticks."""
    if path.name == "contracts.md":
        return  # lists commands in shorthand: setup / up / demo
    for body in fences(path, "sh"):
        for line in body.splitlines():
            found = re.match(r"\s*(?:\.venv/bin/)?(syncline .*)", line)
            if found:
                yield found.group(1)
    yield from INLINE.findall(path.read_text(encoding="utf-8"))


def _unknown(line: str) -> str:
    """What of a command line does not exist; empty when all of it does."""
    words = shlex.split(line, comments=True)[1:]
    module = command_names().get(words[0])
    if module is None:
        return f"command {words[0]}"
    command: Any = typer.main.get_command(importlib.import_module(f"syncline.cli.{module}").app)
    rest = words[1:]
    while (group := getattr(command, "commands", {})) and rest and not rest[0].startswith("-"):
        if rest[0] not in group:
            return f"command {words[0]} {rest[0]}"
        command, rest = group[rest[0]], rest[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return " ".join(word for word in rest if word.startswith("--") and word.partition("=")[0] not in options)


def test_pages_are_found(pages: list[Path], fences: Fences) -> None:
    assert len(pages) > 15
    assert sum(1 for page in pages for _ in _lines(page, fences)) > 20


def test_links_lead_somewhere(page: Path) -> None:
    assert list(_broken_links(page)) == []


def test_commands_and_options_exist(page: Path, fences: Fences) -> None:
    assert {line: what for line in _lines(page, fences) if (what := _unknown(line))} == {}


def test_make_targets_exist(pages: list[Path]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        target
        for page in pages
        for text in [page.read_text(encoding="utf-8")]
        for target in [*re.findall(r"`make ([a-z]+)", text), *re.findall(r"^make ([a-z]+)", text, re.MULTILINE)]
    }
    assert {"demo", "test"} <= named
    assert named - targets == set()


def test_the_measured_table_has_the_rows_of_the_score() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("<!-- demo table -->")[2].partition("<!-- /demo table -->")[0]
    assert re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE) == [label for label, _ in ROWS]
    names = [cell.strip() for cell in table.strip().splitlines()[0].strip("|").split("|")]
    assert names == ["", "syncline", *(baseline.name for baseline in BASELINES)]


PROFILES_PAGE = "add-a-partner.md"


def test_profile_examples_are_accepted(pages: list[Path], fences: Fences, tmp_path: Path) -> None:
    (page,) = (page for page in pages if page.name == PROFILES_PAGE)
    profiles = []
    for number, example in enumerate(fences(page, "yaml")):
        (tmp_path / f"example_{number}.yml").write_text(example, encoding="utf-8")
        profiles.append(load(tmp_path / f"example_{number}.yml"))
    assert profiles[0].senders == ("ACMELOG",)


def test_registry_examples_are_accepted(pages: list[Path], fences: Fences) -> None:
    others = [page for page in pages if page.name != PROFILES_PAGE]
    examples = [yaml.safe_load(textwrap.dedent(body)) for page in others for body in fences(page, "yaml")]
    assert examples
    for example in examples:
        Registry.model_validate({"sources": [], "targets": [], **example})


def test_connection_examples_can_be_read(pages: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    examples = re.findall(r"AIRFLOW_CONN_([A-Z0-9_]+)='([^']+)'", text)
    assert len(examples) >= 3
    for name, value in examples:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", value)
        assert connection(name.lower()).host


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8")) == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
