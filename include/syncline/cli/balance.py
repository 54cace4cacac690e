"""A number today, at an instant of the past, or as it was believed and published then."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import psycopg

    from syncline.explain import StockKey
    from syncline.history.answer import Answer
    from syncline.history.knowledge import Knowledge

app = typer.Typer(help=__doc__)


@app.command()
def balance(
    item: Annotated[str, typer.Option(help="Item, as in items.csv.")],
    location: Annotated[str, typer.Option(help="Location, as in locations.csv.")],
    measure: Annotated[str, typer.Option(help="Stored measure, e.g. on_hand or allocated.")] = "on_hand",
    lot: Annotated[str | None, typer.Option(help="Lot, where the owner counts by lot.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="What was true then, with today's knowledge. ISO 8601; without offset the location's zone."),
    ] = None,
    known_at: Annotated[
        str | None, typer.Option(help="What was believed then: an instant like --as-of, or the number of a batch.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: instants in UTC, base units.")] = False,
) -> None:
    """Print a balance with its bounds and its base. The past is computed anew by the same models, in a throw-away copy.

    With both options: what was true at --as-of by what was known at --known-at. Exit 1 when the models do not come to
    what was published then: a defect. A past number takes some seconds.

    Example: syncline balance --item SKU-0029 --location DC1 --as-of 2026-11-02T12:00:00
    """
    from syncline.cli._scratch import scratch
    from syncline.cli._warehouse import warehouse
    from syncline.explain import find_key
    from syncline.explain.keys import read_instant
    from syncline.history.answer import ask, ask_today

    with warehouse("bi") as conn:
        key = find_key(conn, item, location, measure, lot)
        if as_of is None and known_at is None:
            answer = ask_today(conn, key)
        else:
            instant = read_instant(as_of, key.timezone) if as_of else None
            knowledge = _knowledge(conn, key, known_at)
            with scratch() as past:
                answer = ask(conn, past.conn, past.dsn, key, knowledge, past.folder, as_of=instant)
    typer.echo(json.dumps(answer.as_json(), indent=1) if as_json else "\n".join(_lines(answer, known_at is not None)))
    if answer.differs:
        raise typer.Exit(1)


def _knowledge(conn: psycopg.Connection, key: StockKey, known_at: str | None) -> Knowledge:
    from syncline.explain.keys import read_instant
    from syncline.history.knowledge import at, latest, of_batch

    if known_at is None:
        return latest(conn)
    if known_at.isdecimal() and len(known_at) < len("19700101"):
        return of_batch(conn, int(known_at))
    return at(conn, read_instant(known_at, key.timezone))


def _lines(answer: Answer, is_belief: bool) -> list[str]:
    from syncline.explain.table import bounds
    from syncline.explain.times import Times

    times = Times(answer.key.timezone)
    known = answer.knowledge
    batch = f"batch {known.batch_id}, published {times.moment(known.published_at)}"
    lines = [f"{answer.key}   (times in {answer.key.timezone})"]
    if answer.as_of is not None:
        lines.append(f"as of {times.moment(answer.as_of)}, known by {batch}")
    else:
        lines.append(f"as believed by {batch}" if is_belief else f"today: {batch}")
    found = answer.number
    lines.append(bounds(found.quantity, found.lo, found.hi) if found else "no number: no fact counted")
    if answer.base is not None:
        base = answer.base
        received = times.moment(base.received_at)
        lines.append(f"base: {base.source} {base.says()} of {base.when(times)}, received {received}, {base.place()}")
    if answer.unsettled:
        lines += _unsettled(answer)
    if answer.differs:
        was, made = (
            bounds(each.quantity, each.lo, each.hi) if each else "no number"
            for each in (answer.was_published, answer.computed)
        )  # fmt: skip
        lines.append(f"DEFECT: published was {was}; the models make {made} of what was known. Please report it.")
    elif is_belief:
        lines.append("published then: the same" if answer.is_compared else "published then: not recorded yet")
    return lines


def _unsettled(answer: Answer) -> list[str]:
    from syncline.explain.words import signed

    found = answer.unsettled
    assert found is not None
    lines = []
    if found.movements:
        both = " and ".join(signed(total) for total in (found.out, found.into) if total)
        lines.append(f"not sure: {found.movements} movements ({both}) may have happened after that instant")
    if found.statements:
        lines.append(f"left out: {found.statements} statements that may speak of a later instant")
    return lines
