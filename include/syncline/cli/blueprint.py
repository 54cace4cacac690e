"""The blueprint of events: per event its owner, latency, sequence, identity, errors and reconciliation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__)


@app.command()
def blueprint(
    out: Annotated[Path | None, typer.Option(help="Write the page here; default: print it.", dir_okay=False)] = None,
    folder: Annotated[Path | None, typer.Option(help="Folder with the CSV files; default: dbt_project/seeds.")] = None,
    is_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when --out is another page.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the events as JSON.")] = False,
) -> None:
    """Generate the page of events from registry, rules, schemas and document tables. Needs no warehouse.

    Examples: syncline blueprint --out docs/reference/events.md
    syncline blueprint --out docs/reference/events.md --check
    """
    from syncline.blueprint import Material, every_event, page
    from syncline.cli.check import seeds
    from syncline.config import read_folder
    from syncline.registry import load_registry

    events = every_event(Material(load_registry(), read_folder(seeds(folder))))
    if as_json:
        typer.echo(json.dumps([event.as_json() for event in events], indent=1, ensure_ascii=False))
        return
    text = page(events)
    if out is None:
        typer.echo(text, nl=False)
    elif is_check:
        if not out.is_file() or out.read_text(encoding="utf-8") != text:
            typer.echo(f"{out} is not what registry, rules and tables say: syncline blueprint --out {out}", err=True)
            raise typer.Exit(1)
        typer.echo(f"{out} is in step: {len(events)} events")
    else:
        out.write_text(text, encoding="utf-8")
        typer.echo(f"{len(events)} events in {out}")
