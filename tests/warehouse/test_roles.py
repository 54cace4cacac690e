"""Least privilege holds in the database itself, whatever the code tries."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from syncline.warehouse.connect import connect_dsn

LOAD = "insert into raw.loads values (1, 's', 'api', now(), now(), 0, 1)"
FACT = """insert into raw.facts (fact_id, load_id, document_id, position, source, feed, reading, received_at,
          fault_code) values ('f', 1, 'd', '1', 's', 'api', 'r', '2026-11-02T10:00Z', 'x')"""
REFUSALS = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
DsnOf = Callable[[str], str]


def refused(connection: psycopg.Connection, statement: str) -> type[psycopg.Error]:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    return caught.type


@pytest.fixture
def evidence(warehouse: psycopg.Connection) -> psycopg.Connection:
    warehouse.execute("select raw.ensure_partitions('2026-11-02')")
    warehouse.execute(LOAD)
    warehouse.execute(FACT)
    return warehouse


@pytest.mark.parametrize("statement", ["update raw.facts set quantity = '1'", "delete from raw.facts"])
@pytest.mark.parametrize("role", ["loader", "transformer", "publisher", "bi"])
def test_no_role_changes_raw(evidence: psycopg.Connection, warehouse_dsn: DsnOf, role: str, statement: str) -> None:
    with connect_dsn(warehouse_dsn(role)) as connection:
        error = refused(connection, statement)
    assert issubclass(error, REFUSALS)


@pytest.mark.parametrize(
    "statement",
    [
        "update raw.facts set quantity = '1'",
        "delete from raw.facts",
        "delete from raw.loads",
        "truncate raw.facts",
        "truncate raw.loads cascade",
        "truncate raw.facts_20261102",
        "update raw.facts_20261102 set quantity = '1'",
    ],
)
def test_even_the_owner_cannot_change_raw(evidence: psycopg.Connection, statement: str) -> None:
    assert issubclass(refused(evidence, statement), psycopg.errors.RestrictViolation)
    assert evidence.execute("select count(*) from raw.facts").fetchone() == (1,)


def test_what_refuses_a_change_refuses_truncate(warehouse: psycopg.Connection) -> None:
    guards: dict[str, set[str]] = {}
    for table, trigger in warehouse.execute(
        "select tgrelid::regclass::text, tgname from pg_trigger "
        "where tgname in ('insert_only', 'no_delete', 'no_truncate')"
    ).fetchall():
        guards.setdefault(table, set()).add(trigger)
    assert {"ops.config_versions", "ops.push_attempts", "raw.facts", "ops.outbox"} <= set(guards)
    assert [table for table, triggers in sorted(guards.items()) if "no_truncate" not in triggers] == []
    for table in ("ops.config_versions", "ops.push_attempts"):
        assert issubclass(refused(warehouse, f"truncate {table} cascade"), psycopg.errors.RestrictViolation)


def test_the_loader_appends_and_moves_its_cursor_and_nothing_else(warehouse_dsn: DsnOf) -> None:
    with connect_dsn(warehouse_dsn("loader")) as loader:
        loader.execute("select raw.ensure_partitions('2026-11-02')")
        loader.execute(LOAD)
        loader.execute(FACT)
        loader.execute("insert into ops.source_cursors values ('s', '{}', 1, now())")
        assert refused(loader, "insert into ops.batches (as_of, state) values (now(), 'open')") is (
            psycopg.errors.InsufficientPrivilege
        )
        assert refused(loader, "select * from ops.outbox") is psycopg.errors.InsufficientPrivilege


def test_who_decides_cannot_push(warehouse_dsn: DsnOf) -> None:
    with connect_dsn(warehouse_dsn("transformer")) as transformer:
        transformer.execute("create table canonical.probe (n bigint)")
        assert refused(transformer, "update ops.outbox set state = 'applied'") is psycopg.errors.InsufficientPrivilege
        assert refused(transformer, "delete from ops.push_attempts") is psycopg.errors.InsufficientPrivilege


def test_the_reader_reads_marts_and_writes_nowhere(warehouse: psycopg.Connection, warehouse_dsn: DsnOf) -> None:
    with connect_dsn(warehouse_dsn("bi")) as reader:
        assert reader.execute("select count(*) from ops.outbox").fetchone() == (0,)
        for statement in (
            "create table marts.mine (n int)",
            "delete from ops.correction_queue",
            "create temp table t ()",
        ):
            assert issubclass(
                refused(reader, statement),
                (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction),
            )
        # The read-only default is a convenience; the missing grants are the protection.
        reader.execute("set default_transaction_read_only = off")
        assert refused(reader, "create table marts.mine (n int)") is psycopg.errors.InsufficientPrivilege
        assert refused(reader, "delete from ops.correction_queue") is psycopg.errors.InsufficientPrivilege


def test_a_wrong_password_is_refused_and_not_repeated(warehouse_dsn: DsnOf) -> None:
    from syncline.errors import WarehouseUnavailable

    wrong = warehouse_dsn("loader").replace("syncline_loader:", "syncline_loader:not-the-", 1)
    with pytest.raises(WarehouseUnavailable) as caught:
        connect_dsn(wrong, name="warehouse_loader")
    assert "syncline_loader" in str(caught.value)
    assert "not-the-" not in str(caught.value)


def test_the_loader_and_the_reader_decide_nothing_about_breakers(warehouse_dsn: DsnOf) -> None:
    trip = (
        "insert into ops.breaker_trips (rule, measured, bound, detail, state, opened_at) "
        "values ('keys', 1, 0, '', 'open', now())"
    )
    for role, statement in (
        ("loader", trip),
        ("loader", "select * from ops.breaker_trips"),
        ("bi", "update ops.breaker_trips set state = 'released'"),
        ("publisher", "delete from ops.breaker_trips"),
        ("publisher", "delete from ops.source_bounds"),
        ("transformer", "delete from ops.breaker_trips"),
    ):
        with connect_dsn(warehouse_dsn(role)) as connection:
            assert issubclass(refused(connection, statement), REFUSALS), (role, statement)
