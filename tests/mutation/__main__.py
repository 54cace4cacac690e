"""``python -m tests.mutation``: break each rule in turn, and say which tests see it.

Every mutant is one text replaced in a copy of the dbt project. The scenario files and some seeds of the oracle are
resolved once, by dbt; then each mutant's tables take the place of the right ones, in a transaction that is rolled back.
Exit 1 when a mutant survives, is no SQL any more, or its text is not there any more.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.mutation.mutants import Mutant, read_mutants
from tests.mutation.variants import Compiled, compile_project, write_project
from tests.mutation.verdicts import Bench, Result, bench_cases

from syncline.home import project_root
from syncline.scenario import Options, run_scenarios
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn
from syncline.warehouse.migrate import migrate

DATABASE = "mutation"
COLOURS = {"caught": "green", "equivalent": "dim"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", help="mutants whose rule or file has this text; may be repeated")
    parser.add_argument("--seeds", type=int, default=300, help="cases of the oracle beside the scenario files")
    arguments = parser.parse_args()
    project = project_root() / "dbt_project"
    asked = arguments.only or [""]
    mutants = [m for m in read_mutants() if any(text in m.rule or text in m.path for text in asked)]
    if faults := [fault for m in mutants if (fault := m.fault(project))]:
        print("\n".join(faults), file=sys.stderr)
        return 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="syncline-mutation-") as home, embedded.running(Path(home)) as server:
        write_project(project, Path(home) / "dbt_project", mutants)
        os.environ["SYNCLINE_ROOT"] = home
        with connect_dsn(server.dsn()) as admin:
            admin.execute(f"create database {DATABASE}".encode())
        bench = Bench(
            server.dsn(DATABASE), _resolved(server.dsn(DATABASE), Path(home), arguments.seeds), arguments.seeds
        )
        print(f"resolved and compiled after {time.monotonic() - started:.0f} s", flush=True)
        if seen := bench.unbroken():
            print(f"Nothing is broken yet, and something is wrong: {seen}", file=sys.stderr)
            return 1
        results = _results(bench, mutants)
    Console(width=180).print(_table(results))
    kinds = Counter(result.kind for result in results)
    print(f"{dict(kinds)} in {(time.monotonic() - started) / 60:.1f} minutes")
    return 0 if kinds.keys() <= {"caught", "equivalent"} else 1


def _resolved(dsn: str, home: Path, seeds: int) -> Compiled:
    """Every case resolved by dbt in the database of ``dsn``; the SQL of the models and of their variants."""
    migrate(dsn)
    with connect_dsn(dsn, name="mutation") as conn:
        run_scenarios(conn, dsn, bench_cases(seeds), Options())
    return compile_project(home / "dbt_project", dsn, home / "target")


def _results(bench: Bench, mutants: list[Mutant]) -> list[Result]:
    """One after the other: two at a time would wait for each other's tables."""
    results = []
    for number, mutant in enumerate(mutants):
        results.append(result := bench.judge(number, mutant))
        print(f"{number + 1}/{len(mutants)} {result.kind:<10} {mutant.rule}: {result.by}", flush=True)
    return results


def _table(results: list[Result]) -> Table:
    table = Table("§", "rule", "file", "result", "seen by", show_lines=False)
    for result in results:
        mutant = result.mutant
        colour = COLOURS.get(result.kind, "bold red")
        seen = result.by.split("\n")[0]
        table.add_row(mutant.section, mutant.rule, Path(mutant.path).name, f"[{colour}]{result.kind}[/]", seen)
    return table


if __name__ == "__main__":
    sys.exit(main())
