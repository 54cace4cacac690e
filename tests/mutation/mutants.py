"""The list of mutants: for each rule of the semantics and of loops that lives in SQL, a change of text that breaks it.

``rules/*.yaml`` hold them: the rule, its section, the file in ``dbt_project``, what stands there and what replaces it.
``equivalent`` says why a change breaks nothing: such a one must survive. ``except`` names models that keep the macro as
it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

RULES = Path(__file__).parent / "rules"
FIELDS = {"rule", "section", "in", "old", "new", "times", "equivalent", "except"}


@dataclass(frozen=True)
class Mutant:
    """``old`` stands exactly ``times`` times in ``path`` (below ``dbt_project``)."""

    rule: str
    section: str
    path: str
    old: str
    new: str
    times: int
    equivalent: str
    kept: tuple[str, ...] = ()

    def fault(self, project: Path) -> str:
        """Why the change cannot be made in ``project``; empty when it can."""
        path = project / self.path
        found = path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0
        return "" if found == self.times else f"{self.path} has {found} times {self.old!r}, {self.times} expected"


def read_mutants() -> list[Mutant]:
    """Every mutant, in the order of the sections."""
    found = []
    for path in sorted(RULES.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            assert entry.keys() <= FIELDS, f"{path.name}: unknown field in {entry}"
            found.append(
                Mutant(
                    entry["rule"], entry["section"], entry["in"], entry["old"], entry["new"],
                    entry.get("times", 1), entry.get("equivalent", ""), tuple(entry.get("except", ())),
                )
            )  # fmt: skip
    return found
