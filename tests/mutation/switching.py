"""A copy of the dbt project that holds every mutant: the variable ``MUTANT`` says which one is on.

dbt reads the project once for all of them; parsing it again for each would cost more than running it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.mutants import Mutant

VARIABLE = "MUTANT"
# dbt finds macros at the top of a file only, so what differs inside one is switched inside it.
MACRO = re.compile(r"(\{%-?\s*macro [^%]*?-?%\})(.*?)(\{%-?\s*endmacro\s*-?%\})", re.DOTALL)


def write_project(source: Path, folder: Path, mutants: Sequence[Mutant]) -> None:
    """Copy ``source`` to ``folder`` with the mutants in it, numbered by their place."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("target", "logs"))
    for path in sorted({mutant.path for mutant in mutants}):
        original = (folder / path).read_text(encoding="utf-8")
        changed = {str(n): original.replace(m.old, m.new) for n, m in enumerate(mutants) if m.path == path}
        switch = _in_macros if path.startswith("macros/") else _switched
        (folder / path).write_text(switch(original, changed), encoding="utf-8")


def _switched(original: str, changed: dict[str, str]) -> str:
    branches = "".join(
        f"{{% {'elif' if index else 'if'} env_var('{VARIABLE}', '') == '{name}' %}}{text}"
        for index, (name, text) in enumerate(changed.items())
    )
    return f"{branches}{{% else %}}{original}{{% endif %}}" if changed else original


def _in_macros(original: str, changed: dict[str, str]) -> str:
    bodies = {name: [found.group(2) for found in MACRO.finditer(text)] for name, text in changed.items()}
    place = iter(range(len(MACRO.findall(original))))

    def switched(found: re.Match[str]) -> str:
        index = next(place)
        variants = {name: each[index] for name, each in bodies.items() if each[index] != found.group(2)}
        return f"{found.group(1)}{_switched(found.group(2), variants)}{found.group(3)}"

    return MACRO.sub(switched, original)
