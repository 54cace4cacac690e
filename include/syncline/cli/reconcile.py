"""Prove stock by full states: run a reconciliation, look at what came of it."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncline.reconcile.runs import Run

app = typer.Typer(no_args_is_help=True, help=__doc__)
Location = Annotated[str | None, typer.Option(help="One warehouse, e.g. DC1; left out: all of them.")]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]


@app.command()
def run(location: Location = None, as_json: Json = False) -> None:
    """Read the full state of every WMS and of the ERP, prove and compare each, and land what they say otherwise.

    Exit code 1 when a state is not proven or gave no answer: nothing that it leaves out counts as zero.

    Example: syncline reconcile run --location DC1
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.connections import connection
    from syncline.reconcile.runs import run_of
    from syncline.reconcile.steps import Surroundings, compare_run, plan_runs, promote_run, pull_all
    from syncline.registry import load_registry

    clock, worker = clock_from_env(), f"cli {getpass.getuser()}"
    around = Surroundings(load_registry(), clock, warehouse, connection, worker)
    done = []
    with warehouse("transformer") as conn:
        now = clock.now()
        for each in plan_runs(conn, location, f"{worker} {now.isoformat()}", now):
            pull_all(around, each.run_id)
            compare_run(around, each.run_id)
            promote_run(around, each.run_id)
            done.append(run_of(conn, each.run_id))
    _print(done, as_json)
    if any(not state["is_proven"] for each in done for state in each.pulled):
        raise typer.Exit(1)


@app.command()
def show(
    number: Annotated[int | None, typer.Argument(metavar="RUN", help="One run; left out: the newest ones.")] = None,
    location: Location = None,
    as_json: Json = False,
) -> None:
    """Runs of the reconciliation with their states: proven or why not, keys that differ, facts that came of it.

    Example: syncline reconcile show --location DC1 --json
    """
    from syncline.cli._warehouse import warehouse
    from syncline.reconcile.runs import newest, run_of

    with warehouse("bi") as conn:
        found = newest(conn, location) if number is None else [run_of(conn, number)]
    _print(found, as_json)


def _print(runs: Sequence[Run], as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    if as_json:
        typer.echo(json.dumps([each.as_json() for each in runs], indent=1))
        return
    table = Table("run", "location", "as of", "state of", "lines", "proof", "differ", "new facts")
    for each in runs:
        promoted = {state["source"]: state for state in each.promoted}
        for state in each.pulled or [{"source": "-", "is_proven": False, "fault_code": each.state}]:
            source = state["source"]
            what = promoted.get(source)
            differ = f"{what['differing']} of {what['compared']}" if what else ""
            as_of, lines = f"{each.as_of:%Y-%m-%d %H:%M:%S}Z", str(state.get("lines", ""))
            proof = "proven" if state["is_proven"] else str(state["fault_code"])
            told = f"{differ}: flood" if what and what["flood"] else differ
            facts = str(what["facts"]) if what else ""
            table.add_row(str(each.run_id), each.location, as_of, source, lines, proof, told, facts)
    Console().print(table)
    if not runs:
        typer.echo("No run yet: syncline reconcile run")
