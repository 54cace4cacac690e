"""Rules as data: check and apply the CSV files of dbt_project/seeds."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)
Folder = Annotated[Path | None, typer.Option(help="Folder with the CSV files; default: dbt_project/seeds.")]


def _folder(folder: Path | None) -> Path:
    from syncline.home import project_root

    return folder or project_root() / "dbt_project" / "seeds"


@app.command()
def check(folder: Folder = None) -> None:
    """Check the files without touching the warehouse: types, unknown names, two answers for one time, rival owners."""
    from syncline.config import read_folder
    from syncline.config.check import check as check_rows

    rows = read_folder(_folder(folder))
    check_rows(rows)
    typer.echo(f"{sum(len(table) for table in rows.values())} rows in {len(rows)} tables, no fault found")


@app.command()
def apply(folder: Folder = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Append what changed as new versions and enqueue what must be thought about again.

    Facts that waited in quarantine for a crosswalk entry are mapped again by the next batch.
    Example: edit dbt_project/seeds/item_crosswalk.csv, then: syncline config apply
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.config import apply as apply_rows
    from syncline.config import read_folder

    rows = read_folder(_folder(folder))
    with warehouse("owner") as conn:
        applied = apply_rows(conn, rows, clock_from_env().now(), getpass.getuser())
    if as_json:
        typer.echo(json.dumps(applied.__dict__))
    elif not applied.versions:
        typer.echo("Nothing changed.")
    else:
        changed = ", ".join(f"{name} (version {version})" for name, version in applied.versions.items())
        typer.echo(
            f"Applied {changed}; {applied.redriven_facts} facts and {applied.touched_keys} keys go to the next batch."
        )
