"""Facts that could not be understood: list them, re-drive them after a fix."""

from __future__ import annotations

import getpass
import json
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)
Code = Annotated[str | None, typer.Option(help="Only this code, e.g. unmapped_item.")]
Source = Annotated[str | None, typer.Option(help="Only this source.")]

_WAITING = """
from intermediate.int_dispositions d join staging.stg_facts f using (fact_id)
where d.disposition = 'quarantined'
  and (%(code)s::text is null or d.reason = %(code)s)
  and (%(source)s::text is null or f.source = %(source)s)
"""


@app.command("list")
def list_facts(
    code: Code = None,
    source: Source = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List quarantined facts: code, what the source wrote, document and position."""
    from rich.console import Console
    from rich.table import Table

    from syncline.cli._warehouse import warehouse

    columns = ("fact_id", "source", "code", "item_ref", "location_ref", "quantity", "uom", "document", "position")
    with warehouse("bi") as conn:
        rows = conn.execute(
            "select f.fact_id, f.source, d.reason, f.item_ref, f.location_ref, f.quantity_as_written, f.uom, "
            "f.document_id, f.position" + _WAITING + "order by f.received_at, f.fact_id limit %(limit)s",
            {"code": code, "source": source, "limit": limit},
        ).fetchall()
    if as_json:
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
        return
    table = Table("fact", "code", "as written by the source", "document and position")
    for fact, name, why, item, location, quantity, uom, document, position in rows:
        written = " ".join(value for value in (name, item, location, quantity, uom) if value)
        table.add_row(fact[:10], why, written, f"{document[:10]} {position}")
    Console().print(table)
    typer.echo(f"{len(rows)} shown.")


@app.command()
def redrive(code: Code = None, source: Source = None) -> None:
    """Map quarantined facts again in the next batch (`syncline config apply` asks for it by itself).

    Example: syncline quarantine redrive --code unmapped_item --source acme_3pl
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env

    with warehouse("transformer") as conn:
        count = conn.execute(
            "insert into ops.redrives (fact_id, requested_at, requested_by) select f.fact_id, %(now)s, %(by)s"
            + _WAITING,
            {"code": code, "source": source, "now": clock_from_env().now(), "by": getpass.getuser()},
        ).rowcount
    typer.echo(f"{count} facts will be mapped again by the next batch.")
