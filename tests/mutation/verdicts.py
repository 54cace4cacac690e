"""One mutant: switch it on, run scenarios and seeds through the project, say who saw it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant
from tests.mutation.switching import VARIABLE
from tests.oracle.comparing import differences
from tests.oracle.rules import Answer, answer
from tests.oracle.running import Server, generated

from syncline.errors import TerminalError
from syncline.scenario import Options, Outcome, read_scenarios

SCENARIOS = Path(__file__).parents[1] / "scenarios"
MODELS = ["--select", "tag:resolve", "--resource-type", "model"]
# The oracle tries every set of movements, and these have too many.
TOO_MANY = {"too-many-orders", "too-many-orders-for-who-is-compared", "just-not-too-many-orders"}
# A mutant that is no SQL any more proves nothing.
NO_SQL = re.compile(
    r"syntax error|does not exist|Compilation Error|must appear in the GROUP BY|cannot cast|is ambiguous"
)


@dataclass(frozen=True)
class Result:
    """``kind``: caught, equivalent (survives, as the list says), survived, broken (no SQL any more), lively (said to be
    equivalent, but caught)."""

    mutant: Mutant
    kind: str
    by: str


@dataclass(frozen=True)
class _Bench:
    """What one process needs: the server, the cases, and what the oracle says of them."""

    server: Server
    cases: list[dict[str, Any]]
    wanted: list[Answer | None]


_bench: _Bench | None = None


def prepare(server: Server, root: str, seeds: int) -> None:
    """Once in each process: take the project in ``root``, read the scenarios, ask the oracle."""
    global _bench
    os.environ["SYNCLINE_ROOT"] = root
    # The oracle sees what dbt's own tests see and more, and they are half of a run.
    vars(import_module("syncline.resolve.build"))["FIRST"] = MODELS
    cases = [
        {"name": s.name, "network": s.network, "facts": s.facts, "expect": s.expect}
        for s in read_scenarios([SCENARIOS])
    ]
    cases += [generated(seed) for seed in range(seeds)]
    _bench = _Bench(server, cases, [None if case["name"] in TOO_MANY else answer(case) for case in cases])


def judge(number: int | None, mutant: Mutant) -> Result:
    """What is seen with the mutant of that number switched on."""
    assert _bench is not None, "prepare() comes first"
    os.environ[VARIABLE] = "" if number is None else str(number)
    try:
        seen = _seen(_bench)
    except TerminalError as error:
        kind = "broken" if NO_SQL.search(str(error)) else "caught"
        return Result(mutant, kind, f"dbt: {str(error)[:300]}")
    if mutant.equivalent:
        return Result(mutant, "lively" if seen else "equivalent", seen or mutant.equivalent)
    return Result(mutant, "caught" if seen else "survived", seen)


def _seen(bench: _Bench) -> str:
    """Who sees that something is wrong: scenario files by name, seeds by their number."""
    outcomes = bench.server.run(bench.cases, Options())
    names = [
        case["name"]
        for case, outcome, wanted in zip(bench.cases, outcomes, bench.wanted, strict=True)
        if outcome.failures or _differs(outcome, wanted)
    ]
    files = [case["name"] for case in bench.cases if case.get("expect") and case["name"] in names]
    seeds = len(names) - len(files)
    return ", ".join([*files[:3], *([f"{len(files) - 3} more files"] if len(files) > 3 else []),
                      *([f"{seeds} seeds"] if seeds else [])])  # fmt: skip


def _differs(outcome: Outcome, wanted: Answer | None) -> bool:
    return wanted is not None and bool(differences(outcome, wanted))
