"""The list of mutants fits the project it breaks; `make mutate` breaks it (too long for `make test`)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.mutation.mutants import read_mutants

PROJECT = Path(__file__).parents[2] / "dbt_project"


def test_each_text_stands_where_its_mutant_looks_for_it() -> None:
    """Red: a model was changed. Look at the rule and give the mutant the new text, or a new mutant."""
    assert [fault for mutant in read_mutants() if (fault := mutant.fault(PROJECT))] == []


def test_mutants_are_named_once_change_something_and_cover_every_section() -> None:
    mutants = read_mutants()
    assert [name for name, times in Counter(m.rule for m in mutants).items() if times > 1] == []
    assert [m.rule for m in mutants if m.old == m.new] == []
    sections = Counter(m.section for m in mutants)
    assert sections.keys() == {"§1", "§2", "§3", "§4", "§5", "§6"}
    assert min(sections.values()) >= 10, sections
