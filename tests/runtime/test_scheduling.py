"""Pools appear and stay as an operator set them; a scheduler that stands still is noticed, a busy one is not.

Airflow's own tables, made by Airflow's own migration.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from syncline.registry import Registry, load_registry
from syncline.runtime.scheduling import create_pools, standstill
from syncline.warehouse.connect import connect_dsn
from syncline.warehouse.embedded import Server

NAME = "airflow_scheduling"


@pytest.fixture(scope="module")
def migrated(server: Server) -> Iterator[str]:
    with connect_dsn(server.dsn()) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(NAME)))
    dsn = server.dsn(NAME)
    environment = os.environ | {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": dsn.replace("postgresql://", "postgresql+psycopg2://", 1),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": dsn.replace("postgresql://", "postgresql+psycopg://", 1),
    }
    airflow = str(Path(sys.executable).parent / "airflow")
    subprocess.run([airflow, "db", "migrate"], env=environment, check=True, capture_output=True)
    yield dsn
    with connect_dsn(server.dsn()) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(NAME)))


@pytest.fixture
def metadata(migrated: str) -> Iterator[psycopg.Connection]:
    with connect_dsn(migrated) as connection:
        # A task needs a run, a run a DAG: neither matters here.
        connection.execute("set session_replication_role = replica")
        yield connection
        connection.execute("delete from task_instance")
        connection.execute("delete from job")
        connection.execute("delete from slot_pool where pool <> 'default_pool'")


def scheduler(metadata: psycopg.Connection, silent_s: int = 0) -> int:
    row = metadata.execute(
        "insert into job (job_type, state, latest_heartbeat) "
        "values ('SchedulerJob', 'running', now() - make_interval(secs => %s)) returning id",
        (silent_s,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def task(metadata: psycopg.Connection, state: str, job: int, waited_s: int) -> None:
    metadata.execute(
        "insert into task_instance (id, task_id, dag_id, run_id, map_index, pool, pool_slots, state, queued_by_job_id,"
        " queued_dttm, try_number, max_tries)"
        " values (gen_random_uuid(), 'pull', 'ingest', gen_random_uuid()::text, -1, 'default_pool', 1, %s, %s,"
        " now() - make_interval(secs => %s), 1, 3)",
        (state, job, waited_s),
    )


def test_missing_pools_are_created_and_the_operators_slots_stay(metadata: psycopg.Connection) -> None:
    registry: Registry = load_registry()
    needed = create_pools(metadata, registry)
    assert {"dbt_write", "source_dc1_wms", "target_erp"} <= needed
    metadata.execute("update slot_pool set slots = 0 where pool = 'source_dc1_wms'")
    assert create_pools(metadata, registry) == needed
    slots = dict(metadata.execute("select pool, slots from slot_pool where pool <> 'default_pool'").fetchall())
    assert slots == dict.fromkeys(needed, 1) | {"source_dc1_wms": 0}


def test_nobody_is_judged_before_a_scheduler_ran(metadata: psycopg.Connection) -> None:
    assert standstill(metadata) == ""


def test_a_working_scheduler_is_left_alone(metadata: psycopg.Connection) -> None:
    dead, now = scheduler(metadata, silent_s=500), scheduler(metadata, silent_s=3)
    task(metadata, "running", now, waited_s=3000)  # slow
    task(metadata, "queued", now, waited_s=20)
    task(metadata, "scheduled", now, waited_s=3000)  # waits for its pool
    task(metadata, "queued", dead, waited_s=500)  # taken over in the scheduler's own time
    assert standstill(metadata) == ""


def test_tasks_that_no_worker_takes_are_a_standstill(metadata: psycopg.Connection) -> None:
    now = scheduler(metadata)
    task(metadata, "queued", now, waited_s=61)
    task(metadata, "queued", now, waited_s=90)
    assert standstill(metadata) == "had 2 tasks that no worker took for 60 s"


def test_silence_is_a_standstill(metadata: psycopg.Connection) -> None:
    scheduler(metadata, silent_s=125)
    assert standstill(metadata).startswith("was silent for 12")


def test_a_slow_machine_is_no_standstill(metadata: psycopg.Connection) -> None:
    now = scheduler(metadata)
    task(metadata, "queued", now, waited_s=90)
    task(metadata, "running", now, waited_s=90)
    assert standstill(metadata) != ""
    metadata.execute("update task_instance set start_date = now() - interval '40 s' where state = 'running'")
    assert standstill(metadata) == ""
