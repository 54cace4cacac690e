"""Derive keys again from what was received: shows what that would change, then asks the next batch for it."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from syncline.history.published import Published
    from syncline.history.replay import Difference

app = typer.Typer(help=__doc__)
SHOWN_MAX = 40
INSTANTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command()
def replay(
    source: Annotated[str, typer.Option(help="Facts of this source.")],
    received_from: Annotated[
        datetime | None, typer.Option("--from", formats=INSTANTS, help="Received at or after, UTC.")
    ] = None,
    received_to: Annotated[
        datetime | None, typer.Option("--to", formats=INSTANTS, help="Received at or before, UTC.")
    ] = None,
    keys: Annotated[str, typer.Option(help="Only these keys: item/location, more than one with commas.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; without --yes it is a dry run.")] = False,
) -> None:
    """Map the facts of a source again and decide their keys from the beginning; documents are not parsed again.

    Normally nothing changes, and it says so. After a repaired rule it shows each key before and after; the next batch
    takes it over, and targets get the net difference. A corrected parser, profile or mapping of documents is
    `syncline reread`; a changed configuration asks for its keys by itself (`syncline config apply`).

    Example: syncline replay --source dc1_wms --keys SKU-0029/DC1 --dry-run
    """
    from syncline.cli._scratch import scratch
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.history.replay import Selection, compare, request

    selection = Selection(source, _utc(received_from), _utc(received_to), _places(keys))
    with warehouse("transformer") as conn:
        with scratch() as past:
            found = compare(conn, past.conn, past.dsn, selection, past.folder)
        if not as_json:
            _print(found, source)
        is_wanted = yes and not dry_run
        if found and not (yes or dry_run or as_json):
            is_wanted = typer.confirm("Let the next batch take this over?")
        asked = request(conn, selection, clock_from_env().now(), getpass.getuser()) if is_wanted else None
    if as_json:
        requested = {"facts": asked[0], "cells": asked[1]} if asked else None
        typer.echo(json.dumps(found.as_json() | {"requested": requested}, indent=1))
    elif asked:
        typer.echo(f"The next batch maps {asked[0]} facts again and decides {asked[1]} cells from their beginning.")
    else:
        typer.echo("Nothing was written.")


def _utc(instant: datetime | None) -> datetime | None:
    return instant and instant.replace(tzinfo=UTC)


def _places(keys: str) -> tuple[tuple[str, str], ...]:
    from syncline.errors import ConfigurationError

    places = []
    for key in filter(None, (key.strip() for key in keys.split(","))):
        item, mark, location = key.rpartition("/")
        if not mark or not item or not location:
            raise ConfigurationError(f"{key!r} is no key.", next_step="Write item/location, e.g. SKU-0029/DC1.")
        places.append((item, location))
    return tuple(places)


def _print(found: Difference, source: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    from syncline.explain.table import console

    typer.echo(f"{found.selected} facts of {source} in {found.cells} cells (item, location, measure).")
    if not found:
        typer.echo("Nothing would change: derived again from what was received, every row is the one that stands.")
        return
    for (before, after), count in sorted(found.facts.items()):
        typer.echo(
            f"{count} facts: {before}, then {after}" if before != after else f"{count} facts: {before}, otherwise"
        )
    if found.moved:
        names = ", ".join(f"{item}/{location}" for item, location in found.moved[:8])
        typer.echo(f"Facts move to keys that are not among these, and whose numbers change too: {names}")
    table = Table("key", "now", "after")
    for each in found.keys[:SHOWN_MAX]:
        key = f"{each.item} at {each.location}, {each.measure}" + (f", lot {each.lot}" if each.lot else "")
        table.add_row(escape(key), _number(each.old), _number(each.new))
    if found.keys:
        console().print(table)
    typer.echo(
        f"{len(found.keys)} keys would change" + (f"; {SHOWN_MAX} shown." if len(found.keys) > SHOWN_MAX else ".")
    )


def _number(balance: Published | None) -> str:
    from syncline.explain.table import bounds

    return bounds(balance.quantity, balance.lo, balance.hi) if balance else "no number"
