"""One look at a running installation: lag, queues, connections, memory, processor time, table sizes."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg

from bench.soak.latency import Latencies
from syncline.runtime.world import World

MIB = 1 << 20
QUEUES = """
select
  (select count(*) from ops.batches where state = 'released') as batches,
  (select coalesce(sum(l.facts), 0) from raw.loads l) as landed_facts,
  (select coalesce(sum(l.facts), 0) from raw.loads l where not exists (
     select from ops.batch_loads b join ops.batches r using (batch_id)
     where b.load_id = l.load_id and r.state = 'released')) as unresolved_facts,
  (select count(*) from ops.outbox where state in ('pending', 'sent', 'unknown', 'rejected')) as outbox_open,
  (select count(*) from ops.outbox where state = 'held') as outbox_held,
  (select count(*) from ops.outbox where state = 'applied') as outbox_applied
"""
SEQUENCES = """
select f.source, max(f.sequence), max(f.load_id) from raw.facts f
where f.load_id in (select load_id from raw.loads where load_id > %s) and f.feed = 'api' group by f.source
"""
TABLES = """
select schemaname || '.' || relname, pg_total_relation_size(relid), n_live_tup, n_dead_tup
from pg_stat_user_tables where schemaname in ('raw', 'ops', 'staging', 'intermediate', 'canonical')
"""
SHOWN_TABLES = (
    "staging.stg_facts", "intermediate.int_dispositions", "canonical.balances", "canonical.ledger",
    "canonical.verdicts", "ops.outbox", "ops.correction_queue", "ops.target_changes",
)  # fmt: skip
CONNECTIONS = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
AIRFLOW = """
select pg_database_size(current_database()),
       (select count(*) from task_instance where state = 'failed'),
       (select count(*) from task_instance where state in ('up_for_retry', 'queued', 'scheduled'))
"""


@dataclass
class Sampler:
    """Counts what is new from one look to the next; ``warehouse`` and ``airflow`` are open owner connections."""

    world: World
    warehouse: psycopg.Connection
    airflow: psycopg.Connection
    latencies: Latencies
    postmaster: int
    _sequences: dict[str, int] = field(default_factory=dict)
    _load_id: int = 0

    def look(self) -> dict[str, Any]:
        """The sample as JSON; ``latency_s`` is the list of the seconds of every event since the last look."""
        assert self.world.partners is not None
        status = self.world.partners.status()
        queues = self._queues()
        corrections, seconds = self.latencies.look(self.warehouse)
        events = sum(status["events"].values())
        return {
            "virtual": status["now"],
            "phase": status["phase"],
            "events": events,
            "lag_events": self._lag(status["events"]),
            **queues,
            "corrections": corrections,
            "latency_s": seconds,
            "connections": _value(self.warehouse, CONNECTIONS)[0],
            **self._tables(),
            **self._airflow(),
            **self._processes(),
        }

    def _queues(self) -> dict[str, int]:
        cursor = self.warehouse.execute(QUEUES)
        assert cursor.description is not None
        row = cursor.fetchone()
        assert row is not None
        return {column.name: int(value) for column, value in zip(cursor.description, row, strict=True)}

    def _lag(self, posted: dict[str, int]) -> int:
        """Events that a WMS has posted and no load holds: its last sequence against the highest one landed."""
        for source, sequence, load_id in self.warehouse.execute(SEQUENCES, [self._load_id]).fetchall():
            self._sequences[source] = max(sequence, self._sequences.get(source, 0))
            self._load_id = max(self._load_id, load_id)
        return sum(
            max(0, count - self._sequences.get(f"{site.lower()}_wms", 0)) for site, count in posted.items() if count
        )

    def _tables(self) -> dict[str, Any]:
        rows = self.warehouse.execute(TABLES).fetchall()
        sizes: dict[str, float] = {"raw": 0.0, "working": 0.0, "all": 0.0}
        for name, size, _, _ in rows:
            sizes["all"] += size / MIB
            if name.startswith("raw."):
                sizes["raw"] += size / MIB
            if name in SHOWN_TABLES:
                sizes[name.split(".")[1]] = size / MIB
            elif name.startswith("intermediate."):
                sizes["working"] += size / MIB
        return {
            "table_mib": {name: round(size, 1) for name, size in sorted(sizes.items())},
            "live_rows": sum(row[2] for row in rows),
            "dead_rows": sum(row[3] for row in rows),
        }

    def _airflow(self) -> dict[str, Any]:
        size, failed, waiting = _value(self.airflow, AIRFLOW)
        return {"airflow_db_mib": round(size / MIB, 1), "failed_tasks": failed, "waiting_tasks": waiting}

    def _processes(self) -> dict[str, Any]:
        """Proportional memory (shared pages are split among who shares them) and processor time of each component."""
        memory: dict[str, int] = defaultdict(int)
        processor: dict[str, float] = defaultdict(float)
        leaders = {child.process.pid: child.name for child in self.world.supervisor.children}
        for process in psutil.process_iter():
            try:
                name = leaders.get(os.getsid(process.pid))
                if name is None and process.pid != self.postmaster and process.ppid() != self.postmaster:
                    continue
                full, times = process.memory_full_info(), process.cpu_times()
            except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
                continue
            if name == "airflow-scheduler" and process.pid not in leaders:
                memory["workers"] += getattr(full, "pss", full.uss)
            else:
                memory[name or "postgres"] += getattr(full, "pss", full.uss)
            processor[name or "postgres"] += times.user + times.system + times.children_user + times.children_system
        return {
            "memory_mib": {name: round(size / MIB) for name, size in sorted(memory.items())},
            "processor_s": {name: round(seconds, 1) for name, seconds in sorted(processor.items())},
        }


def _value(conn: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = conn.execute(query).fetchone()
    assert row is not None
    return tuple(row)
