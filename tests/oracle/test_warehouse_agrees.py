"""The real warehouse against the oracle: every balance, bound, disposition, verdict and ledger entry (semantics §7).

A failure prints the seed and writes the case as a scenario file; ``syncline scenario run FILE --json`` shows it alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.oracle.answer import answer
from tests.oracle.comparing import differences, write
from tests.oracle.rules import Answer
from tests.oracle.running import generated, scenarios

from syncline.scenario import Options, Outcome, run_scenarios

SEEDS = range(300)
DISTURBED = range(400, 460)


def disagreements(folder: Path, cases: list[dict[str, Any]], outcomes: list[Outcome], wanted: list[Answer]) -> str:
    lines = []
    for found, outcome, answered in zip(cases, outcomes, wanted, strict=True):
        if faults := differences(outcome, answered):
            (path,) = write(folder, [found])
            lines += [f"{found['name']} (written to {path}):", *(f"  {fault}" for fault in faults)]
    return "\n".join(lines)


def test_one_load(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> None:
    cases = [generated(seed) for seed in SEEDS]
    outcomes = run_scenarios(warehouse, warehouse_dsn("owner"), scenarios(cases), Options())
    found = disagreements(tmp_path, cases, outcomes, [answer(c) for c in cases])
    assert not found, found


def test_shuffled_split_and_repeated(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path
) -> None:
    """Invariants 1 to 3: order, split and repetition of the same facts change nothing."""
    cases = [generated(seed) for seed in DISTURBED]
    options = Options(shuffle=7, batches=3, duplicate=0.3)
    outcomes = run_scenarios(warehouse, warehouse_dsn("owner"), scenarios(cases), options)
    wanted = [answer(c) for c in cases]
    found = disagreements(tmp_path, cases, outcomes, wanted)
    assert not found, found


def test_rebuilt(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> None:
    cases = [generated(seed) for seed in DISTURBED]
    options = Options(shuffle=8, batches=2, rebuild=True)
    outcomes = run_scenarios(warehouse, warehouse_dsn("owner"), scenarios(cases), options)
    found = disagreements(tmp_path, cases, outcomes, [answer(c) for c in cases])
    assert not found, found


def test_the_cases_reach_every_answer() -> None:
    """A generator that never makes a fact stale would prove nothing about `stale`."""
    answers = [answer(generated(seed)) for seed in SEEDS]
    dispositions = Counter(d for a in answers for d in a.dispositions.values())
    verdicts = Counter(verdict for a in answers for verdict, _ in a.verdicts.values())
    entries = Counter(entry["entry"] for a in answers for entry in a.ledger)
    assert min(
        dispositions[d]
        for d in (
            "test", "quarantined", "duplicate", "conflict", "superseded", "not_owner", "stale", "confirmed",
            "contradicted", "absorbed", "applied",
        )
    ) >= 5, dispositions  # fmt: skip
    assert min(verdicts[v] for v in ("match", "discrepancy", "incomparable")) >= 30, verdicts
    assert verdicts["delay"] >= 5, verdicts
    assert min(entries[e] for e in ("opening", "movement", "reconciling")) >= 30, entries
    assert sum(1 for a in answers for _, variances in a.verdicts.values() if len(variances) > 1) >= 10
    conflicts = [(a, fact) for a in answers for fact, d in a.dispositions.items() if d == "conflict" and a.decided]
    assert sum(1 for a, fact in conflicts if fact in a.decided) >= 5, "decisions that answer nothing prove nothing"
    assert any(fact not in a.decided for a, fact in conflicts), "some conflict comes after its decision"


@pytest.mark.parametrize("seed", [3, 141])
def test_the_comparison_can_fail(seed: int, tmp_path: Path) -> None:
    """A wrong number in any part is seen, and the case is written as a file."""
    found = generated(seed)
    wanted = answer(found)
    outcome = Outcome(
        name=found["name"],
        balances=[{**row, "quantity": row["quantity"] + 1} for row in wanted.balances],
        dispositions={name: {"disposition": d, "reason": None} for name, d in wanted.dispositions.items()},
        verdicts={name: {"verdict": v, "variances": vs} for name, (v, vs) in wanted.verdicts.items()},
        ledger=wanted.ledger,
        failures=[],
    )
    assert "balance of" in disagreements(tmp_path, [found], [outcome], [wanted])
    assert (tmp_path / f"{found['name']}.yaml").is_file()
