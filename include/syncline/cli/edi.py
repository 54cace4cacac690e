"""Look into an EDI file: its facts and every fault with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from syncline.edi import Reading

app = typer.Typer(no_args_is_help=True, help="Look into EDI files.")

SIZE_MAX_BYTES = 200_000_000


@app.callback()
def edi() -> None:
    """Look into EDI files."""


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="An X12 file.")],
    source: Annotated[str, typer.Option(help="Source name, the prefix of event keys.")] = "inspect",
    profile: Annotated[str, typer.Option(help="Partner profile.")] = "standard",
    as_json: Annotated[bool, typer.Option("--json", help="Print facts and faults as JSON.")] = False,
    facts_max: Annotated[int, typer.Option(min=0, help="Facts to show in the table.")] = 50,
) -> None:
    """Print documents, facts and faults of FILE. Exit code 1 when it has faults."""
    from syncline.edi import PROFILES, read_846
    from syncline.errors import ConfigurationError

    if profile not in PROFILES:
        raise ConfigurationError(f"There is no profile {profile!r}.", next_step=f"Use one of: {', '.join(PROFILES)}.")
    if file.stat().st_size > SIZE_MAX_BYTES:
        raise ConfigurationError(f"{file} is larger than {SIZE_MAX_BYTES} bytes.", next_step="Split it.")
    reading = read_846(file.read_bytes(), source=source, file=file.name, profile=PROFILES[profile])
    if as_json:
        typer.echo(json.dumps(_as_json(reading), indent=2))
    else:
        _print(reading, facts_max)
    if reading.faults:
        raise typer.Exit(1)


def _as_json(reading: Reading) -> dict[str, object]:
    return {
        "file": reading.file,
        "sha256": reading.sha256,
        "sets_accepted": reading.sets_accepted,
        "sets_quarantined": reading.sets_quarantined,
        "facts": [fact._asdict() for fact in reading.facts],
        "faults": [
            {
                "code": found.code,
                "scope": found.scope,
                "text": found.text,
                "segment_no": found.segment_no,
                "segment_id": found.segment_id,
                "element": found.element,
                "offset": found.offset,
                "interchange": found.interchange,
                "group": found.group,
                "set": found.set_control,
            }
            for found in reading.faults
        ],
    }


def _print(reading: Reading, facts_max: int) -> None:
    console = Console()
    console.print(
        f"{escape(reading.file)}: {reading.sets_accepted} set(s) read, {reading.sets_quarantined} quarantined,"
        f" {len(reading.facts)} facts, {len(reading.faults)} faults"
    )
    facts = Table("item", "location", "code", "quantity", "lot", "as of", "segment", title="Facts")
    for fact in reading.facts[:facts_max]:
        values = (fact.item_ref, fact.location_ref, fact.status_ref, f"{fact.quantity} {fact.uom}", fact.lot)
        segment = fact.position.removeprefix("segment ").partition(" ")[0]
        facts.add_row(*(escape(value or "") for value in (*values, fact.recorded, segment)))
    if reading.facts:
        console.print(facts)
    if len(reading.facts) > facts_max:
        console.print(f"… and {len(reading.facts) - facts_max} more")
    faults = Table("scope", "code", "where", "what", title="Faults")
    for found in reading.faults:
        faults.add_row(found.scope, found.code, escape(found.position), escape(found.text))
    if reading.faults:
        console.print(faults)
