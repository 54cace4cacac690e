"""One hash for each derived table, over its meaning: the batch that last wrote a row is not part of it."""

from __future__ import annotations

import psycopg
from psycopg import sql

TABLES = (
    ("staging", "stg_facts", "fact_id"),
    ("intermediate", "int_dispositions", "fact_id"),
    ("canonical", "balances", "item, location, measure, lot"),
    ("canonical", "ledger", "item, location, measure, lot, fact_id"),
    ("canonical", "verdicts", "fact_id"),
    ("canonical", "balance_gaps", "item, location, measure, lot, source, fact_id"),
)


def derived_hashes(conn: psycopg.Connection) -> dict[str, str]:
    """``schema.table`` -> hash of its rows in key order; a table that does not exist yet is left out."""
    hashes: dict[str, str] = {}
    for schema, table, key in TABLES:
        name = f"{schema}.{table}"
        if conn.execute("select to_regclass(%s)", (name,)).fetchone() == (None,):
            continue
        order = sql.SQL(", ").join(
            sql.SQL('t.{} collate "C"').format(sql.Identifier(column.strip())) for column in key.split(",")
        )
        row = conn.execute(
            sql.SQL(
                "select encode(sha256(coalesce(string_agg("
                "sha256(convert_to((to_jsonb(t) - 'batch_id')::text, 'UTF8')), '' order by {order}), '')), 'hex') "
                "from {schema}.{table} t"
            ).format(order=order, schema=sql.Identifier(schema), table=sql.Identifier(table))
        ).fetchone()
        assert row is not None
        hashes[name] = row[0]
    return hashes
