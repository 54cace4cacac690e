"""Versions of the configuration tables in ``ops``: read the newest, tell two apart, append one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from syncline.config.tables import TABLES, Row, Rows, parse_row


@dataclass(frozen=True)
class Change:
    """One row of ``table`` that differs: ``old`` is None when it was added, ``new`` when it was removed."""

    table: str
    key: tuple[str, ...]
    old: Row | None
    new: Row | None


def current_rows(conn: psycopg.Connection) -> Rows:
    """The newest version of every table, in the shape of ``read_folder``; empty where none was applied."""
    rows: Rows = {}
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        # As text and in UTC: Python has no infinite instants.
        cursor.execute("set local timezone to 'UTC'; set local datestyle to 'ISO'")
        for name, table in TABLES.items():
            columns = sql.SQL(", ").join(sql.SQL("{0}::text").format(sql.Identifier(c)) for c in table.columns)
            query = sql.SQL("select {} from ops.{}").format(columns, sql.Identifier(f"current_{name}"))
            rows[name] = [_typed(name, row) for row in cursor.execute(query)]
    return rows


def _typed(name: str, row: Row) -> Row:
    texts = {column: "" if value in (None, "-infinity", "infinity") else value for column, value in row.items()}
    return parse_row(TABLES[name], texts, f"ops.current_{name}")


def changes(old: Rows, new: Rows) -> list[Change]:
    """Rows that differ, by table and key; the order of rows in a file means nothing."""
    found = []
    for name, table in TABLES.items():
        before, after = ({tuple(row[c] for c in table.key): row for row in rows[name]} for rows in (old, new))
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                found.append(Change(name, key, before.get(key), after.get(key)))
    return found


def is_applied(conn: psycopg.Connection, name: str) -> bool:
    """Whether the table has any version yet."""
    row = conn.execute("select exists (select from ops.config_versions where kind = %s)", (name,)).fetchone()
    return row == (True,)


def append(conn: psycopg.Connection, name: str, rows: list[Row], now: datetime, by: str) -> int:
    """Write ``rows`` as the newest version of the table; returns its number."""
    columns = list(TABLES[name].columns)
    values = sorted((tuple(row[column] for column in columns) for row in rows), key=repr)
    digest = hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).hexdigest()
    row = conn.execute(
        "insert into ops.config_versions (kind, sha256, rows, applied_at, applied_by) "
        "values (%s, %s, %s, %s, %s) returning version_id",
        (name, digest, len(values), now, by),
    ).fetchone()
    assert row is not None
    copy = sql.SQL("copy ops.{} ({}) from stdin").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, ["version_id", *columns]))
    )
    with conn.cursor() as cursor, cursor.copy(copy) as stream:
        for value in values:
            stream.write_row((row[0], *value))
    return int(row[0])
