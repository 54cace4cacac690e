"""How decisions are shown."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from syncline.decisions import Decided, Decision, View

SHORT = 12


def as_document(decision: Decision, found: View, *, dry_run: bool, is_new: bool) -> dict[str, Any]:
    """The decision and what it concerned, for ``dumped``."""
    return {"decision": asdict(decision), "dry_run": dry_run, "is_new": is_new, **asdict(found)}


def dumped(document: Any) -> str:
    """JSON; times are ISO texts."""
    return json.dumps(document, indent=1, default=lambda instant: instant.isoformat())


def print_decision(decision: Decision, found: View, *, dry_run: bool, is_new: bool) -> None:
    """Tellings, numbers and what waits, one table each; then what happens next."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if found.tellings:
        table = Table("fact", "told by", "says", "recorded", "now", "with this decision")
        for each in found.tellings:
            said = "taken back" if each.cancel else f"{each.quantity} {each.measure}"
            table.add_row(
                each.fact_id[:SHORT], escape(each.source), f"{each.kind} {said}", escape(each.recorded),
                " ".join(filter(None, (each.disposition, each.reason))),
                "holds" if each.fact_id == decision.fact_id else "answered",
            )  # fmt: skip
        console.print(table)
    if decision.write_off:
        w = decision.write_off
        lot = f" lot {w.lot}" if w.lot else ""
        typer.echo(f"{w.quantity:+d} {w.uom} {w.measure} of {w.item}{lot} at {w.location}, {w.recorded.isoformat()}.")
    for b in found.balances:
        lot = f" lot {b.lot}" if b.lot else ""
        bounds = "no base" if b.quantity_lo is None else f"between {b.quantity_lo} and {b.quantity_hi}"
        typer.echo(f"Today: {b.measure} of {b.item}{lot} at {b.location} is {b.quantity} ({bounds}).")
    for c in found.corrections:
        why = f" ({c.reason})" if c.reason else ""
        typer.echo(f"Open correction {c.correction_id[:SHORT]}: {c.target} {c.shown} → {c.wanted}, {c.state}{why}.")
    for e in found.exceptions:
        typer.echo(f"Open exception {e.exception_id}: {e.rule} {e.subject}.")
    if dry_run:
        typer.echo("Nothing was written.")
    elif is_new:
        typer.echo(f"Decision {decision.decision_id} is stored; the next batch takes it up.")
    else:
        typer.echo(f"Decision {decision.decision_id} was stored before; nothing was added.")


def print_register(found: list[Decided], as_json: bool) -> None:
    """The register as a table or as JSON."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if as_json:
        typer.echo(dumped([asdict(each) for each in found]))
        return
    table = Table("decision", "when (UTC)", "by", "what", "why", "batch")
    for each in found:
        table.add_row(
            escape(each.decision_id[:SHORT]), f"{each.decided_at:%Y-%m-%d %H:%M:%S}", escape(each.decided_by),
            escape(_what(each)), escape(each.why), _taken(each),
        )  # fmt: skip
    Console().print(table)
    typer.echo(f"{len(found)} decisions.")


def _what(each: Decided) -> str:
    if each.kind == "keep":
        return f"keep {str(each.fact_id)[:SHORT]}"
    if each.kind == "accept":
        return "accept " + ", ".join(fact[:SHORT] for fact in each.answers)
    if each.kind == "withdraw":
        return f"withdraw {str(each.withdraws)[:SHORT]}"
    return f"write off {each.quantity:+d} {each.measure} {each.item} {each.location}"


def _taken(each: Decided) -> str:
    if each.is_landed is False:
        return "not landed"
    return "waits" if each.batch_id is None else str(each.batch_id)
