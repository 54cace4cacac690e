"""Partner profiles: what a partner does otherwise than the standard."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Check partner profiles.")


@app.callback()
def profile() -> None:
    """Check partner profiles."""


@app.command(epilog="Examples: syncline edi profile check dags/partners/acme.yml; syncline edi profile check --all")
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Profile files (YAML).")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every profile of the registry's folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the profiles with every default as JSON.")] = False,
) -> None:
    """Say what is wrong in FILES: field, value and fix. Exit code 1 when something is."""
    from syncline.edi.partners import load, partners_folder
    from syncline.errors import ConfigurationError

    paths = [*(files or []), *(sorted(partners_folder().glob("*.yml")) if all_of_them else [])]
    if not paths:
        raise ConfigurationError("No profile is named.", next_step="Name a file, or use --all.")
    profiles, is_wrong = [], False
    for path in paths:
        try:
            profiles.append(load(path))
        except ConfigurationError as error:
            is_wrong = True
            typer.echo(str(error), err=True)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in profiles], indent=1))
    else:
        for each in profiles:
            typer.echo(f"{each.name}: good ({each.strictness})")
    if is_wrong:
        raise typer.Exit(1)
