"""Append a configuration as new versions, and have the next batch think again about exactly what it can change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from syncline.config.affected import find_facts
from syncline.config.check import check
from syncline.config.corrections import queue_corrections
from syncline.config.requests import request_remapping, touch_cells
from syncline.config.tables import TABLES, Rows
from syncline.config.versions import Change, append, changes, current_rows, is_applied
from syncline.errors import RetryableError
from syncline.resolve.build import BUILD_LOCK
from syncline.resolve.ended_items import wake_at_ends

APPLY_LOCK = 7240002
BUILD_WAIT_S = 60


@dataclass(frozen=True)
class Applied:
    """What an apply wrote, or would write.

    ``changes`` are the rows that differ, ``versions`` the version numbers written by table (empty in a dry run);
    the counts are what goes to the next batch: facts to map again, cells (item, location, measure) to decide again,
    keys (target, item, location) to compute again.
    """

    changes: list[Change] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    redriven_facts: int = 0
    touched_keys: int = 0
    queued_corrections: int = 0

    def tables(self) -> dict[str, Counter[str]]:
        """Table -> how many rows were ``added``, ``removed`` and ``changed``; only tables that differ."""
        found: dict[str, Counter[str]] = {}
        for change in self.changes:
            what = "added" if change.old is None else "removed" if change.new is None else "changed"
            found.setdefault(change.table, Counter())[what] += 1
        return found


def apply(conn: psycopg.Connection, rows: Rows, now: datetime, by: str, *, dry_run: bool = False) -> Applied:
    """Check ``rows`` (all tables) and append every table that differs from its current version, in one transaction.

    Waits for a build that runs, and lets none begin meanwhile: facts staged with the old configuration after this
    looked for them would stay as they are. ``dry_run`` finds the same and writes nothing.

    Raises:
        ConfigurationError: the rows contradict each other; nothing was written.
        RetryableError: a build ran longer than the wait.
    """
    check(rows)
    with conn.transaction(force_rollback=dry_run):
        _lock(conn)
        old = current_rows(conn)
        changed = changes(old, rows)
        names = {change.table for change in changed}
        versions = {
            name: append(conn, name, rows[name], now, by)
            for name in TABLES
            if name in names or not is_applied(conn, name)
        }
        applied = _enqueue(conn, old, rows, changed, now, by)
        wake_at_ends(conn, changed, now)
    return Applied(changed, {} if dry_run else versions, *applied)


def _lock(conn: psycopg.Connection) -> None:
    try:
        with conn.transaction():
            conn.execute(f"set local lock_timeout = '{BUILD_WAIT_S}s'".encode())
            conn.execute("select pg_advisory_xact_lock(%s)", (BUILD_LOCK,))
            conn.execute("select pg_advisory_xact_lock(%s)", (APPLY_LOCK,))
    except psycopg.errors.LockNotAvailable:
        raise RetryableError(
            f"A build or another apply ran for more than {BUILD_WAIT_S} s.",
            next_step="Apply again when it is done; ops.batches shows the batch in flight.",
        ) from None
    conn.execute("set local lock_timeout to default")


def _enqueue(
    conn: psycopg.Connection, old: Rows, new: Rows, changed: list[Change], now: datetime, by: str
) -> tuple[int, int, int]:
    """Facts, cells and corrections that went to the next batch. Before the first build there is nothing to go."""
    if not changed or conn.execute("select to_regclass('canonical.balances')").fetchone() == (None,):
        return 0, 0, 0
    find_facts(conn, old, new, changed)
    counts = request_remapping(conn, now, by), touch_cells(conn, now), queue_corrections(conn, old, new, now)
    conn.execute("drop table config_facts")
    return counts
