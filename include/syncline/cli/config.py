"""Rules as data: check and apply the CSV files of dbt_project/seeds."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from syncline.config import Applied
    from syncline.config.versions import Change

app = typer.Typer(no_args_is_help=True, help=__doc__)
Folder = Annotated[Path | None, typer.Option(help="Folder with the CSV files; default: dbt_project/seeds.")]
SHOWN_MAX = 40  # rows of the diff in a terminal; --json holds all


def _folder(folder: Path | None) -> Path:
    from syncline.cli.check import seeds

    return seeds(folder)


@app.command()
def check(folder: Folder = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """The same as `syncline check`."""
    from syncline.cli.check import check as check_files

    check_files(folder, as_json)


@app.command()
def apply(
    folder: Folder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what differs, append it as new versions, and enqueue exactly what can come out otherwise.

    Facts that waited in quarantine for a crosswalk entry are mapped again by the next batch.
    Example: edit dbt_project/seeds/item_crosswalk.csv, then: syncline config apply --dry-run
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.config import apply as apply_rows
    from syncline.config import read_folder

    rows = read_folder(_folder(folder))
    with warehouse("owner") as conn:
        applied = apply_rows(conn, rows, clock_from_env().now(), getpass.getuser(), dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(_as_json(applied, dry_run), indent=1))
    else:
        _print(applied, dry_run)


def _as_json(applied: Applied, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "tables": applied.tables(),
        "changes": [change.__dict__ for change in applied.changes],
        "versions": applied.versions,
        "redriven_facts": applied.redriven_facts,
        "touched_keys": applied.touched_keys,
        "queued_corrections": applied.queued_corrections,
    }


def _print(applied: Applied, dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    if not applied.changes and not applied.versions:
        typer.echo("Nothing changed.")
        return
    table = Table("table", "row", "", "old → new")
    for change in applied.changes[:SHOWN_MAX]:
        table.add_row(change.table, ", ".join(change.key), *_difference(change))
    if applied.changes:
        Console().print(table)
    if len(applied.changes) > SHOWN_MAX:
        typer.echo(f"... and {len(applied.changes) - SHOWN_MAX} more rows; --json shows all.")
    for name, counts in applied.tables().items():
        version = f" (version {applied.versions[name]})" if name in applied.versions else ""
        typer.echo(f"{name}{version}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    typer.echo(
        f"{'Would go' if dry_run else 'Go'} to the next batch: {applied.redriven_facts} facts to map again, "
        f"{applied.touched_keys} cells to decide again, {applied.queued_corrections} corrections to compute again."
    )
    if dry_run:
        typer.echo("Dry run: nothing was written.")


def _difference(change: Change) -> tuple[str, str]:
    """How a row differs, with the columns that are not its key."""
    from syncline.config.tables import TABLES

    table = TABLES[change.table]
    columns = [column for column in table.columns if column not in table.key]
    if change.old is None or change.new is None:
        row = change.new or change.old or {}
        values = ", ".join(f"{column} {row[column]}" for column in columns if row[column] not in (None, ""))
        return "removed" if change.new is None else "added", values
    old, new = change.old, change.new
    return "changed", ", ".join(f"{c} {old[c]} → {new[c]}" for c in columns if old[c] != new[c])
