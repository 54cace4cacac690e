"""Read stored documents again after a parser, profile or mapping was corrected."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from syncline.rereading.diff import Difference

app = typer.Typer(help=__doc__)
SHOWN_MAX = 40
JSON_MAX = 10_000
INSTANTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command()
def reread(
    source: Annotated[str, typer.Option(help="A source of the registry.")],
    received_from: Annotated[
        datetime | None, typer.Option("--from", formats=INSTANTS, help="Received at or after, UTC.")
    ] = None,
    received_to: Annotated[
        datetime | None, typer.Option("--to", formats=INSTANTS, help="Received at or before, UTC.")
    ] = None,
    document: Annotated[list[str] | None, typer.Option(help="Only this document id; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; without --yes it is a dry run.")] = False,
) -> None:
    """Show what the present code makes of stored documents; after a yes, let the next batch take it over.

    Example: syncline reread --source acme_3pl --dry-run
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.registry import load_registry
    from syncline.rereading import Selection, make_plan
    from syncline.rereading import reread as land_readings
    from syncline.rereading.diff import difference

    entry = load_registry().source(source)
    selection = Selection(_utc(received_from), _utc(received_to), tuple(document or ()))
    with warehouse("loader") as conn:
        plan = make_plan(conn, entry, selection)
        found = difference(conn, plan)
        if not as_json:
            _print(found)
        is_wanted = bool(plan.changed) and not dry_run
        if is_wanted and not yes:
            is_wanted = not as_json and typer.confirm("Let the next batch take this over?")
        landed = None
        if is_wanted:
            landed = land_readings(
                conn, entry, selection, clock_from_env().now(), getpass.getuser(), expected=plan.digest
            )
    if as_json:
        typer.echo(json.dumps(found.as_json(JSON_MAX) | {"load_id": landed and landed.load_id}, indent=1))
    elif landed is not None:
        typer.echo(
            f"Load {landed.load_id}: {landed.documents} documents with {landed.facts} facts;"
            f" {landed.exceptions_closed} exceptions closed. The next batch takes them over."
        )
    elif plan.changed:
        typer.echo("Nothing was written.")


def _utc(instant: datetime | None) -> datetime | None:
    return instant and instant.replace(tzinfo=UTC)


def _print(found: Difference) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    joined = f" ({found.documents_joined} of them because they tell the same)" if found.documents_joined else ""
    typer.echo(
        f"{found.documents} documents read again{joined}, {found.documents_changed} read otherwise than before."
        f"\nFacts: {found.stay} stay, {found.change} change, {found.vanish} vanish, {found.appear} appear."
    )
    if not found.changes:
        return
    table = Table("line", "before", "now", "also")
    for change in found.changes[:SHOWN_MAX]:
        cells = (change.line_key, change.old or "-", change.new or "-", ", ".join(change.also))
        table.add_row(*(escape(cell) for cell in cells))
    Console().print(table)
    if len(found.changes) > SHOWN_MAX:
        typer.echo(f"… and {len(found.changes) - SHOWN_MAX} more; --json shows up to {JSON_MAX}.")
