"""Check rules and registry before any data is touched: file, line and fix of every fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from syncline.config.tables import Row
    from syncline.registry import Registry

app = typer.Typer()


def seeds(folder: Path | None) -> Path:
    """``folder``, else the CSV files of this checkout."""
    from syncline.home import project_root

    return folder or project_root() / "dbt_project" / "seeds"


@app.command()
def check(
    folder: Annotated[Path | None, typer.Option(help="Folder with the CSV files; default: dbt_project/seeds.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the faults as JSON.")] = False,
) -> None:
    """Check the CSV files and the registry without touching the warehouse; exit 1 when there is a fault.

    Found are: values that cannot be what their column says, such as a unit factor that is no fraction; names that
    nothing defines, such as a rule for an unknown source; a code with two meanings at one time; two owners of equal
    rank; a source of the registry without a row in sources.csv.

    Example: syncline check --folder my-rules
    """
    faults, rows = _faults(seeds(folder))
    if as_json:
        typer.echo(json.dumps({"rows": rows, "faults": faults}, indent=1))
    for fault in [] if as_json else faults:
        typer.echo(fault, err=True)
    if faults:
        if not as_json:
            typer.echo(
                f"{len(faults)} fault{'s' if len(faults) > 1 else ''}. Correct the lines and check again.", err=True
            )
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"{sum(rows.values())} rows in {len(rows)} tables, no fault found")


def _faults(folder: Path) -> tuple[list[str], dict[str, int]]:
    """Every fault, and the number of rows by table (none when a file cannot be read as rows)."""
    from syncline.config import read_folder
    from syncline.config.check import find_faults
    from syncline.errors import ConfigurationError
    from syncline.registry import load_registry

    try:
        rows = read_folder(folder)
    except ConfigurationError as error:
        listed = error.fields.get("faults")
        return list(listed) if isinstance(listed, list) else [str(error)], {}
    faults = list(find_faults(rows))
    try:
        registry = load_registry()
    except ConfigurationError as error:
        return [*faults, str(error)], {}
    known = {row["source"] for row in rows["sources"]}
    faults += [
        f"registry, source {source.name}: sources.csv has no row for it, so all its facts would be quarantined"
        for source in registry.sources
        if source.enabled and source.name not in known
    ]
    faults += _strangers(rows["subscriptions"], registry)
    return faults, {name: len(table) for name, table in rows.items()}


def _strangers(subscriptions: list[Row], registry: Registry) -> list[str]:
    """Subscribers that the registry does not know, each once."""
    from syncline.config.tables import NUMBERS

    targets = {target.name for target in registry.targets}
    consumers = {subscriber.name for subscriber in registry.subscribers}
    numbers = {row["subscriber"] for row in subscriptions if row["event"] in NUMBERS}
    others = {row["subscriber"] for row in subscriptions if row["event"] not in NUMBERS}
    return [
        *(
            f"subscriptions.csv: {name} is no target of the registry, so its batch would be held"
            for name in sorted(numbers - targets)
        ),
        *(
            f"subscriptions.csv: {name} is no subscriber of the registry, so nobody is told"
            for name in sorted(others - consumers)
        ),
    ]
