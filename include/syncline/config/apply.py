"""Append a configuration as new versions, and say which keys and facts must be thought about again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import sql

from syncline.config.check import check
from syncline.config.tables import TABLES, Rows

# Tables whose change alters how a fact is read; the others only alter what is decided from it.
MAPPING = ("sources", "locations", "items", "item_crosswalk", "location_crosswalk", "status_crosswalk", "unit_factors")


@dataclass(frozen=True)
class Applied:
    """Version numbers written by table, and what was enqueued because of them."""

    versions: dict[str, int] = field(default_factory=dict)
    redriven_facts: int = 0
    touched_keys: int = 0


def apply(conn: psycopg.Connection, rows: Rows, now: datetime, by: str) -> Applied:
    """Check ``rows`` (all tables) and append every table that differs from its current version, in one transaction.

    Returns what was written; an unchanged configuration writes nothing.

    Raises:
        ConfigurationError: the rows contradict each other; nothing was written.
    """
    check(rows)
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(7240002)")
        versions = {name: version for name in TABLES if (version := _append(conn, name, rows, now, by)) is not None}
        first_time = conn.execute("select not exists (select from ops.batches)").fetchone() == (True,)
        if not versions or first_time:
            return Applied(versions)
        redriven = _redrive(conn, now, by) if any(name in MAPPING for name in versions) else 0
        return Applied(versions, redriven, _touch_all_keys(conn, now))


def _append(conn: psycopg.Connection, name: str, rows: Rows, now: datetime, by: str) -> int | None:
    columns = list(TABLES[name].columns)
    values = sorted((tuple(row[column] for column in columns) for row in rows[name]), key=repr)
    digest = hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).hexdigest()
    current = conn.execute(
        "select sha256 from ops.config_versions where kind = %s order by version_id desc limit 1", (name,)
    ).fetchone()
    if current == (digest,):
        return None
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


def _redrive(conn: psycopg.Connection, now: datetime, by: str) -> int:
    """Map every fact again: a changed crosswalk may move facts that were understood, not only quarantined ones."""
    if conn.execute("select to_regclass('staging.stg_facts')").fetchone() == (None,):
        return 0
    return conn.execute(
        "insert into ops.redrives (fact_id, requested_at, requested_by) select fact_id, %s, %s from staging.stg_facts",
        (now, by),
    ).rowcount


def _touch_all_keys(conn: psycopg.Connection, now: datetime) -> int:
    if conn.execute("select to_regclass('canonical.balances')").fetchone() == (None,):
        return 0
    return conn.execute(
        """
        insert into ops.key_triggers (item, location, measure, reason, due_at)
        select distinct item, location, measure, 'configuration', %s::timestamptz from intermediate.int_dispositions
        where item is not null and location is not null and measure is not null
        """,
        (now,),
    ).rowcount
