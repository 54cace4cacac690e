"""Exceptions: what waits for a person, who has it, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import psycopg

    from syncline.exceptions.desk import By
    from syncline.exceptions.model import Kept

app = typer.Typer(no_args_is_help=True, help=__doc__)
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=2**63 - 1, help="Number of the exception.")]
ByName = Annotated[str, typer.Option("--by", help="Who you are.")]
Note = Annotated[str | None, typer.Option(help="A note; kept with the change.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Request = Annotated[
    str | None, typer.Option("--id", help="Your own id of this call: the same id again changes nothing.")
]
INSTANTS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]


@app.command("list")
def list_exceptions(
    state: Annotated[list[str] | None, typer.Option(help="Of this state; default: all that are not resolved.")] = None,
    rule: Annotated[str | None, typer.Option(help="Of this rule.")] = None,
    team: Annotated[str | None, typer.Option(help="Of this team of the owner directory.")] = None,
    owner: Annotated[str | None, typer.Option(help="Of this person.")] = None,
    severity: Annotated[str | None, typer.Option(help="critical, high, normal or low.")] = None,
    source: Annotated[str | None, typer.Option(help="About this source.")] = None,
    target: Annotated[str | None, typer.Option(help="About this target.")] = None,
    item: Annotated[str | None, typer.Option(help="About this item.")] = None,
    location: Annotated[str | None, typer.Option(help="About this location.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have ended by now.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List exceptions: what is not snoozed first, then the gravest, then what is due first.

    Example: syncline exceptions list --team warehouse --overdue
    """
    from syncline.cli._exceptions import print_list
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.exceptions.listing import Filter, search

    wanted = Filter(_states(state or []), rule, team, owner, severity, source, target, item, location, overdue)
    with warehouse("bi") as conn:
        found = search(conn, wanted, clock_from_env().now(), limit + 1)
    print_list(found[:limit], as_json, is_cut=len(found) > limit)


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show one exception: what it is about, what it rests on, and everything that happened to it."""
    from syncline.cli._exceptions import print_one
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.exceptions.desk import get
    from syncline.exceptions.listing import changes, evidence

    with warehouse("bi") as conn:
        kept = get(conn, number, clock_from_env().now())
        print_one(kept, changes(conn, number), evidence(conn, number), as_json)


@app.command()
def take(number: Number, by: ByName, note: Note = None, request: Request = None, as_json: AsJson = False) -> None:
    """Take one: it is acknowledged, and yours.

    Example: syncline exceptions take 12 --by anna
    """
    from syncline.exceptions.desk import take as take_it

    _change(lambda conn, who: take_it(conn, number, who, note), by, request, as_json)


@app.command()
def assign(
    number: Number, by: ByName,
    to: Annotated[str | None, typer.Option(help="Who shall work on it.")] = None,
    team: Annotated[str | None, typer.Option(help="Which team; the directory names who of it.")] = None,
    note: Note = None, request: Request = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Give one to a person, or to another team.

    Example: syncline exceptions assign 12 --team partner --by anna --note 'their 945 is short'
    """
    from syncline.exceptions.desk import assign as assign_it

    _change(lambda conn, who: assign_it(conn, number, who, owner=to, team=team, note=note), by, request, as_json)


@app.command()
def comment(
    number: Number, by: ByName, note: Annotated[str, typer.Option(help="What you want to say.")],
    document: Annotated[str | None, typer.Option(help="Id of a stored document that it is about.")] = None,
    request: Request = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Add a comment, and link a document; nothing else changes.

    Example: syncline exceptions comment 12 --by anna --note 'pallet stands in aisle 4'
    """
    from syncline.exceptions.desk import comment as comment_on

    _change(lambda conn, who: comment_on(conn, number, who, note, document=document), by, request, as_json)


@app.command()
def snooze(
    number: Number, by: ByName,
    until: Annotated[datetime, typer.Option(formats=INSTANTS, help="Instant in UTC, e.g. 2026-11-02T18:00.")],
    note: Note = None, request: Request = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Ask nobody before an instant; then it is open again by itself."""
    from syncline.exceptions.desk import snooze as snooze_it

    _change(lambda conn, who: snooze_it(conn, number, who, until.replace(tzinfo=UTC), note), by, request, as_json)


@app.command()
def resolve(
    number: Number, by: ByName,
    note: Annotated[str, typer.Option(help="Why; kept for the auditor. Of a partner: the question.")],
    accept: Annotated[bool, typer.Option("--accept", help="What stands shall stand.")] = False,
    correct: Annotated[bool, typer.Option("--correct", help="The cause was put right: compute the key again.")] = False,
    write_off: Annotated[int | None, typer.Option(help="Book base units, signed: -3 takes three away.")] = None,
    ask_partner: Annotated[bool, typer.Option("--ask-partner", help="Ask a partner, and wait for the answer.")] = False,
    partner: Annotated[str | None, typer.Option(help="Whom to ask; default: the source that it is about.")] = None,
    due: Annotated[datetime | None, typer.Option(formats=INSTANTS, help="Answer wanted by, UTC.")] = None,
    request: Request = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """End one: --accept, --correct, --write-off N, or --ask-partner.

    Example: syncline exceptions resolve 12 --write-off -3 --by anna --note 'crushed in aisle 4'

    Example: syncline exceptions resolve 12 --ask-partner --due 2026-11-03T12:00 --by anna --note 'was 945 77 complete?'
    """
    from syncline.exceptions import resolving

    if sum((accept, correct, write_off is not None, ask_partner)) != 1:
        raise typer.BadParameter("give one of --accept, --correct, --write-off and --ask-partner")
    if ask_partner and due is None:
        raise typer.BadParameter("--ask-partner needs --due")

    def end(conn: psycopg.Connection, who: By) -> Kept:
        if accept:
            return resolving.accept(conn, number, who, note)
        if correct:
            return resolving.correct(conn, number, who, note)
        if write_off is not None:
            return resolving.write_off(conn, number, who, note, write_off)
        assert due is not None
        return resolving.ask_partner(conn, number, who, note, partner=partner, due=due.replace(tzinfo=UTC))

    _change(end, by, request, as_json)
    if write_off is not None:
        from syncline.cli._warehouse import warehouse
        from syncline.decisions import land_write_offs

        with warehouse("loader") as conn:
            land_write_offs(conn)


@app.command()
def reopen(
    number: Number, by: ByName, note: Annotated[str, typer.Option(help="Why.")], request: Request = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Open one again that was resolved too early."""
    from syncline.exceptions.desk import reopen as reopen_it

    _change(lambda conn, who: reopen_it(conn, number, who, note), by, request, as_json)


def _states(asked: list[str]) -> tuple[str, ...]:
    from syncline.exceptions.model import STATES

    if unknown := sorted(set(asked) - set(STATES)):
        raise typer.BadParameter(f"{unknown[0]!r} is no state; known are {', '.join(STATES)}")
    return tuple(asked)


def _change(change: Callable[[psycopg.Connection, By], Kept], by: str, request: str | None, as_json: bool) -> None:
    from syncline.cli._exceptions import print_changed

    with _desk(by, request) as (conn, who):
        print_changed(change(conn, who), as_json)


@contextmanager
def _desk(by: str, request: str | None) -> Iterator[tuple[psycopg.Connection, By]]:
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.exceptions.desk import By

    who = By(by, clock_from_env().now(), request)
    with warehouse("transformer") as conn:
        yield conn, who
