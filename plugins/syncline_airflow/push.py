"""Factory of the ``push_<target>`` DAGs: one entry of the registry, one DAG, one task."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, task

from syncline.registry import target_pool
from syncline_airflow.schedules import OUTBOX, READINGS, asset_or_every, dag_defaults
from syncline_airflow.tags import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from syncline.registry import Target
    from syncline.targets.contract import Adapter

TIMEOUT = timedelta(minutes=5)
DOC = """
### Correct {name}

Reads the change list of `{name}`, settles what it proves, sends the due corrections of `ops.outbox` and reads
again. The attempt is stored before the call and a retry sends the same id, so killing or clearing this task at any
moment changes the target once at most. Skipped when there was nothing to send and nothing new to think about.

**When red:** `{name}` is down or broke its contract; the log's last line says which. Nothing is lost: unknown
outcomes are proven or sent again by the next run. A refused login makes it red once (exception `push.login`), then
it is skipped until the connection changes. Other targets go on: pool `{pool}` and a worker slot are its own.
"""


def build_push(target: Target) -> DAG:
    """The DAG that corrects ``target``: after every release, and every ``poll_every_s`` real seconds."""
    with DAG(
        dag_id=f"push_{target.name}",
        description=f"Read {target.name} and send it the due corrections",
        schedule=asset_or_every([OUTBOX], target.poll_every_s),
        doc_md=DOC.format(name=target.name, pool=target_pool(target.name)),
        **dag_defaults(Tag.PUSH, Tag.STOPS_ONE_PARTNER, timeout=TIMEOUT),
    ) as dag:

        @task(outlets=[READINGS], pool=target_pool(target.name))
        def push() -> dict[str, int]:
            """Read, send, read; skipped when nothing moved."""
            from airflow.sdk import get_current_context
            from airflow.sdk.exceptions import AirflowSkipException

            from syncline.targets.governance.adapter import LanePaused

            try:
                counts = push_once(target.name, worker=str(get_current_context()["run_id"]))
            except LanePaused as paused:
                # The run that found the login refused is red, and its exception open: once is enough.
                raise AirflowSkipException(str(paused)) from None
            if not any(counts.values()):
                raise AirflowSkipException(f"{target.name}: nothing moved")
            return counts

        push()
    return dag


def push_once(name: str, worker: str) -> dict[str, int]:
    """Push the target ``name`` once; the counts of its run. ``worker`` holds the leases."""
    from syncline.clock import clock_from_env
    from syncline.registry import load_registry
    from syncline.targets.governance.adapter import governed
    from syncline.targets.policy import TargetPolicy
    from syncline.targets.references import Referenced
    from syncline.targets.workers import push_with
    from syncline_airflow.connections import connection, warehouse

    target, clock = load_registry().target(name), clock_from_env()

    @contextmanager
    def open_worker() -> Iterator[tuple[psycopg.Connection, Adapter]]:
        with (
            warehouse("publisher") as limits,
            governed(target, lambda: connection(target.conn_id), limits, clock, worker) as adapter,
            warehouse("publisher") as publisher,
            closing(Referenced(publisher, adapter, policy(adapter), clock)) as named,
        ):
            yield publisher, named

    def policy(adapter: Adapter) -> TargetPolicy:
        return TargetPolicy.of(target, adapter.capabilities)

    return push_with(target.workers, open_worker, policy, clock, worker)
