"""Chunks of generated cases through a database of their own, one dbt run each; several processes share the work."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from multiprocessing import current_process
from pathlib import Path
from typing import Any

from psycopg import sql
from tests.oracle.answer import answer
from tests.oracle.comparing import differences
from tests.oracle.corners import corner
from tests.oracle.coverage import count
from tests.oracle.generator import case
from tests.oracle.rules import POSITIONS_MAX

from syncline.home import project_root
from syncline.scenario import Options, Outcome, Scenario, run_scenarios
from syncline.warehouse.connect import connect_dsn

Case = dict[str, Any]
CAP = f"{{%- set cap = {POSITIONS_MAX} %}}"


def generated(seed: int) -> Case:
    """Two streams of cases, in turn."""
    return case(seed // 2) if seed % 2 else corner(seed // 2)


def scenarios(cases: Sequence[Case]) -> list[Scenario]:
    return [
        Scenario(
            c["name"],
            Path(c["name"]),
            c["network"],
            c["facts"],
            c.get("expect", {}),
            f"{number:05d}",
            c.get("decisions", []),
            c.get("documents", []),
            c.get("pushes", []),
            c.get("returns", []),
        )
        for number, c in enumerate(cases, start=1)
    ]


def as_case(scenario: Scenario) -> Case:
    """What the oracle reads of a scenario."""
    return {
        "network": scenario.network, "facts": scenario.facts, "decisions": scenario.decisions,
        "documents": scenario.documents, "pushes": scenario.pushes, "returns": scenario.returns,
    }  # fmt: skip


@dataclass(frozen=True)
class Server:
    """Where throw-away databases are made: DSN of the server's owner with ``{}`` for the database, and a template."""

    dsn: str
    template: str

    def run(self, cases: Sequence[Case], options: Options) -> list[Outcome]:
        """The outcomes of ``cases`` from one empty database, in their order."""
        # The name of the process: dbt parses the project again for a database of another name.
        name = f"oracle_{current_process().name.lower().replace('-', '_')}"
        identifier = sql.Identifier(name)
        with connect_dsn(self.dsn.format("postgres"), name="admin") as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
            admin.execute(sql.SQL("create database {} template {}").format(identifier, sql.Identifier(self.template)))
            try:
                with connect_dsn(self.dsn.format(name), name="oracle") as conn:
                    return run_scenarios(conn, self.dsn.format(name), scenarios(cases), options)
            finally:
                admin.execute(sql.SQL("drop database {} with (force)").format(identifier))


@dataclass
class Chunk:
    """What became of some seeds: differences by case, what was reached, seconds of oracle and warehouse."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    reached: Counter[str] = field(default_factory=Counter)
    cases: int = 0
    oracle_s: float = 0.0
    warehouse_s: float = 0.0


@contextmanager
def capped_at(cap: int) -> Iterator[None]:
    """A copy of the project in which ``cap`` positions are too many: the brute-force oracle can count so far."""
    with tempfile.TemporaryDirectory(prefix="syncline-capped-") as root:
        source = project_root()
        shutil.copytree(
            source / "dbt_project", Path(root) / "dbt_project", ignore=shutil.ignore_patterns("target", "logs")
        )
        model = Path(root) / "dbt_project" / "models" / "intermediate" / "int_positions.sql"
        text = model.read_text(encoding="utf-8")
        assert CAP in text, "the model has its cap elsewhere now"
        model.write_text(text.replace(CAP, CAP.replace(str(POSITIONS_MAX), str(cap))), encoding="utf-8")
        os.environ["SYNCLINE_ROOT"] = root
        try:
            yield
        finally:
            os.environ["SYNCLINE_ROOT"] = str(source)


def compare(server: Server, seeds: Sequence[int], options: Sequence[Options], cap: int = POSITIONS_MAX) -> Chunk:
    """Every case under each of ``options``, in a new database, against the oracle, and by hash against the first."""
    with nullcontext() if cap == POSITIONS_MAX else capped_at(cap):
        return _compare(server, seeds, options, cap)


def _compare(server: Server, seeds: Sequence[int], options: Sequence[Options], cap: int) -> Chunk:
    chunk = Chunk(cases=len(seeds))
    cases = [generated(seed) for seed in seeds]
    started = time.monotonic()
    wanted = [answer(each, cap) for each in cases]
    chunk.oracle_s = time.monotonic() - started
    first: list[str] = []
    for option in options:
        started = time.monotonic()
        outcomes = server.run(cases, option)
        chunk.warehouse_s += time.monotonic() - started
        hashes = [outcome.hash for outcome in outcomes]
        first = first or hashes
        for seed, each, outcome, said, is_same in zip(
            seeds, cases, outcomes, wanted, (a == b for a, b in zip(first, hashes, strict=True)), strict=True
        ):
            faults = differences(outcome, said) + ([] if is_same else [f"another hash under {option}"])
            if faults:
                chunk.faults.setdefault(f"seed {seed} ({each['name']})", []).extend(faults)
            if option is options[0]:
                chunk.reached += count(each, said, outcome)
    return chunk
