"""Tripped circuit breakers: list them, let go what one holds, or deny it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from syncline.outbox.breaker_desk import Decided, Decision

app = typer.Typer(help=__doc__)
TripId = Annotated[int, typer.Argument(metavar="TRIP", help="Number of the trip.", min=1)]
By = Annotated[str, typer.Option(help="Who decides.")]
Note = Annotated[str, typer.Option(help="Why: kept with the decision.")]


@app.callback(invoke_without_command=True)
def breakers(
    context: typer.Context, every: Annotated[bool, typer.Option("--all", help="Also the decided ones.")] = False
) -> None:
    """Tripped circuit breakers: list them, let go what one holds, or deny it."""
    if context.invoked_subcommand is not None:
        return
    from syncline.cli._warehouse import warehouse
    from syncline.outbox.trips import trips

    with warehouse("publisher") as conn:
        found = trips(conn, None if every else "open")
    table = Table("trip", "state", "since", "what was measured")
    for trip in found:
        decided = f" {trip.state} by {trip.decided_by}: {trip.note or ''}" if trip.decided_by else ""
        table.add_row(str(trip.trip_id), trip.state, f"{trip.opened_at:%d %H:%M}", f"{trip.detail}{decided}")
    Console().print(table)
    typer.echo(f"{len(found)} {'in all' if every else 'open'}.")


@app.command()
def release(trip: TripId, by: By, note: Note) -> None:
    """Let every correction go that the trip holds and that is still up to date."""
    _decide(trip, "released", by, note)


@app.command()
def deny(trip: TripId, by: By, note: Note) -> None:
    """End every correction that the trip holds: none of them is sent."""
    _decide(trip, "denied", by, note)


def _decide(trip_id: int, decision: Decision, by: str, note: str) -> None:
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.outbox.breaker_desk import decide

    with warehouse("publisher") as conn:
        _tell(decide(conn, trip_id, decision, by=by, note=note, at=clock_from_env().now()))


def _tell(decided: Decided) -> None:
    trip = decided.trip
    if decided.already:
        typer.echo(f"Breaker {trip.trip_id} was {trip.state} by {trip.decided_by} before; nothing is changed.")
        return
    outdated = f", {decided.outdated} are out of date and computed anew" if decided.outdated else ""
    typer.echo(f"Breaker {trip.trip_id} is {trip.state}: {decided.moved} corrections{outdated}.")
