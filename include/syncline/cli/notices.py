"""Subscribers to events: how far they are, what they did not take, send it again."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help=__doc__)
Name = Annotated[str, typer.Argument(help="A subscriber of the registry.")]


@app.command("list")
def list_subscribers() -> None:
    """How far every subscriber is, and whether it is paused or stopped."""
    from syncline.cli._warehouse import warehouse
    from syncline.notices.desk import standings
    from syncline.registry import load_registry

    with warehouse("publisher") as conn:
        known = {each.subscriber: each for each in standings(conn)}
    table = Table("subscriber", "kind", "waiting", "dead", "shadow", "behind", "oldest", "state")
    for entry in load_registry().subscribers:
        each = known.get(entry.name)
        if each is None:
            table.add_row(entry.name, entry.kind, "", "", "", "", "", "never ran")
            continue
        state = "stopped" if each.stopped else "paused" if each.paused_until else "on" if entry.enabled else "off"
        oldest = f"{each.oldest:%Y-%m-%d %H:%M}" if each.oldest else ""
        numbers = (each.waiting, each.dead, each.shadow, each.behind)
        table.add_row(entry.name, entry.kind, *(str(number) for number in numbers), oldest, state)
    Console().print(table)


@app.command("dead")
def list_dead(name: Name) -> None:
    """List the events that a subscriber did not take."""
    from syncline.cli._warehouse import warehouse
    from syncline.notices.desk import dead_notices

    with warehouse("publisher") as conn:
        found = dead_notices(conn, name)
    table = Table("event", "kind", "subject", "tries", "what it came to")
    for each in found:
        table.add_row(str(each.position), each.kind, each.subject, str(each.tries), each.told)
    Console().print(table)
    typer.echo(f"{len(found)} dead.")


@app.command()
def redrive(
    name: Name,
    event: Annotated[int | None, typer.Option(help="Only this event, with what it was sent in.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which.")] = False,
) -> None:
    """Send dead letters again, under the same ids."""
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.notices.desk import redrive as redrive_dead

    with warehouse("publisher") as conn:
        positions = redrive_dead(conn, name, event, at=clock_from_env().now(), dry_run=dry_run)
    verb = "would go" if dry_run else "go"
    typer.echo(f"{len(positions)} {verb} again: {', '.join(map(str, positions[:20]))}")


@app.command()
def resume(name: Name) -> None:
    """Send to a subscriber again that was stopped or is paused."""
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.notices.desk import resume as resume_subscriber

    with warehouse("publisher") as conn:
        resume_subscriber(conn, name, at=clock_from_env().now())
    typer.echo(f"{name} is sent to again.")


@app.command("test")
def send_test(name: Name) -> None:
    """Send one event `notice.test` to a webhook or folder. Exit code 1 when it is not taken."""
    from syncline.clock import clock_from_env
    from syncline.connections import connection
    from syncline.notices.opening import open_channel, test_bundle
    from syncline.registry import load_registry

    entry = load_registry().subscriber(name)
    with closing(open_channel(entry, connection(entry.conn_id))) as channel:
        outcome = channel.deliver(test_bundle(name, clock_from_env().now()))
    typer.echo(f"{name}: {outcome.verdict}, {outcome.told}.")
    if outcome.verdict != "delivered":
        raise typer.Exit(1)
