"""Run golden scenarios through the real warehouse and the real dbt project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from syncline.home import state_home

app = typer.Typer(no_args_is_help=True)


@app.callback()
def scenario() -> None:
    """Golden scenarios: a network, facts in the order they arrive, and what must come out."""


@app.command()
def run(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcomes as JSON.")] = False,
    shuffle: Annotated[int | None, typer.Option(help="Load the facts in another order, by this seed.")] = None,
    batches: Annotated[
        int, typer.Option(min=1, max=1000, help="Split the facts over N loads, a resolve after each.")
    ] = 1,
    duplicate: Annotated[float, typer.Option(min=0, max=1, help="Load this share of the facts twice.")] = 0.0,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Drop the derived schemas at the end and rebuild them.")
    ] = False,
) -> None:
    """Run each scenario in a throw-away database; exit 1 when an expectation fails.

    Example: syncline scenario run tests/scenarios --shuffle 7 --batches 5 --duplicate 0.2 --rebuild
    """
    from syncline.runtime.databases import throw_away
    from syncline.scenario import Options, read_scenarios, run_scenarios

    scenarios = read_scenarios(paths)
    with throw_away(state_home().resolve(), "scenario") as (dsn, conn):
        outcomes = run_scenarios(conn, dsn, scenarios, Options(shuffle, batches, duplicate, rebuild))
    failed = [outcome for outcome in outcomes if outcome.failures]
    if as_json:
        typer.echo(json.dumps([outcome.as_json() for outcome in outcomes], indent=1))
    for outcome in outcomes:
        if not as_json:
            typer.echo(f"{'FAIL' if outcome.failures else 'ok  '} {outcome.name}  {outcome.hash[:12]}")
        for line in outcome.failures:
            typer.echo(f"     {line}", err=as_json)
    if not as_json:
        typer.echo(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)
