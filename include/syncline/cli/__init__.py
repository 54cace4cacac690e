"""The ``syncline`` command: one module in this folder is one command or one group of commands.

A module holds ``app = typer.Typer()``; its name is the command's name (``_`` becomes ``-``) and the first line of
its docstring is the help line. A module is imported only when its command runs, so ``syncline --help`` reads
nothing but docstrings.
"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from syncline import __version__
from syncline.errors import Interrupted, SynclineError

FOLDER = Path(__file__).parent
EXIT_ERROR = 1
EXIT_INTERRUPTED = 130


def command_names() -> dict[str, str]:
    """Command name -> module name of every command, sorted."""
    modules = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    return {module.replace("_", "-"): module for module in modules}


def help_line(module: str) -> str:
    """First line of the module's docstring, without importing it."""
    text = ast.get_docstring(ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


class LazyGroup(TyperGroup):
    """Lists commands from file names; imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(command_names())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module = command_names().get(cmd_name)
        if module is None:
            return None
        is_listing = ctx.resilient_parsing or len(sys.argv) == 1 or sys.argv[1] == "--help"
        found = _described(module) if is_listing else importlib.import_module(f"syncline.cli.{module}").app
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command


def _described(module: str) -> typer.Typer:
    """A placeholder for the list of commands: a name and a help line, nothing imported."""
    placeholder = typer.Typer()
    placeholder.command(help=help_line(module))(lambda: None)
    return placeholder


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def syncline(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """One true stock number when a real-time API and a batch EDI file disagree."""


def main() -> None:
    """Entry point. A deliberate error is one line on stderr and exit code 1; anything else keeps its traceback."""
    try:
        app()
    except SynclineError as error:
        typer.echo(f"syncline: {error}", err=True)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Interrupted as stopped:
        sys.exit(128 + stopped.number)
