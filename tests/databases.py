"""Throw-away databases under names that come back: dbt parses the project again for a database of another name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from bench.warehouse import told_by_the_floor
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


def subscribed(warehouse: psycopg.Connection, *rows: tuple[str, str, str, str, str]) -> None:
    """A new version of the subscriptions, with ``rows`` added: subscriber, event, location, class, mode."""
    before = warehouse.execute("select subscriber, event, location, item_class, mode from ops.current_subscriptions")
    everything = [*before.fetchall(), *rows]
    version = warehouse.execute(
        "insert into ops.config_versions (kind, sha256, rows, applied_at, applied_by) "
        "values ('subscriptions', '', %s, '2026-11-01T00:00Z', 'test') returning version_id",
        (len(everything),),
    ).fetchone()
    assert version is not None
    with warehouse.cursor() as cursor:
        cursor.executemany(
            "insert into ops.subscriptions values (%s, %s, %s, %s, %s, %s, 'hold')",
            [(version[0], *row) for row in everything],
        )


def make_candidates(warehouse: psycopg.Connection) -> None:
    """``canonical.candidate_corrections`` as dbt builds it (docs/contracts.md), empty, and a fact that they follow."""
    warehouse.execute(
        """
        create table canonical.candidate_corrections (
          batch_id bigint, target text, item text, location text, item_class text, wanted bigint, shown bigint,
          reading_no bigint, expected_version text, in_flight bigint, delta bigint, kind text, hold_reason text,
          is_open boolean, units_max bigint, unit_value bigint,
          event text generated always as (case kind when 'delta' then 'books' else 'available' end) stored,
          is_shadow boolean not null default false,
          fact_id text default 'floor')
        """
    )
    told_by_the_floor(warehouse)
    warehouse.execute("grant select on canonical.candidate_corrections to syncline_publisher")
