"""How far the pipeline is: figures to watch, and whether everything pending has been worked off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from syncline.registry import Registry

FIGURES = """
select (select count(*) from raw.facts)                                                as facts,
       (select count(*) from ops.batches where state = 'released')                     as batches,
       (select count(*) from ops.outbox where state = 'applied')                       as applied,
       (select count(*) from ops.outbox where state in ('pending', 'sent', 'unknown', 'rejected')) as open,
       (select count(*) from ops.outbox where state = 'held')                          as held,
       (select count(*) from ops.exceptions where state <> 'resolved')                 as exceptions
"""

# A queued key whose correction is held waits for a person, not for the pipeline.
PENDING = """
select (select count(*) from raw.loads l where not exists (select from ops.batch_loads b where b.load_id = l.load_id))
     + (select count(*) from ops.decisions d where not exists (
          select from ops.batch_decisions b where b.decision_id = d.decision_id))
     + (select count(*) from ops.batches where state <> 'released')
     + (select count(*) from ops.key_triggers where batch_id is null and due_at <= %(now)s)
     + (select count(*) from ops.redrives where batch_id is null)
     + (select count(*) from ops.outbox where state in ('pending', 'sent', 'unknown', 'rejected'))
     + (select count(*) from ops.correction_queue q where not exists (
          select from ops.outbox o where o.state = 'held'
            and (o.target, o.item, o.location) = (q.target, q.item, q.location)))
     + (select count(*) from ops.files where state in ('seen', 'claimed'))
"""

BEHIND = """
select (select count(*) from unnest(%(sources)s::text[]) s
        where not exists (select from ops.source_cursors c where c.source = s and c.polled_at > %(since)s))
     + (select count(*) from unnest(%(targets)s::text[]) t
        where not exists (select from ops.target_cursors c where c.target = t and c.read_at > %(since)s))
"""


@dataclass(frozen=True)
class Progress:
    """Counts so far."""

    facts: int
    batches: int
    applied: int
    open: int
    held: int
    exceptions: int


def progress(conn: psycopg.Connection) -> Progress:
    row = conn.execute(FIGURES).fetchone()
    assert row is not None
    return Progress(*row)


def pending(conn: psycopg.Connection, now: datetime) -> int:
    """Things the pipeline still has to do by itself; ``now`` in the product's clock decides which triggers are due."""
    return _count(conn, PENDING, {"now": now})


def behind(conn: psycopg.Connection, registry: Registry, since: datetime) -> int:
    """Sources and targets that have not been read since ``since``."""
    sources = [source.name for source in registry.sources if source.enabled]
    targets = [target.name for target in registry.targets if target.enabled]
    return _count(conn, BEHIND, {"sources": sources, "targets": targets, "since": since})


def _count(conn: psycopg.Connection, query: str, values: dict[str, object]) -> int:
    row = conn.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])
