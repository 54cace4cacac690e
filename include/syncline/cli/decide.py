"""Human decisions: keep a telling, accept what stands, write stock off, withdraw. Appended, never edited."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from syncline.decisions import Decision

app = typer.Typer(no_args_is_help=True, help=__doc__)
By = Annotated[str, typer.Option(help="Who decides.")]
Why = Annotated[str, typer.Option(help="Why; kept for the auditor.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it concerns; write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Identifier = Annotated[
    str | None, typer.Option("--id", help="Your own id: the same id again is the same decision, never a second one.")
]
INSTANTS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S.%f"]


@app.command()
def keep(
    fact: Annotated[str, typer.Argument(help="Fact id, or at least its first 6 characters.")],
    by: By, why: Why, dry_run: DryRun = False, as_json: AsJson = False, decision_id: Identifier = None,
) -> None:  # fmt: skip
    """Let this telling hold for its line and its event; those seen beside it hold nothing back any more.

    Example: syncline decide keep 3fa91c22 --by anna --why 'recounted: 6 left the dock' --dry-run
    """
    from syncline.decisions import propose_keep

    def propose(conn: psycopg.Connection, at: datetime) -> Decision:
        return propose_keep(conn, fact, by=by, at=at, why=why, decision_id=decision_id)

    _decide(propose, dry_run, as_json)


@app.command()
def accept(
    by: By, why: Why,
    facts: Annotated[list[str] | None, typer.Argument(help="Fact ids, or their first 6 characters.")] = None,
    exception: Annotated[int | None, typer.Option(help="All facts that this open exception is about.")] = None,
    dry_run: DryRun = False, as_json: AsJson = False, decision_id: Identifier = None,
) -> None:  # fmt: skip
    """Let stand what stands: conflicts that lost, statements that disagree, moves of discontinued items.

    Example: syncline decide accept --exception 12 --by anna --why 'typed twice, the first is right'
    """
    from syncline.decisions import propose_accept

    def propose(conn: psycopg.Connection, at: datetime) -> Decision:
        return propose_accept(conn, facts or [], by=by, at=at, why=why, exception_id=exception, decision_id=decision_id)

    _decide(propose, dry_run, as_json)


@app.command("write-off")
def write_off(
    item: Annotated[str, typer.Argument(help="Item, as in items.csv.")],
    location: Annotated[str, typer.Argument(help="Location, as in locations.csv.")],
    quantity: Annotated[int, typer.Option(help="Signed, in the base unit: -3 takes three away.")],
    by: By, why: Why,
    measure: Annotated[str, typer.Option(help="Stored measure.")] = "on_hand",
    lot: Annotated[str | None, typer.Option(help="Lot, where stock is counted by lot.")] = None,
    recorded: Annotated[
        datetime | None, typer.Option(formats=INSTANTS, help="When it happened, UTC; default: now.")
    ] = None,
    event_key: Annotated[
        str | None, typer.Option(help="Event that a source may still tell: then it counts once.")
    ] = None,
    dry_run: DryRun = False, as_json: AsJson = False, decision_id: Identifier = None,
) -> None:  # fmt: skip
    """Book a movement that no source tells. It lands as a fact of `operator` and is corrected everywhere.

    Example: syncline decide write-off SKU-0029 DC1 --quantity -3 --by anna --why 'crushed in aisle 4'
    """
    from syncline.decisions import propose_write_off

    happened = recorded and recorded.replace(tzinfo=UTC)

    def propose(conn: psycopg.Connection, at: datetime) -> Decision:
        return propose_write_off(
            conn, item, location, quantity, measure=measure, lot=lot, recorded=happened, event_key=event_key,
            by=by, at=at, why=why, decision_id=decision_id,
        )  # fmt: skip

    _decide(propose, dry_run, as_json)


@app.command()
def withdraw(
    decision: Annotated[str, typer.Argument(help="Id of an accept.")],
    by: By, why: Why, dry_run: DryRun = False, as_json: AsJson = False, decision_id: Identifier = None,
) -> None:  # fmt: skip
    """Take an accept back: what it answered is in question again.

    Example: syncline decide withdraw exception-12-5d0c --by anna --why 'the count was theirs, not ours'
    """
    from syncline.decisions import propose_withdraw

    def propose(conn: psycopg.Connection, at: datetime) -> Decision:
        return propose_withdraw(conn, decision, by=by, at=at, why=why, decision_id=decision_id)

    _decide(propose, dry_run, as_json)


@app.command("list")
def list_decisions(limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50, as_json: AsJson = False) -> None:
    """List what was decided, the newest first, and which batch took it up."""
    from syncline.cli._decisions import print_register
    from syncline.cli._warehouse import warehouse
    from syncline.decisions import decisions

    with warehouse("bi") as conn:
        print_register(decisions(conn, limit), as_json)


def _decide(propose: Callable[[psycopg.Connection, datetime], Decision], dry_run: bool, as_json: bool) -> None:
    from syncline.cli._decisions import as_document, dumped, print_decision
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.decisions import land_write_offs, store, view

    is_new = False
    with warehouse("transformer") as conn:
        decision = propose(conn, clock_from_env().now())
        found = view(conn, decision)
        if not dry_run:
            is_new = store(conn, decision)
    if not dry_run:
        # Also what an earlier command stored and could not land.
        with warehouse("loader") as conn:
            land_write_offs(conn)
    if as_json:
        typer.echo(dumped(as_document(decision, found, dry_run=dry_run, is_new=is_new)))
    else:
        print_decision(decision, found, dry_run=dry_run, is_new=is_new)
