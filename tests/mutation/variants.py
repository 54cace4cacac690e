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
# Of the marts, what loops are made of; they come last, in this order.
LOOPS = ("fct_transfers", "fct_release_servings", "fct_return_lines", "fct_loops", "fct_loop_notices")
# They decide no number: what targets should show is beyond semantics §6, and a rebuild looks at no checkpoint.
NOT_RESOLVED = {"candidate_corrections", "int_checkpoints"}
# A post-hook that changes another table is a step of its own; waking what is due decides no number.
STEPS_IN_HOOKS = {"stg_absences": "state_absences"}
FOLDER, AFTER = "mutants", "after__"
REF = re.compile(r"ref\('(\w+)'\)")
UNIQUE = re.compile(r"\{'columns': \[([^\]]*)\], 'unique': true\}")
WORD = re.compile(r"\w+")
MACRO_NAME = re.compile(r"\{%-?\s*macro (\w+)\(")


@dataclass(frozen=True)
class Model:
    """A step of the derived layers: a table, its schema and the SQL that makes it; or what is done ``after__`` one.

    ``keys`` are the columns of its unique indexes: a hook writes by them, and rows that are there twice end at once.
    """

    name: str
    schema: str
    sql: str
    keys: tuple[tuple[str, ...], ...] = ()

    @property
    def is_hook(self) -> bool:
        return self.name.startswith(AFTER)


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
    hooks = {f"{AFTER}{model}": f"{{{{ {macro}() }}}}" for model, macro in STEPS_IN_HOOKS.items()}
    for name, text in hooks.items():
        (place / f"{name}.sql").write_text(text, encoding="utf-8")
    models = {path.stem: path.read_text(encoding="utf-8") for path in _files(source)} | hooks
    for number, mutant in enumerate(mutants):
        text = (source / mutant.path).read_text(encoding="utf-8").replace(mutant.old, mutant.new)
        if mutant.path.startswith("models/"):
            (place / f"m{number}__{Path(mutant.path).stem}.sql").write_text(text, encoding="utf-8")
            continue
        # `name(`, because a column may have the name of a macro.
        call = re.compile(rf"\b({'|'.join(MACRO_NAME.findall(text))})\(")
        (folder / "macros" / f"m{number}.sql").write_text(call.sub(rf"\1_m{number}(", text), encoding="utf-8")
        for name, model in models.items():
            if name not in mutant.kept and call.search(model):
                (place / f"m{number}__{name}.sql").write_text(call.sub(rf"\1_m{number}(", model), encoding="utf-8")


def compile_project(project: Path, dsn: str, target: Path) -> Compiled:
    """Let dbt compile the project and its variants, as a rebuild does; ``SYNCLINE_ROOT`` is its parent."""
    paths = [f"path:models/{layer}" for layer in (*LAYERS, FOLDER)]
    paths += [f"path:models/marts/{name}.sql" for name in LOOPS]
    dbt.run(dsn, ["compile", "--full-refresh", "--select", *paths], target)
    written = target / "compiled" / "syncline" / "models"
    found = {path.stem: path for path in _files(project)}
    graph = {name: set(REF.findall(path.read_text(encoding="utf-8"))) for name, path in found.items()}
    models = []
    # A macro holds the refs of some marts: their order is said, not found.
    resolved = [name for name in TopologicalSorter(graph).static_order() if name not in LOOPS]
    for name in (*resolved, *LOOPS):
        schema = found[name].parent.name
        keys = tuple(tuple(WORD.findall(key)) for key in UNIQUE.findall(found[name].read_text("utf-8")))
        models.append(Model(name, schema, (written / schema / f"{name}.sql").read_text("utf-8"), keys))
        if name in STEPS_IN_HOOKS:
            hook = AFTER + name
            models.append(Model(hook, schema, _of(name, schema, (written / FOLDER / f"{hook}.sql").read_text("utf-8"))))
    variants: dict[int, dict[str, str]] = {}
    for path in sorted((written / FOLDER).glob("m*__*.sql")):
        number, name = path.stem[1:].split("__", 1)
        text = path.read_text("utf-8")
        if name.startswith(AFTER):
            text = _of(name.removeprefix(AFTER), found[name.removeprefix(AFTER)].parent.name, text)
        variants.setdefault(int(number), {})[name] = text
    return Compiled(models, variants)


def _of(model: str, schema: str, hook: str) -> str:
    """A hook compiled as a model of its own, with ``this`` being the model that it follows."""
    return re.sub(rf'("\w+"\.){{1,2}}"(m\d+__)?{AFTER}{model}"', f'"{schema}"."{model}"', hook)


def _files(project: Path) -> list[Path]:
    marts = [project / "models" / "marts" / f"{name}.sql" for name in LOOPS]
    return marts + sorted(
        path for layer in LAYERS for path in (project / "models" / layer).glob("*.sql") if path.stem not in NOT_RESOLVED
    )
