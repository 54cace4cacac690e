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
    core, beyond = {f"§{n}" for n in range(1, 7)}, {f"§{n}" for n in (11, 12, 13, 15, 16)}
    assert sections.keys() == core | beyond | {"loops"}
    assert min(sections[each] for each in core) >= 10, sections
    assert min(sections[each] for each in beyond) >= 3, sections
