"""Due rows: an instant at which a key must be thought about again, drained by the same lane as loads.

A due row is never edited or taken back. Moving a due time earlier or later is one more row: a key that is thought
about again without need comes out the same. Drained means: a batch has taken it, and every later build of that batch
has it too, so a crash before the release loses nothing.
"""

from __future__ import annotations

from datetime import datetime

import psycopg

ANYTHING = "*"


def add_due(conn: psycopg.Connection, item: str, location: str, measure: str, reason: str, due_at: datetime) -> int:
    """Have the first batch whose instant is not before ``due_at`` decide the cell again; returns the row's number.

    Args:
        conn: role transformer, publisher or owner.
        reason: one or a few words, kept in ``ops.key_triggers`` for who asks why the key was looked at.
    """
    row = conn.execute(
        "insert into ops.key_triggers (item, location, measure, reason, due_at) values (%s, %s, %s, %s, %s) "
        "returning trigger_id",
        (item, location, measure, reason, due_at),
    ).fetchone()
    assert row is not None
    return int(row[0])


def add_due_check(conn: psycopg.Connection, reason: str, due_at: datetime) -> int:
    """Wake the lane at ``due_at`` for a check that is about no single key; one row waits per (reason, due_at).

    The batch it wakes may have no other work: whoever checks does so in a model or at the release of every batch.
    """
    row = conn.execute(
        "select trigger_id from ops.key_triggers "
        "where batch_id is null and due_at = %s and (item, location, measure, reason) = (%s, %s, %s, %s)",
        (due_at, ANYTHING, ANYTHING, ANYTHING, reason),
    ).fetchone()
    return int(row[0]) if row else add_due(conn, ANYTHING, ANYTHING, ANYTHING, reason, due_at)
