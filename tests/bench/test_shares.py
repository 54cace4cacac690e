"""Shares of a batch's wall time, from rows shaped as Airflow's metadata and logs as our tasks write them."""

from __future__ import annotations

from pathlib import Path

import psycopg

from bench.shares import PARTS, median_shares, shares

ROWS = """
create temporary table dag_run (dag_id text, run_id text, state text, start_date timestamptz);
create temporary table task_instance (dag_id text, run_id text, task_id text, state text, start_date timestamptz,
  end_date timestamptz);
insert into dag_run values ('resolve', 'one', 'success', '2026-11-02T10:00:00Z'),
  ('resolve', 'idle', 'success', '2026-11-02T10:01:00Z'), ('resolve', 'unpushed', 'success', '2026-11-02T10:02:00Z');
insert into task_instance
select 'resolve', run, task, 'success', '2026-11-02T10:00:00Z'::timestamptz + a * interval '1 second',
       '2026-11-02T10:00:00Z'::timestamptz + b * interval '1 second'
from (values ('one', 'open_batch', 1, 2), ('one', 'build', 3, 9), ('one', 'gate', 10, 12), ('one', 'release', 13, 14),
             ('idle', 'open_batch', 61, 62), ('unpushed', 'build', 121, 122), ('unpushed', 'gate', 122, 123),
             ('unpushed', 'release', 123, 124)) as t (run, task, a, b);
insert into task_instance values ('push_erp', 'p0', 'push', 'success', '2026-11-02T10:00:05Z', '2026-11-02T10:00:06Z'),
  ('push_erp', 'p1', 'push', 'success', '2026-11-02T10:00:16Z', '2026-11-02T10:00:20Z');
"""


def test_a_batch_is_divided_without_rest(warehouse: psycopg.Connection, tmp_path: Path) -> None:
    warehouse.execute(ROWS)
    for task, line in (("build", "batch 1: 17 nodes in 4.5 s, slowest"), ("gate", "passes 9 rules in 0.5 s; rows")):
        folder = tmp_path / "dag_id=resolve" / "run_id=one" / f"task_id={task}"
        folder.mkdir(parents=True)
        (folder / "attempt=1.log").write_text(line)
    found = shares(warehouse, tmp_path)
    assert len(found) == 1
    (one,) = found
    # Tasks took 10 s, of which 5 s are dbt and GX; of 20 s 4 s were the push, 6 s lay between tasks.
    assert (one.wall, one.dbt, one.gx, one.own, one.push, one.airflow) == (20.0, 4.5, 0.5, 5.0, 4.0, 6.0)
    medians = median_shares(found)
    assert medians["batches"] == 1
    assert round(sum(medians[part] for part in PARTS), 3) == 1


def test_no_batch_no_shares() -> None:
    assert median_shares([]) == {}
