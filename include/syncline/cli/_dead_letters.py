"""Dead letters: list them, and have their keys computed anew."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from syncline.outbox.dead_letters import DeadLetter, Filter

app = typer.Typer()
Target = Annotated[str | None, typer.Option(help="Only this target.")]
Reason = Annotated[str | None, typer.Option(help="Only reasons that hold this text.")]
Item = Annotated[str | None, typer.Option(help="Only this item.")]
Location = Annotated[str | None, typer.Option(help="Only this location.")]
Since = Annotated[datetime | None, typer.Option(help="Only those that ended since then (UTC).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: instants in UTC, quantities in base units.")]


@app.command("dead")
def list_dead(
    target: Target = None, reason: Reason = None, item: Item = None, location: Location = None, since: Since = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """List dead letters: refused, unproven or denied corrections, with what they followed.

    Example: syncline outbox dead --target erp --reason unknown_item
    """
    from syncline.cli._warehouse import warehouse
    from syncline.outbox.dead_letters import dead_letters

    with warehouse("publisher") as conn:
        found = dead_letters(conn, _filter((), target, reason, item, location, since))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], indent=1, default=str))
        return
    _print(found)
    typer.echo(f"{len(found)} dead.")


@app.command()
def redrive(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids, or at least their first 6 characters.")] = None,
    target: Target = None, reason: Reason = None, item: Item = None, location: Location = None, since: Since = None,
    by: Annotated[str, typer.Option(help="Who decides.")] = "",
    why: Annotated[str, typer.Option(help="Kept with the decision.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 500,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Have the keys of dead letters computed anew from what the target shows now; nothing old is sent again.

    Example: syncline outbox redrive --target erp --reason unknown_item --by anna --why 'items created' --dry-run
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.outbox.dead_letters import redrive as compute_anew

    which = _filter(tuple(ids or ()), target, reason, item, location, since)
    at = clock_from_env().now()
    with warehouse("publisher") as conn:
        told = compute_anew(conn, which, by=by, why=why, at=at, limit=limit, dry_run=dry_run)
    if as_json:
        typer.echo(
            json.dumps(
                {"dry_run": dry_run, "done": [row.correction_id for row in told.done], "left": told.left}, indent=1
            )
        )
        return
    _print(told.done)
    for correction, why_not in told.left.items():
        typer.echo(f"{correction[:12]} is left alone: {why_not}.")
    typer.echo(f"{len(told.done)} {'would be' if dry_run else 'will be'} computed anew, {len(told.left)} left alone.")


def _filter(
    ids: tuple[str, ...], target: str | None, reason: str | None, item: str | None, location: str | None,
    since: datetime | None,
) -> Filter:  # fmt: skip
    from syncline.outbox.dead_letters import Filter

    return Filter(ids, target, reason, item, location, since.replace(tzinfo=UTC) if since else None)


def _print(letters: list[DeadLetter]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("id", "target", "item", "at", "shown → wanted", "cause", "followed", "computed anew")
    for row in letters:
        anew = "" if row.redriven_by is None else f"by {row.redriven_by}: {(row.became or 'not yet')[:12]}"
        table.add_row(
            row.correction_id[:12], row.target, row.item, row.location, f"{row.shown} → {row.wanted}",
            escape(row.reason), (row.fact_id or "–")[:12], anew,
        )  # fmt: skip
    Console().print(table)
