"""Every mutant as SQL: dbt reads and compiles one copy of the project that holds them all as models of their own.

A mutant of a model is one variant of it. A mutant of a macro is a variant of every model that calls the macro. Parsing
or running the whole project for each of them would cost minutes; compiled together they cost seconds.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from tests.mutation.mutants import Mutant

from syncline.resolve import dbt

LAYERS = ("staging", "intermediate", "canonical")
# They decide no number: what targets should show is beyond semantics §6, and a rebuild looks at no checkpoint.
NOT_RESOLVED = {"candidate_corrections", "int_checkpoints"}
FOLDER = "mutants"
REF = re.compile(r"ref\('(\w+)'\)")
MACRO_NAME = re.compile(r"\{%-?\s*macro (\w+)\(")


@dataclass(frozen=True)
class Model:
    """A table of the derived layers: its schema, its text, and the SQL that makes it."""

    name: str
    schema: str
    sql: str


@dataclass(frozen=True)
class Compiled:
    """``models`` in the order in which they are built; ``variants[n]`` is the changed SQL of mutant n, by model."""

    models: list[Model]
    variants: dict[int, dict[str, str]]


def write_project(source: Path, folder: Path, mutants: Sequence[Mutant]) -> None:
    """Copy ``source`` to ``folder`` and add the variants as ``models/mutants/m<n>__<model>.sql``."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("target", "logs"))
    place = folder / "models" / FOLDER
    place.mkdir()
    for number, mutant in enumerate(mutants):
        text = (source / mutant.path).read_text(encoding="utf-8").replace(mutant.old, mutant.new)
        if mutant.path.startswith("models/"):
            (place / f"m{number}__{Path(mutant.path).stem}.sql").write_text(text, encoding="utf-8")
            continue
        # `name(`, because a column may have the name of a macro.
        call = re.compile(rf"\b({'|'.join(MACRO_NAME.findall(text))})\(")
        (folder / "macros" / f"m{number}.sql").write_text(call.sub(rf"\1_m{number}(", text), encoding="utf-8")
        for path in _files(source):
            if call.search(model := path.read_text(encoding="utf-8")):
                variant = place / f"m{number}__{path.stem}.sql"
                variant.write_text(call.sub(rf"\1_m{number}(", model), encoding="utf-8")


def compile_project(project: Path, dsn: str, target: Path) -> Compiled:
    """Let dbt compile the project and its variants, as a rebuild does; ``SYNCLINE_ROOT`` is its parent."""
    paths = [f"path:models/{layer}" for layer in (*LAYERS, FOLDER)]
    dbt.run(dsn, ["compile", "--full-refresh", "--select", *paths], target)
    written = target / "compiled" / "syncline" / "models"
    graph = {path.stem: set(REF.findall(path.read_text(encoding="utf-8"))) for path in _files(project)}
    found = {path.stem: path for path in _files(project)}
    models = [
        Model(name, found[name].parent.name, (written / found[name].parent.name / f"{name}.sql").read_text("utf-8"))
        for name in TopologicalSorter(graph).static_order()
    ]
    variants: dict[int, dict[str, str]] = {}
    for path in sorted((written / FOLDER).glob("m*__*.sql")):
        number, name = path.stem[1:].split("__", 1)
        variants.setdefault(int(number), {})[name] = path.read_text("utf-8")
    return Compiled(models, variants)


def _files(project: Path) -> list[Path]:
    return sorted(
        path for layer in LAYERS for path in (project / "models" / layer).glob("*.sql") if path.stem not in NOT_RESOLVED
    )
