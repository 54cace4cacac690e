"""SuiteQL of NetSuite's stand-in: the query is run on SQLite, over the tables that it has."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncline.twin.vendors.netsuite import Account


def run(held: Account, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows of a query. Raises sqlite3.Error."""
    book = held.book
    with closing(sqlite3.connect(":memory:")) as database, book.lock:
        database.create_function("NVL", 2, lambda value, other: other if value is None else value)
        database.execute("CREATE TABLE aggregateitemlocation (item INTEGER, location INTEGER, quantityonhand NUMERIC)")
        database.executemany(
            "INSERT INTO aggregateitemlocation VALUES (?, ?, ?)",
            [(int(item), int(location), number) for (item, location), number in book.numbers.items()],
        )
        database.execute("CREATE TABLE item (id INTEGER, stockunit INTEGER)")
        items = sorted({item for item, _ in book.numbers})
        database.executemany("INSERT INTO item VALUES (?, ?)", [(int(item), int(held.unit(item))) for item in items])
        done = database.execute(text)
        return [column[0].lower() for column in done.description], done.fetchall()
