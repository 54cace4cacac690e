"""The register of EDI as a table: what came in, and what was taken of it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

COLUMNS = (
    "id", "received_at", "source", "file", "syntax", "sender", "receiver", "control", "test", "state", "verdict",
    "sets", "sets_accepted", "facts", "types", "fault_code", "fault_detail", "duplicate_of", "document_id",
)  # fmt: skip
STATES = ("accepted", "partial", "rejected", "duplicate", "conflict", "test", "acknowledged")
COLOURS = {"accepted": "green", "partial": "yellow", "rejected": "red", "conflict": "red"}
_LOG = """
select i.interchange_id, i.received_at, i.source, i.file, i.syntax, i.sender, i.receiver, i.control, i.is_test, i.state,
       i.verdict, i.sets, i.sets_accepted, i.facts,
       array(select distinct s.type from ops.edi_sets s where s.interchange_id = i.interchange_id order by 1),
       i.fault_code, i.fault_detail, i.duplicate_of, i.document_id
from ops.edi_interchanges i
where (%(source)s::text is null or i.source = %(source)s)
  and (%(state)s::text is null or %(state)s in (i.state, i.verdict))
order by i.interchange_id desc limit %(limit)s
"""


def log(
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    state: Annotated[
        str | None, typer.Option(help=f"Only this state, also where it is acknowledged since: {', '.join(STATES)}.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """List the interchanges that came in, newest first: from whom, under which number, and what became of them.

    An answered one is `acknowledged`; its verdict stays beside it.
    """
    from syncline.cli._warehouse import warehouse
    from syncline.errors import ConfigurationError

    if state is not None and state not in STATES:
        raise ConfigurationError(f"There is no state {state!r}.", next_step=f"Use one of {', '.join(STATES)}.")
    with warehouse("bi") as conn:
        rows = conn.execute(_LOG.encode(), {"source": source, "state": state, "limit": limit}).fetchall()
    if as_json:
        told = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        typer.echo(json.dumps([each | {"received_at": each["received_at"].isoformat()} for each in told], indent=1))
        return
    _print(rows)


def _print(rows: list[tuple[Any, ...]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("id", "received", "source and file", "from / for", "control", "state", "sets", "facts", "fault")
    for row in rows:
        each = dict(zip(COLUMNS, row, strict=True))
        verdict = each["verdict"] if each["verdict"] == each["state"] else f"{each['verdict']}, {each['state']}"
        colour = COLOURS.get(each["verdict"])
        table.add_row(
            str(each["id"]),
            each["received_at"].isoformat(timespec="seconds"),
            escape(f"{each['source']}\n{each['file']}"),
            escape(f"{each['sender']}\n{each['receiver']}"),
            escape(each["control"]),
            f"[{colour}]{verdict}[/]" if colour else verdict,
            escape(f"{each['sets_accepted']} of {each['sets']} {' '.join(each['types'])}"),
            str(each["facts"]),
            escape(each["fault_detail"] or (f"repeats {each['duplicate_of']}" if each["duplicate_of"] else "")),
        )
    Console().print(table)
    typer.echo(f"{len(rows)} shown.")
