"""Corrections that wait for a person: list, let go, deny; dead letters; what a pilot would have sent."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncline.cli import _breakers, _dead_letters

if TYPE_CHECKING:
    from syncline.outbox.desk import Correction

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.add_typer(_breakers.app, name="breakers")
app.add_typer(_dead_letters.app)
Target = Annotated[str | None, typer.Option(help="Only this target.")]
Identifier = Annotated[str, typer.Argument(help="Correction id, or at least its first 6 characters.")]
By = Annotated[str, typer.Option(help="Who decides.")]


@app.command("held")
def list_held(target: Target = None) -> None:
    """List held corrections with their reasons."""
    from syncline.cli._warehouse import warehouse
    from syncline.outbox.desk import held

    with warehouse("publisher") as conn:
        _print(held(conn, target), "held")


@app.command()
def release(correction: Identifier, by: By) -> None:
    """Let one held correction go to its target."""
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.outbox.desk import release_held

    with warehouse("publisher") as conn:
        _tell("Released", release_held(conn, correction, by=by, at=clock_from_env().now()))


@app.command()
def deny(correction: Identifier, by: By, reason: Annotated[str, typer.Option(help="Why.")]) -> None:
    """End one held correction: it is not sent."""
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.outbox.desk import deny_held

    with warehouse("publisher") as conn:
        _tell("Denied", deny_held(conn, correction, by=by, reason=reason, at=clock_from_env().now()))


@app.command()
def shadow(target: Target = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What targets in shadow mode would have been sent, by location.

    Example: syncline outbox shadow --target erp_eu
    """
    from syncline.cli._warehouse import warehouse
    from syncline.outbox.shadow import shadow_report

    with warehouse("bi") as conn:
        found = shadow_report(conn, target)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], indent=1, default=str))
        return
    columns = ("target", "at", "recorded", "waits", "units", "value", "above tolerance", "largest", "since")
    table = Table(*columns, caption="value in minor units of currency")
    for row in found:
        table.add_row(
            row.target, row.location, str(row.corrections), str(row.keys), str(row.units), str(row.value),
            str(row.above_tolerance), row.largest or "–", f"{row.first_at:%Y-%m-%d %H:%M}",
        )  # fmt: skip
    Console().print(table)
    typer.echo(f"{sum(row.keys for row in found)} would be sent now.")


def _tell(what: str, correction: Correction) -> None:
    key = f"{correction.target} {correction.item} {correction.location}"
    typer.echo(f"{what} {correction.correction_id[:12]}: {key}, shown {correction.shown}, wanted {correction.wanted}.")


def _print(corrections: list[Correction], state: str) -> None:
    """Six columns, so that a row stays readable in 80 characters."""
    table = Table("id", "target", "item", "at", "shown → wanted", "reason")
    for row in corrections:
        tries = f" ({row.tries} tries)" if row.tries else ""
        table.add_row(
            row.correction_id[:12], row.target, row.item, row.location, f"{row.shown} → {row.wanted}",
            (row.reason or "") + tries,
        )  # fmt: skip
    Console().print(table)
    typer.echo(f"{len(corrections)} {state}.")
