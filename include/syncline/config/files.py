"""The CSV files of the configuration: typed rows that know their line, or every fault with its place."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from syncline.config.tables import TABLES, Row, Rows, Table, parse_row
from syncline.errors import ConfigurationError

SHOWN_MAX = 20


class PlacedRow(Row):
    """A row that knows the line it stands in; equal to any row that says the same."""

    def __init__(self, row: Row, line: int) -> None:
        super().__init__(row)
        self.line = line


def place(table: str, *rows: Row) -> str:
    """``items.csv line 3``, or the table's name alone for rows that no file holds."""
    lines = sorted({row.line for row in rows if isinstance(row, PlacedRow)})
    if not lines:
        return table
    return f"{table}.csv line{'s' if len(lines) > 1 else ''} {' and '.join(map(str, lines))}"


def read_folder(folder: Path) -> Rows:
    """Every table's typed rows from ``folder/<table>.csv``, each with the line it stands in.

    Raises:
        ConfigurationError: files or columns are missing, or values cannot be what their column says; names file,
            line, column, value of every one.
    """
    rows: Rows = {}
    faults: list[ConfigurationError] = []
    for name, table in TABLES.items():
        rows[name] = []
        for row in _read_file(folder / f"{name}.csv", table):
            if isinstance(row, ConfigurationError):
                faults.append(row)
            else:
                rows[name].append(row)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        refuse([fault.message.removesuffix(".") for fault in faults])
    return rows


def refuse(faults: list[str]) -> NoReturn:
    """Raise one error that lists ``faults``, each with its place."""
    shown = "; ".join(faults[:SHOWN_MAX])
    more = f"; and {len(faults) - SHOWN_MAX} more" if len(faults) > SHOWN_MAX else ""
    raise ConfigurationError(
        f"The configuration was refused: {shown}{more}.", next_step="Correct the CSV files and check again.",
        faults=faults,
    )  # fmt: skip


def _read_file(path: Path, table: Table) -> Iterator[Row | ConfigurationError]:
    if not path.is_file():
        yield ConfigurationError(
            f"{path.name} is missing.", next_step="Restore the file, at least with its header line."
        )
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, restkey="(more)", restval="")
            header = set(reader.fieldnames or [])
            if missing := [name for name in table.columns if name not in header and name not in table.defaults]:
                yield ConfigurationError(f"{path.name} has no column {', '.join(missing)}.", next_step="Add it.")
                return
            if unknown := header - set(table.columns):
                yield ConfigurationError(
                    f"{path.name} has an unknown column {', '.join(sorted(unknown))}.",
                    next_step=f"Remove it; known are {', '.join(table.columns)}.",
                )
                return
            for row in reader:
                yield _placed(table, row, path.name, reader.line_num)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        yield ConfigurationError(
            f"{path.name} cannot be read ({type(error).__name__}).", next_step="Save it as CSV in UTF-8."
        )


def _placed(table: Table, row: dict[str, Any], name: str, line: int) -> Row | ConfigurationError:
    if "(more)" in row:
        return ConfigurationError(
            f"{name} line {line} has more values than columns.", next_step="Quote a value that holds a comma."
        )
    try:
        return PlacedRow(parse_row(table, row, f"{name} line {line}"), line)
    except ConfigurationError as error:
        return error
