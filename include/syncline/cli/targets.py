"""List, check and resume the targets of the registry."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncline.registry import load_registry

if TYPE_CHECKING:
    from syncline.registry import Target
    from syncline.targets.contract import Check

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command("list")
def list_targets() -> None:
    """Every target of the registry with its kind and limits."""
    table = Table("target", "kind", "connection", "every", "lines a document", "tries", "state")
    for target in load_registry().targets:
        rhythm = f"{target.poll_every_s} s"
        state = "on" if target.enabled else "off"
        table.add_row(
            target.name, target.kind, target.conn_id, rhythm, str(target.lines_max), str(target.tries_max), state
        )
    Console().print(table)


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(help="One target; left out: all enabled ones.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every check as JSON.")] = False,
) -> None:
    """Verify connection, login, rights and version of a target without changing stock.

    Also shows what its adapter declares, and on what no page of the vendor confirms. Exit code 1 when a check fails.
    """
    registry = load_registry()
    asked = [registry.target(name)] if name else [target for target in registry.targets if target.enabled]
    found = {target.name: _checks(target) for target in asked}
    if as_json:
        typer.echo(
            json.dumps({target: [asdict(each) for each in checks] for target, checks in found.items()}, indent=2)
        )
    else:
        table = Table("target", "check", "", "what was seen")
        for target, checks in found.items():
            for each in checks:
                table.add_row(target, each.name, "ok" if each.is_well else "FAILED", each.told)
        Console().print(table)
    if not all(each.is_well for checks in found.values() for each in checks):
        raise typer.Exit(1)


@app.command()
def limits(
    name: Annotated[str | None, typer.Argument(help="One target; left out: all enabled ones.")] = None,
) -> None:
    """Show what all workers share: requests that may go out at once, calls under way, circuit, pauses, login."""
    from syncline.cli._warehouse import warehouse
    from syncline.targets.governance.status import status

    registry = load_registry()
    asked = [registry.target(name)] if name else [target for target in registry.targets if target.enabled]
    table = Table("target", "a second", "at once", "under way", "circuit", "paused until", "login")
    with warehouse("publisher") as conn:
        for target in asked:
            now, bounds = status(conn, target.name, target.limits), target.limits
            circuit = now.circuit + (f" since {now.opened_at:%F %T}" if now.opened_at else "")
            paused = f"{now.paused_until:%F %T}: {now.pause_reason}" if now.paused_until else ""
            login = f"refused since {now.refused_at:%F %T}" if now.refused_at else "well"
            table.add_row(
                target.name, f"{bounds.per_s:g}", f"{now.at_once} of {bounds.burst}",
                f"{now.under_way} of {bounds.concurrent}", circuit, paused, login,
            )  # fmt: skip
    Console().print(table)


@app.command()
def resume(
    name: Annotated[str, typer.Argument(help="The target.")],
    by: Annotated[str, typer.Option(help="Who decides.")],
) -> None:
    """Let a target be called again: after a refused login whose connection was right, or an open circuit.

    Ends its pause, closes its circuit and its exception. One worker tries first.
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.targets.governance.status import resume as let_go_on

    target = load_registry().target(name)
    with warehouse("publisher") as conn:
        let_go_on(conn, target.name, by=by, at=clock_from_env().now())
    typer.echo(f"{name} is called again by its next run.")


def _checks(target: Target) -> list[Check]:
    """What the adapter saw; an adapter that cannot be opened is one failed check."""
    from syncline.connections import connection
    from syncline.errors import SynclineError
    from syncline.targets.adapters import open_adapter
    from syncline.targets.contract import Check

    try:
        with closing(open_adapter(target, connection(target.conn_id))) as adapter:
            can = asdict(adapter.capabilities)
            declared = ", ".join(f"{key}={value}" for key, value in can.items() if value not in (False, None, "none"))
            return [Check("declared", True, declared), *adapter.check()]
    except SynclineError as error:
        return [Check("connection", False, str(error))]
