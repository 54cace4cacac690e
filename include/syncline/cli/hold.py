"""Key holds: keep back the corrections of one key until an instant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)
Item = Annotated[str, typer.Argument(help="Item, as in items.csv.")]
Location = Annotated[str, typer.Argument(help="Location, as in locations.csv.")]
Target = Annotated[str, typer.Option(help="Only this target; default: every target.")]
By = Annotated[str, typer.Option(help="Who decides.")]
Until = Annotated[datetime, typer.Option(help="Instant in UTC, e.g. 2026-11-02T18:00:00.")]


@app.command("add")
def add(
    item: Item, location: Location, until: Until, reason: Annotated[str, typer.Option(help="Why.")], by: By,
    target: Target = "*",
) -> None:  # fmt: skip
    """Hold a key, or move the end of its hold. At that instant its corrections flow again by themselves."""
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.outbox.holds import hold_key

    end = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    with warehouse("publisher") as conn:
        held = hold_key(conn, item, location, until=end, reason=reason, by=by, at=clock_from_env().now(), target=target)
    typer.echo(f"{item} at {location} is held until {end.isoformat()}; {held} waiting corrections were held.")


@app.command("end")
def end(item: Item, location: Location, by: By, target: Target = "*") -> None:
    """End a hold before its time; the next batch lets the corrections go."""
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.outbox.holds import end_hold

    with warehouse("publisher") as conn:
        end_hold(conn, item, location, by=by, at=clock_from_env().now(), target=target)
    typer.echo(f"The hold of {item} at {location} ends with the next batch.")


@app.command("list")
def list_holds() -> None:
    """List the holds in force, the first to end first."""
    from rich.console import Console
    from rich.table import Table

    from syncline.cli._warehouse import warehouse
    from syncline.outbox.holds import holds

    with warehouse("publisher") as conn:
        found = holds(conn)
    table = Table("item", "at", "target", "until", "by", "reason")
    for hold in found:
        until = hold.held_until.isoformat(timespec="seconds")
        table.add_row(hold.item, hold.location, hold.target, until, hold.held_by, hold.reason)
    Console().print(table)
    typer.echo(f"{len(found)} held.")
