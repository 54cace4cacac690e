"""Throw-away databases under names that come back: dbt parses the project again for a database of another name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

TEMPLATE = "syncline_template"
_in_use: set[str] = set()


@contextmanager
def throw_away(server: embedded.Server) -> Iterator[str]:
    """Name of a migrated database that lives as long as the block."""
    name = next(each for number in range(1, 100) if (each := f"syncline_test_{number}") not in _in_use)
    identifier = sql.Identifier(name)
    _in_use.add(name)
    try:
        with connect_dsn(server.dsn()) as admin:
            admin.execute(sql.SQL("create database {} template {}").format(identifier, sql.Identifier(TEMPLATE)))
            try:
                yield name
            finally:
                admin.execute(sql.SQL("drop database {} with (force)").format(identifier))
    finally:
        _in_use.remove(name)


def told_by_the_floor(warehouse: psycopg.Connection, fact_id: str = "floor", *, source: str = "floor_wms") -> None:
    """A fact of a warehouse, once, for corrections that must follow one."""
    if warehouse.execute("select from raw.facts where fact_id = %s", (fact_id,)).fetchone() is not None:
        return
    warehouse.execute(
        "insert into raw.facts (fact_id, load_id, document_id, position, source, feed, reading, received_at, kind, "
        "item_ref, location_ref, status_ref, quantity, recorded, line_key, event_key) values (%s, 0, 'told-by-floor', "
        "'1', %s, 'api', 'test', '2026-11-01T00:00Z', 'balance', 'X', 'X', 'on_hand', '1', '2026-11-01', "
        "'l', 'e')",
        (fact_id, source),
    )
