"""Carry what was known at a time into an empty database, to be decided there by the real models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg import sql

from syncline.config.tables import TABLES
from syncline.history.knowledge import Knowledge

if TYPE_CHECKING:
    import psycopg

_LANDED = "select load_id from ops.batch_loads where batch_id <= %(batch)s"
# The echo of a correction is known by its id: whatever became of it, it stood in the outbox before it could come back.
_CARRIED: dict[str, str] = {
    "ops.config_versions": "t.version_id <= %(config)s",
    **{
        f"ops.{name}": "t.version_id = (select max(v.version_id) from ops.config_versions v "
        f"where v.kind = '{name}' and v.version_id <= %(config)s)"
        for name in TABLES
    },
    "raw.facts": f"t.load_id in ({_LANDED}) and {{is_asked}}",
    "ops.batch_loads": "t.batch_id <= %(batch)s and (%(facts)s::text[] is null or t.load_id in ("
    "select f.load_id from raw.facts f where f.fact_id = any(%(facts)s) "
    "union select r.load_id from ops.readings r))",
    "ops.readings": f"t.load_id in ({_LANDED}) and (%(facts)s::text[] is null or t.document_id in ("
    "select f.document_id from raw.facts f where f.fact_id = any(%(facts)s)))",
    "ops.batch_decisions": "t.batch_id <= %(batch)s",
    "ops.decisions": "t.decision_id in (select b.decision_id from ops.batch_decisions b where b.batch_id <= %(batch)s)",
    "ops.outbox": "t.batch_id <= %(batch)s and t.correction_id in ("
    "select f.correction_id from raw.facts f where f.correction_id is not null and {is_asked_of_f})",
}


def carry(
    source: psycopg.Connection, scratch: psycopg.Connection, knowledge: Knowledge, facts: Sequence[str] | None
) -> None:
    """Copy the facts, readings, decisions and configuration of ``knowledge`` into ``scratch``: migrated, empty, owned.

    Args:
        source: reads raw and ops, inside a transaction that shows one snapshot.
        facts: only these fact ids (in whatever readings and receipts); None is all of them.
    """
    _loosen(scratch)
    values: dict[str, Any] = {
        "batch": knowledge.batch_id,
        "config": knowledge.config_version,
        "facts": None if facts is None else list(facts),
    }
    for table, where in _CARRIED.items():
        asked = "true" if facts is None else "{}.fact_id = any(%(facts)s)"
        clause = where.replace("{is_asked_of_f}", asked.format("f")).replace("{is_asked}", asked.format("t"))
        _copy(source, scratch, table, clause, values)
    scratch.execute(
        "insert into ops.batches (batch_id, as_of, state) overriding system value values (%s, %s, 'released')",
        (knowledge.batch_id, knowledge.as_of),
    )
    scratch.execute(
        "insert into ops.current_batch (batch_id, as_of) values (%s, %s)", (knowledge.batch_id, knowledge.as_of)
    )


def _loosen(scratch: psycopg.Connection) -> None:
    """Rows come as they are, and not with all that they refer to."""
    for table, name in scratch.execute(
        "select conrelid::regclass::text, conname from pg_constraint "
        "where contype = 'f' and connamespace = 'ops'::regnamespace"
    ).fetchall():
        scratch.execute(sql.SQL("alter table {} drop constraint {}").format(_name(table), sql.Identifier(name)))
    scratch.execute("alter table ops.outbox disable trigger user")
    scratch.execute("drop index ops.one_open_correction_per_key")


def _copy(
    source: psycopg.Connection, scratch: psycopg.Connection, table: str, clause: str, values: dict[str, Any]
) -> None:
    columns = sql.SQL(", ").join(
        sql.Identifier(name)
        for (name,) in scratch.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
            "order by attnum",
            (table,),
        )
    )
    told = sql.SQL("copy (select {} from {} t where {}) to stdout (format binary)").format(
        columns,
        _name(table),
        sql.SQL(clause),
    )
    taken = sql.SQL("copy {} ({}) from stdin (format binary)").format(_name(table), columns)
    with (
        source.cursor() as reader,
        scratch.cursor() as writer,
        reader.copy(told, values) as blocks,
        writer.copy(taken) as into,
    ):
        for block in blocks:
            into.write(block)


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
