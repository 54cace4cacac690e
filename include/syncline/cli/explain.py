"""The story of a number: its base, what came on top, what did not count and why, what the targets show."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(help=__doc__)


@app.command()
def explain(
    item: Annotated[str, typer.Option(help="Item, as in items.csv.")],
    location: Annotated[str, typer.Option(help="Location, as in locations.csv.")],
    measure: Annotated[str, typer.Option(help="Stored measure, e.g. on_hand or allocated.")] = "on_hand",
    lot: Annotated[str | None, typer.Option(help="Lot, where the owner counts by lot.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: instants in UTC, quantities in base units.")
    ] = False,
) -> None:
    """Print why a number is what it is. Times are in the zone of the location.

    Example: syncline explain --item SKU-0029 --location DC1
    """
    from syncline.cli._warehouse import warehouse
    from syncline.explain import find_key, tell
    from syncline.explain.table import console, render

    with warehouse("bi") as conn:
        story = tell(conn, find_key(conn, item, location, measure, lot))
    if as_json:
        typer.echo(json.dumps(story.as_json(), indent=1))
    else:
        console().print(render(story))
