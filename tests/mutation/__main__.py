"""``python -m tests.mutation``: break each rule in turn, and say which tests see it.

Every mutant is one text replaced in a copy of the dbt project, through which all scenario files and some seeds of the
oracle go in one dbt run. Exit 1 when one survives, or when its text is not there any more.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.mutation.mutants import Mutant, read_mutants
from tests.mutation.switching import write_project
from tests.mutation.verdicts import Result, judge, prepare
from tests.oracle.running import Server

from syncline.home import project_root
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn
from syncline.warehouse.migrate import migrate

TEMPLATE = "mutation_template"
UNBROKEN = Mutant("nothing", "", "", "", "", 0, "")
COLOURS = {"caught": "green", "equivalent": "dim"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="mutants whose rule or file has this text")
    parser.add_argument("--seeds", type=int, default=300, help="cases of the oracle beside the scenario files")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    mutants = [m for m in read_mutants() if arguments.only in m.rule or arguments.only in m.path]
    if faults := [fault for m in mutants if (fault := m.fault(project_root() / "dbt_project"))]:
        print("\n".join(faults), file=sys.stderr)
        return 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="syncline-mutation-") as home, embedded.running(Path(home)) as server:
        with connect_dsn(server.dsn()) as admin:
            admin.execute(f"create database {TEMPLATE}".encode())
        migrate(server.dsn(TEMPLATE))
        root = Path(home) / "root"
        write_project(project_root() / "dbt_project", root / "dbt_project", mutants)
        setting = (Server(server.dsn("{}"), TEMPLATE), str(root), arguments.seeds)
        with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn"), prepare, setting) as pool:
            if seen := pool.submit(judge, None, UNBROKEN).result().by:
                print(f"Nothing is broken yet, and something is wrong: {seen}", file=sys.stderr)
                return 1
            results = _results(pool, mutants)
    ordered = [results[number] for number in range(len(mutants))]
    Console(width=180).print(_table(ordered))
    kinds = Counter(result.kind for result in ordered)
    print(f"{dict(kinds)} in {(time.monotonic() - started) / 60:.1f} minutes")
    return 0 if kinds.keys() <= {"caught", "equivalent"} else 1


def _results(pool: ProcessPoolExecutor, mutants: list[Mutant]) -> dict[int, Result]:
    results: dict[int, Result] = {}
    waiting = {pool.submit(judge, number, mutant): number for number, mutant in enumerate(mutants)}
    for done in as_completed(waiting):
        result = results[waiting[done]] = done.result()
        print(f"{len(results)}/{len(mutants)} {result.kind:<10} {result.mutant.rule}: {result.by}", flush=True)
    return results


def _table(results: list[Result]) -> Table:
    table = Table("§", "rule", "file", "result", "seen by", show_lines=False)
    for result in results:
        mutant = result.mutant
        colour = COLOURS.get(result.kind, "bold red")
        table.add_row(
            mutant.section, mutant.rule, Path(mutant.path).name, f"[{colour}]{result.kind}[/]", result.by.split("\n")[0]
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
