"""Compensations: findings that evidence decides, answered by rule within limits; each can be taken back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncline.compensation.model import Kept, Planned

app = typer.Typer(no_args_is_help=True, help=__doc__)
Name = Annotated[str, typer.Argument(metavar="ID", help="Id of the compensation, or its first 6 characters.")]
ByName = Annotated[str, typer.Option("--by", help="Who decides.")]
Note = Annotated[str, typer.Option(help="Why; kept for the auditor.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SHORT = 12
BY_HAND = "by hand"


@app.command()
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer what the rules decide now, and propose the rest.

    Example: syncline compensate run --dry-run
    """
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.compensation.desk import preview
    from syncline.compensation.desk import run as run_rules
    from syncline.decisions import land_write_offs

    now = clock_from_env().now()
    with warehouse("transformer") as conn:
        if dry_run:
            return _print_planned(preview(conn, now), as_json)
        done = run_rules(conn, f"{BY_HAND} {now.isoformat()}", now)
    with warehouse("loader") as conn:
        land_write_offs(conn)
    if as_json:
        return typer.echo(json.dumps(asdict(done), indent=1))
    told = (f"{len(names)} {state}" for state, names in asdict(done).items() if names)
    typer.echo(", ".join(told) + "." if any(asdict(done).values()) else "No rule answers anything that stands.")
    for name, why in done.refused.items():
        typer.echo(f"{name[:SHORT]} was not made: {why}")


@app.command("list")
def list_compensations(
    state: Annotated[list[str] | None, typer.Option(help="Of this state; default: waiting and dry run.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Of every state.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List compensations, the newest change first.

    Example: syncline compensate list --state applied --state reversed
    """
    from syncline.cli._warehouse import warehouse
    from syncline.compensation.desk import listed
    from syncline.compensation.model import STATES

    if unknown := sorted(set(state or []) - set(STATES)):
        raise typer.BadParameter(f"{unknown[0]!r} is no state; known are {', '.join(STATES)}")
    wanted = [each for each in STATES if every or each in (state or ("waiting", "dry run"))]
    with warehouse("bi") as conn:
        found = listed(conn, wanted, limit)
    if as_json:
        return typer.echo(_dumped([asdict(each) for each in found]))
    _print_kept(found)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show one: what it answers, what it rests on, what became of it."""
    from syncline.cli._warehouse import warehouse
    from syncline.compensation.desk import get

    with warehouse("bi") as conn:
        kept = get(conn, name)
    if as_json:
        return typer.echo(_dumped(asdict(kept)))
    for field, value in asdict(kept).items():
        if value not in (None, "", []):
            shown = ", ".join(value) if isinstance(value, list) else value
            typer.echo(f"{field.replace('_', ' '):<16}{shown}")


@app.command()
def approve(name: Name, by: ByName, note: Note, as_json: AsJson = False) -> None:
    """Do what waits, when what it answers still stands.

    Example: syncline compensate approve 3fa91c22 --by anna --note 'their report was cut short'
    """
    from syncline.compensation.desk import approve as approve_it

    _decide(approve_it, name, by, note, as_json)


@app.command()
def reject(name: Name, by: ByName, note: Note, as_json: AsJson = False) -> None:
    """Leave the finding to people; the rule does nothing of its key by itself any more."""
    from syncline.compensation.desk import reject as reject_it

    _decide(reject_it, name, by, note, as_json)


@app.command()
def reverse(name: Name, by: ByName, note: Note, as_json: AsJson = False) -> None:
    """Take back what was done: by a record of its own, with its exception open again.

    Example: syncline compensate reverse 3fa91c22 --by anna --note 'the pallet stood in aisle 4'
    """
    from syncline.compensation.desk import reverse as reverse_it

    _decide(reverse_it, name, by, note, as_json)


def _decide(decide: Callable[..., Kept], name: str, by: str, note: str, as_json: bool) -> None:
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.decisions import land_write_offs

    with warehouse("transformer") as conn:
        kept = decide(conn, name, by=by, note=note, at=clock_from_env().now())
    with warehouse("loader") as conn:
        land_write_offs(conn)
    if as_json:
        return typer.echo(_dumped(asdict(kept)))
    typer.echo(f"Compensation {kept.compensation_id[:SHORT]} is {kept.state} by {kept.changed_by}.")


def _print_planned(planned: Sequence[Planned], as_json: bool) -> None:
    if as_json:
        documents = [
            {
                "compensation_id": each.compensation_id, "rule": each.rule.rule, "action": each.rule.action,
                "mode": each.rule.mode, "state": each.state, "reason": each.reason, **asdict(each.case),
            }
            for each in planned
        ]  # fmt: skip
        return typer.echo(_dumped(documents))
    rows = [
        (each.compensation_id, each.rule.rule, each.rule.action, each.case.subject, f"{each.case.units:+d}",
         _money(each.case.value), each.state or "not yet", each.reason or "")
        for each in planned
    ]  # fmt: skip
    _print(rows, "would be")
    typer.echo(f"{len(planned)} findings are answered by a rule. Nothing was written.")


def _print_kept(found: Sequence[Kept]) -> None:
    rows = [
        (each.compensation_id, each.rule, each.action, each.subject, f"{each.units:+d}", _money(each.value_minor),
         each.state, each.reason or each.note or "")
        for each in found
    ]  # fmt: skip
    _print(rows, "is")
    typer.echo(f"{len(found)} compensations.")


def _print(rows: Sequence[tuple[str, ...]], verb: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    from syncline.explain.table import console

    if not rows:
        return
    table = Table("id", "rule", "action", "about", "units", "value", verb, "because", box=None, padding=(0, 2, 0, 0),
                  pad_edge=False)  # fmt: skip
    for name, *rest in rows:
        table.add_row(name[:SHORT], *map(escape, rest))
    console().print(table)


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _dumped(document: Any) -> str:
    return json.dumps(document, indent=1, default=str)
