"""What a scheduler needs from us: the pools that the DAGs name, and somebody who notices that it stands still."""

from __future__ import annotations

import psycopg

from syncline.registry import Registry, pools

QUEUED_MAX_S = 60
SILENT_MAX_S = 120

# "on conflict": what an operator set stays, for example 0 slots to pause a partner. `airflow pools import` would
# overwrite it, and costs six seconds of imports at each start.
CREATE_POOL = """
insert into slot_pool (pool, slots, description, include_deferred) values (%s, %s, %s, false) on conflict do nothing
"""

# The scheduler queues a task only when a worker is free, so it starts within seconds. A worker that was killed while it
# held the lock of the executor's queue leaves everybody else waiting for ever: tasks are queued and none starts at all
# (on a machine that is only slow, some do). Tasks that an earlier scheduler queued do not count: the new one takes them
# over in its own time. Real seconds of Airflow's database.
STANDSTILL = """
with newest as (select id, latest_heartbeat from job where job_type = 'SchedulerJob' order by id desc limit 1)
select extract(epoch from clock_timestamp() - n.latest_heartbeat)::bigint,
       (select count(*) from task_instance t
        where t.state = 'queued' and t.queued_by_job_id = n.id
          and t.queued_dttm < clock_timestamp() - make_interval(secs => %(queued_s)s)
          and not exists (select from task_instance s
                          where s.start_date > clock_timestamp() - make_interval(secs => %(queued_s)s)))
from newest n
"""


def create_pools(metadata: psycopg.Connection, registry: Registry) -> set[str]:
    """Create in Airflow's database the pools that are missing; names of all that ``registry`` needs."""
    needed = pools(registry)
    with metadata.transaction():
        for name, pool in needed.items():
            metadata.execute(CREATE_POOL, (name, pool.slots, pool.description))
    return set(needed)


def standstill(metadata: psycopg.Connection) -> str:
    """Why the newest scheduler must be started again, as the rest of a sentence; empty when it works."""
    row = metadata.execute(STANDSTILL, {"queued_s": QUEUED_MAX_S}).fetchone()
    if row is None:
        return ""
    silent_s, waiting = row
    if silent_s > SILENT_MAX_S:
        return f"was silent for {silent_s} s"
    return f"had {waiting} tasks that no worker took for {QUEUED_MAX_S} s" if waiting else ""
