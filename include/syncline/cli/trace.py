"""Follow one id: from the page or file that told a fact to what a target answered, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(help=__doc__)


@app.command()
def trace(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A document, a fact, a correction or its first digits, exception:NUMBER, MART:KEY, DOCUMENT#POSITION.",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: instants in UTC, quantities in base units.")
    ] = False,
    with_bytes: Annotated[
        bool, typer.Option("--bytes", help="Print the documents as they came, and no tables.")
    ] = False,
) -> None:
    """Print the documents, facts, corrections and tries on the thread of ID.

    Example: syncline trace 5f0c2a91d3e4

    Example: syncline trace fct_variance_causes:3fa91c22d0 --bytes

    Example: syncline trace 'fct_transfers:TR-9|SKU-0001|on_hand'

    Example: syncline trace '846_20261102.edi#LIN[12]'
    """
    from syncline.cli._warehouse import warehouse
    from syncline.explain.trace import contents
    from syncline.explain.trace import trace as follow

    with warehouse("bi") as conn:
        found = follow(conn, asked)
        if with_bytes:
            return _print_bytes(contents(conn, found.documents))
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=1))
        return
    _print("Told by", found.documents, ("document_id", "source", "name", "received_at", "status"))
    _print(
        "Facts", found.facts,
        ("position", "item_ref", "location_ref", "status_ref", "quantity", "uom", "recorded", "disposition", "fact_id"),
    )  # fmt: skip
    _print(
        "Corrections", found.corrections,
        ("correction_id", "target", "item", "location", "shown", "wanted", "state", "reason", "batch_id"),
    )  # fmt: skip
    _print("Tries", found.attempts, ("correction_id", "try_no", "sent_at", "outcome", "status_code"))


def _print_bytes(documents: Sequence[tuple[Any, bytes, bool]]) -> None:
    for document, content, is_as_received in documents:
        proof = "sha256 as at its receipt" if is_as_received else "NOT what its sha256 says"
        typer.echo(f"-- {document.name} of {document.source}, {len(content)} bytes, {proof}")
        typer.echo(content.decode("utf-8", "backslashreplace"))


def _print(title: str, rows: Sequence[Any], columns: tuple[str, ...]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from syncline.explain.table import console

    if not rows:
        return
    table = Table(*columns, title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for row in rows:
        table.add_row(*(escape(_text(column, getattr(row, column))) for column in columns))
    console().print(table)


def _text(column: str, value: Any) -> str:
    if value is None:
        return "–"
    if column.endswith("_at"):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)[:12] if column in ("correction_id", "fact_id") else str(value)
