"""Closed loops: what was short, substituted, over, returned or counted; order lines and what threatens them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help=__doc__)
AsJson = Annotated[bool, typer.Option("--json", help="A list of objects.")]
SHOWN_MAX = 1000

_LOOPS = """
select kind, state, subject, item, location, expected, happened, substituted, missing, due_at
from marts.fct_loops
where (%(every)s or state <> 'closed') and (%(kind)s::text is null or kind = %(kind)s)
order by state, due_at nulls last, kind, subject collate "C", item, location limit %(most)s
"""
_IMPACT = """
select order_line, item, location, promised, outstanding, short, short_if_true, touched, value_at_risk, currency,
  variance_source
from marts.fct_order_impact
where %(item)s::text is null or item = %(item)s
order by priority, promised nulls last, order_line collate "C", location limit %(most)s
"""


@app.command("list")
def list_loops(
    kind: Annotated[str | None, typer.Option(help="Only of this kind, as short_pick.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the loops in which something is waited for.

    Example: syncline loops list --kind short_pick --all
    """
    _show(_LOOPS, {"kind": kind, "every": every}, as_json)


@app.command()
def impact(
    item: Annotated[str | None, typer.Option(help="Only of this item.")] = None, as_json: AsJson = False
) -> None:
    """List the order lines that fall short: as we hold the stock to be, and if the worst variance is true.

    Example: syncline loops impact --item SKU-0001
    """
    _show(_IMPACT, {"item": item}, as_json)


@app.command()
def orders(
    file: Annotated[Path, typer.Argument(help="Order lines, one JSON object a line.", exists=True, dir_okay=False)],
    source: Annotated[str, typer.Option(help="The order system, as sources.csv names it.")],
) -> None:
    """Land the order lines that an order system exports; the same file again changes nothing.

    Example: syncline loops orders released.jsonl --source erp
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.loops import land_orders

    with warehouse("loader") as conn:
        landed = land_orders(conn, source, file.name, file.read_bytes(), clock_from_env().now())
    typer.echo(f"{landed.facts} releases landed, {landed.known} known, {landed.faults} lines refused.")
    if landed.faults:
        raise typer.Exit(1)


@app.command()
def returns(
    file: Annotated[
        Path, typer.Argument(help="Lines of returns, one JSON object a line.", exists=True, dir_okay=False)
    ],
    source: Annotated[str, typer.Option(help="The order system, as sources.csv names it.")],
) -> None:
    """Land the returns that an order system authorised or refunded; the same file again changes nothing.

    Example: syncline loops returns authorised.jsonl --source erp
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.loops import land_returns

    with warehouse("loader") as conn:
        landed = land_returns(conn, source, file.name, file.read_bytes(), clock_from_env().now())
    typer.echo(f"{landed.new} lines landed, {landed.known} known, {landed.faults} refused.")
    if landed.faults:
        raise typer.Exit(1)


@app.command()
def tell() -> None:
    """Tell now what the DAG tell_loops would tell. What was told is not told again."""
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.loops import tell as tell_loops

    with warehouse("transformer") as conn:
        told = tell_loops(conn, clock_from_env().now())
    typer.echo(f"{told.first} notices, {told.changed} changed, {told.withdrawn} withdrawn.")


def _show(query: str, values: dict[str, Any], as_json: bool) -> None:
    from rich.markup import escape

    from syncline.cli._warehouse import warehouse

    with warehouse("bi") as conn:
        cursor = conn.execute(query.encode(), {**values, "most": SHOWN_MAX})
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall()
    if as_json:
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=str))
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    Console().print(table)
    typer.echo(f"{len(rows)} shown.")
