"""EDI on the desk: look into a file, check a partner's profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from syncline.cli import _edi_log, _edi_profile

if TYPE_CHECKING:
    from syncline.edi import Finding, Reading, SetReading
    from syncline.landing import Fact

app = typer.Typer(no_args_is_help=True, help="Look into EDI files, check partner profiles.")
app.add_typer(_edi_profile.app, name="profile")
app.command(epilog="Examples: syncline edi log --source acme_3pl; syncline edi log --state conflict --json")(
    _edi_log.log
)

SIZE_MAX_BYTES = 200_000_000
COLOURS = {"accepted": "green", "tolerated": "yellow", "rejected": "red", "partial": "yellow"}


@app.callback()
def edi() -> None:
    """Look into EDI files, check partner profiles."""


@app.command(
    epilog="Examples: syncline edi inspect 945.edi; syncline edi inspect 846.edi --partner acme --json | jq .status"
)
def inspect(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="An X12 or EDIFACT file.")],
    partner: Annotated[str, typer.Option("--partner", "-p", help="Partner profile.")] = "standard",
    source: Annotated[str, typer.Option(help="Source name, a prefix of keys.")] = "inspect",
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    facts_max: Annotated[int, typer.Option(min=0, help="Facts of a set to show in the tables.")] = 20,
) -> None:
    """Show the envelope of FILE, each set with its verdict, its facts, and every finding with its place.

    Needs no warehouse. The verdict of a set is about envelope and syntax, as an acknowledgment is; a line that says
    something unusable is a finding and gives no fact. Exit code 1 when something is kept out.
    """
    from syncline.edi import read_file
    from syncline.edi.partners import profile_named
    from syncline.errors import ConfigurationError

    size = file.stat().st_size
    if size > SIZE_MAX_BYTES:
        raise ConfigurationError(
            f"{file.name} has {size} bytes, at most {SIZE_MAX_BYTES} are read.", next_step="Split the file."
        )
    with file.open("rb") as stream:
        reading = read_file(stream, source=source, file=file.name, profile=profile_named(partner))
    if as_json:
        _echo_json(reading)
    else:
        _print(reading, facts_max)
    if reading.verdict != "accepted" or any(found.severity == "error" for found in reading.findings):
        raise typer.Exit(1)


def _echo_json(reading: Reading) -> None:
    """Written set by set: a file may have more facts than fit into memory twice."""
    inside = {id(found) for each in reading.sets for found in each.taken.findings}
    around = [found for found in reading.findings if id(found) not in inside]
    known = [each for each in reading.interchanges if each.opener is not None]
    typer.echo("{")
    typer.echo(f' "file": {json.dumps(reading.file)}, "sha256": "{reading.sha256}", "interchanges": {len(known)},')
    typer.echo(' "sets": [')
    for number, each in enumerate(reading.sets, 1):
        typer.echo(f"  {json.dumps(_set_as_json(each))}" + ("," if number < len(reading.sets) else ""))
    typer.echo(f' ],\n "findings": {json.dumps([_finding_as_json(found) for found in around])},')
    typer.echo(f' "status": "{reading.verdict}"\n}}')


def _set_as_json(read: SetReading) -> dict[str, Any]:
    taken = read.taken
    return {
        "type": taken.type,
        "control": taken.control,
        "status": read.verdict,
        "segments": taken.segments,
        "facts": [_fact_as_json(fact) for fact in read.facts],
        "findings": [_finding_as_json(found) for found in taken.findings],
        "findings_left_out": taken.findings.left_out,
        "version": taken.version,
        "title": read.table.title if read.table else None,
        "interchange": taken.interchange.control,
        "group": taken.group.control,
        "sender": taken.interchange.sender,
        "receiver": taken.interchange.receiver,
        "test": taken.is_test,
        "offset": taken.opener.offset,
        "scope": _scope_as_json(read),
    }


def _scope_as_json(read: SetReading) -> dict[str, Any] | None:
    """Of a document that the profile declares a full snapshot."""
    return None if read.locations is None else {"locations": list(read.locations), "proven": read.is_proven}


def _fact_as_json(fact: Fact) -> dict[str, Any]:
    names = {"item_ref": "item", "location_ref": "location", "status_ref": "measure"}
    empty = ("correction_id", "fault_code", "fault_detail", "sequence", "balance_after")
    return {names.get(name, name): value for name, value in fact._asdict().items() if name not in empty}


def _finding_as_json(found: Finding) -> dict[str, Any]:
    return {
        "code": found.code,
        "severity": found.severity,
        "offset": found.offset,
        "segment": found.segment_no,
        "segment_id": found.segment_id,
        "element": found.element,
        "component": found.component,
        "message": found.message,
        "scope": found.scope,
    }


def _print(reading: Reading, facts_max: int) -> None:
    console = Console()
    known = [each for each in reading.interchanges if each.opener is not None]
    facts = sum(len(each.facts) for each in reading.sets)
    console.print(
        f"{escape(reading.file)}: {_coloured(reading.verdict)}, {len(known)} interchange(s),"
        f" {len(reading.sets)} set(s), {facts} facts"
    )
    if reading.sets:
        _print_sets(console, reading)
    for each in reading.sets:
        _print_facts(console, each, facts_max)
    findings = reading.findings
    if findings:
        table = Table("severity", "code", "where", "what", title="Findings")
        for found in findings[:1_000]:
            table.add_row(found.severity, found.code, escape(found.position), escape(found.message))
        console.print(table)


def _print_sets(console: Console, reading: Reading) -> None:
    table = _folding("from", "for", "control", "set", "segments", "verdict", "facts")
    table.title = "Sets"
    for each in reading.sets[:1_000]:
        taken = each.taken
        control = f"{taken.interchange.control}{' TEST' if taken.is_test else ''}"
        told = (taken.interchange.sender, taken.interchange.receiver, control, f"{taken.type} {taken.control}")
        numbers = (str(taken.segments), _coloured(each.verdict), str(len(each.facts)))
        table.add_row(*(escape(value) for value in told), *numbers)
    console.print(table)
    for each in reading.sets[:1_000]:
        if each.locations is not None:
            proof = "proven whole" if each.is_proven else "not proven"
            about = f"{each.taken.type} {each.taken.control}: full snapshot of {', '.join(each.locations) or 'nothing'}"
            console.print(escape(f"{about}, {proof}"))


def _print_facts(console: Console, read: SetReading, facts_max: int) -> None:
    if not len(read.facts) or not facts_max:
        return
    table = _folding("item", "where", "measure", "quantity", "lot", "when", "at")
    table.title = escape(f"Facts of {read.taken.type} {read.taken.control}")
    for number, fact in enumerate(read.facts):
        if number == facts_max:
            break
        segment = fact.position.removeprefix("segment ").partition(" ")[0]
        values = (fact.item_ref, fact.location_ref, fact.status_ref, _told(fact), fact.lot, fact.recorded, segment)
        table.add_row(*(escape(value or "") for value in values))
    console.print(table)
    if len(read.facts) > facts_max:
        console.print(f"… and {len(read.facts) - facts_max} more: --facts-max, --json")


def _coloured(verdict: str) -> str:
    return f"[{COLOURS[verdict]}]{verdict}[/]"


def _told(fact: Fact) -> str:
    """``= 12 EA`` is a balance, ``+3 EA`` a movement."""
    quantity = fact.quantity or ""
    sign = "= " if fact.kind == "balance" else "" if quantity.startswith("-") else "+"
    revised = " cancelled" if fact.cancel else " replaced" if fact.revision > 1 else ""
    return f"{sign}{quantity} {fact.uom}{revised}"


def _folding(*names: str) -> Table:
    """Columns that break their text rather than cut it: half an item's number is none."""
    table = Table()
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in ("measure", "quantity", "verdict", "at"))
    return table
