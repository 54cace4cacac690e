"""How long an event takes from its posting in the WMS to its posting in the ERP, from the warehouse's own tables.

A correction carries the events of every batch since the correction before it: those of the versions it made true.
The start is the WMS's ``posted_at``, so an event that its API showed late counts with its lateness.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

# Corrections the change list has shown since position %(after)s, with the version that each one made true and the one
# before it; then the on-hand facts of those versions' batches, of the same key.
CARRIED = """
with seen as materialized (
  select c.position, c.item, c.location, c.changed_at, o.to_version,
         coalesce((select max(p.to_version) from ops.outbox p
                   where p.target = 'erp' and p.item = c.item and p.location = c.location
                     and p.state = 'applied' and p.to_version < o.to_version), 0) as before_version
  from ops.target_changes c join ops.outbox o on o.correction_id = c.correction_id
  where c.target = 'erp' and c.position > %(after)s
),
carrying as materialized (
  select s.position, s.item, s.location, s.changed_at, b.load_id
  from seen s
  join ops.target_versions v on v.target = 'erp' and v.item = s.item and v.location = s.location
    and v.version > s.before_version and v.version <= s.to_version
  join ops.batch_loads b on b.batch_id = v.batch_id
)
select extract(epoch from c.changed_at - f.recorded::timestamptz)::float8
from carrying c
join raw.facts f on f.load_id = c.load_id and f.feed = 'api' and f.item_ref = c.item and f.location_ref = c.location
  and f.status_ref = 'on_hand' and f.kind = 'movement'
"""
LAST = """
select coalesce(max(position), 0), count(*) filter (where correction_id is not null)
from ops.target_changes where target = 'erp' and position > %s
"""


@dataclass
class Latencies:
    """Reads only what is new since the last look. ``speed`` is virtual seconds in a real one."""

    speed: float
    position: int = 0

    def look(self, conn: psycopg.Connection) -> tuple[int, list[float]]:
        """Corrections seen since the last look, and the real seconds of the events they carried."""
        with conn.transaction():
            row = conn.execute(LAST, [self.position]).fetchone()
            assert row is not None
            found = [s / self.speed for (s,) in conn.execute(CARRIED, {"after": self.position})]
        self.position = max(self.position, row[0])
        return row[1], found
