"""The story of a number: its base, what came on top, what did not count and why, what the targets show."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import psycopg

    from syncline.explain import StockKey, Story

app = typer.Typer(help=__doc__)


@app.command()
def explain(
    item: Annotated[str, typer.Option(help="Item, as in items.csv.")],
    location: Annotated[str, typer.Option(help="Location, as in locations.csv.")],
    measure: Annotated[str, typer.Option(help="Stored measure, e.g. on_hand or allocated.")] = "on_hand",
    lot: Annotated[str | None, typer.Option(help="Lot, where the owner counts by lot.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="The story at an instant. ISO 8601; without offset the location's zone.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: instants in UTC, quantities in base units.")
    ] = False,
) -> None:
    """Print why a number is what it is. Times are in the zone of the location.

    Example: syncline explain --item SKU-0029 --location DC1
    """
    from syncline.cli._warehouse import warehouse
    from syncline.explain import find_key, tell
    from syncline.explain.keys import read_instant
    from syncline.explain.table import console, render

    with warehouse("bi") as conn:
        key = find_key(conn, item, location, measure, lot)
        story = tell(conn, key) if as_of is None else _past(conn, key, read_instant(as_of, key.timezone))
    if as_json:
        typer.echo(json.dumps(story.as_json(), indent=1))
    else:
        console().print(render(story))


def _past(conn: psycopg.Connection, key: StockKey, instant: datetime) -> Story:
    """The number of ``instant`` is made anew in a throw-away copy; the evidence is the warehouse's, up to it."""
    from syncline.cli._scratch import scratch
    from syncline.explain import tell
    from syncline.history.answer import ask
    from syncline.history.knowledge import latest

    with scratch() as past:
        ask(conn, past.conn, past.dsn, key, latest(conn), past.folder, as_of=instant)
        return tell(conn, key, as_of=instant, numbers=past.conn)
