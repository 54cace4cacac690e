"""Ten thousand cases against the oracle; some of them shuffled, split, repeated and rebuilt, with equal hashes.

Two databases side by side. A failing case is made small and written as a scenario file; its seed is in the message.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.databases import TEMPLATE
from tests.oracle.answer import answer
from tests.oracle.comparing import differences, write
from tests.oracle.coverage import missing, table
from tests.oracle.rules import POSITIONS_MAX
from tests.oracle.running import Server, compare, generated
from tests.oracle.shrinking import shrink

from syncline.scenario import Options
from syncline.warehouse import embedded

PROCESSES = 2
CASES = int(os.environ.get("ORACLE_CASES", "10000"))
FIRST = int(os.environ.get("ORACLE_FIRST", "0"))
CHUNK = 1000
# So many are loaded in several ways.
DISTURBED_CASES = 500
PLAIN = [Options()]
DISTURBED = [*PLAIN, Options(shuffle=7, batches=4, duplicate=0.3), Options(shuffle=8, batches=2, rebuild=True)]
SHRUNK_MAX = 3
# So many positions are too many in the last chunk: 4,096 are more than an oracle can try.
CAP = 6


@pytest.fixture
def place(server: embedded.Server, role_passwords: dict[str, str]) -> Server:
    return Server(server.dsn("{}"), TEMPLATE)


@pytest.mark.deep
def test_ten_thousand_cases(place: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = [(seeds, PLAIN, POSITIONS_MAX) for seeds in _chunks(range(FIRST, FIRST + CASES))]
    work[-1] = (work[-1][0], PLAIN, CAP)
    work.append((range(FIRST, FIRST + min(CASES, DISTURBED_CASES)), DISTURBED, POSITIONS_MAX))
    reached: Counter[str] = Counter()
    faults: dict[str, list[str]] = {}
    oracle_s = warehouse_s = 0.0
    started = time.monotonic()
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = pool.map(compare, [place] * len(work), *zip(*work, strict=True))
        for (seeds, ways, cap), chunk in zip(work, done, strict=True):
            reached += chunk.reached
            faults |= chunk.faults
            oracle_s += chunk.oracle_s
            warehouse_s += chunk.warehouse_s
            with capsys.disabled():
                how = f", {len(ways)} ways" * (len(ways) > 1) + f", at most {cap} positions" * (cap == CAP)
                print(f"\nseeds {seeds[0]} to {seeds[-1]}{how}: {len(chunk.faults)} differ", end="", flush=True)
    with capsys.disabled():
        print(
            f"\n{CASES:,} cases in {(time.monotonic() - started) / 60:.1f} minutes on {PROCESSES} processes "
            f"(oracle {oracle_s / 60:.1f}, warehouse {warehouse_s / 60:.1f})\n{table(reached)}"
        )
    assert not faults, _told(place, tmp_path, faults)
    assert not missing(reached, CASES), missing(reached, CASES)


def _chunks(seeds: range) -> list[range]:
    return [seeds[first : first + CHUNK] for first in range(0, len(seeds), CHUNK)]


def _told(place: Server, folder: Path, faults: dict[str, list[str]]) -> str:
    """The differences, and the first cases made small and written as scenario files."""
    lines = [f"{len(faults)} cases differ"]
    for name, found in faults.items():
        lines += [name, *(f"  {fault}" for fault in found[:6])]
    for name in list(faults)[:SHRUNK_MAX]:
        seed = int(name.split()[1])
        small = shrink(generated(seed), lambda cases: disagree(place, cases))
        (path,) = write(folder, [small])
        lines.append(f"{name}, made small ({len(small['facts'])} facts): syncline scenario run --json {path}")
    return "\n".join(lines)


def disagree(place: Server, cases: Sequence[dict[str, Any]]) -> list[bool]:
    """For each case whether warehouse and oracle differ, in one load."""
    named = [{**case, "name": f"{case['name']}-{number}"} for number, case in enumerate(cases)]
    outcomes = place.run(named, Options())
    return [bool(differences(outcome, answer(case))) for outcome, case in zip(outcomes, named, strict=True)]


def test_a_failing_case_is_made_small() -> None:
    """Against a judge that disagrees whenever a certain pair of facts is there: nothing else is left."""

    def fails(cases: Sequence[dict[str, Any]]) -> list[bool]:
        return [{"f1", "f3"} <= {fact["id"] for fact in case["facts"]} for case in cases]

    case = next(case for seed in range(1, 99) if fails([case := generated(seed)])[0] and len(case["facts"]) > 5)
    small = shrink(case, fails)
    assert [fact["id"] for fact in small["facts"]] == ["f1", "f3"]
    assert small["network"]["ownership"] == []


def test_one_case_alone_is_the_case_of_its_seed() -> None:
    assert generated(12) == generated(12)
    assert len({generated(seed)["name"] for seed in range(100)}) == 100
