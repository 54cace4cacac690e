"""Factory of the ``deliver_<subscriber>`` DAGs: one entry of the registry, one DAG, one task."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, task

from syncline.registry import subscriber_pool
from syncline_airflow.schedules import OUTBOX, READINGS, asset_or_every, dag_defaults
from syncline_airflow.tags import Tag

if TYPE_CHECKING:
    from syncline.notices.channel import Channel
    from syncline.registry import Subscriber

TIMEOUT = timedelta(minutes=5)
DOC = """
### Tell {name} what happened

Sends `{name}` the events of `ops.events` that it subscribes to, at least once and in order within a subject. A repeat
has the same id, so killing or clearing this task loses nothing. Skipped when there is nothing to tell.

**When red:** its connection is wrong, or the warehouse is down; the log's last line says which. A receiver that does
not answer makes no red task: it is an open exception `subscriber_down`, and its events wait. Others go on: pool
`{pool}` and a worker slot are its own.
"""


def build_deliver(subscriber: Subscriber) -> DAG:
    """The DAG of ``subscriber``: after every release and push, and every ``poll_every_s`` real seconds."""
    with DAG(
        dag_id=f"deliver_{subscriber.name}",
        description=f"Tell {subscriber.name} what happened",
        schedule=asset_or_every([OUTBOX, READINGS], subscriber.poll_every_s),
        doc_md=DOC.format(name=subscriber.name, pool=subscriber_pool(subscriber.name)),
        **dag_defaults(Tag.DELIVER, Tag.STOPS_ONE_PARTNER, timeout=TIMEOUT),
    ) as dag:

        @task(pool=subscriber_pool(subscriber.name))
        def deliver() -> dict[str, int]:
            """Plan and send; skipped when there was nothing."""
            from airflow.sdk import get_current_context
            from airflow.sdk.exceptions import AirflowSkipException

            counts = deliver_once(subscriber.name, worker=str(get_current_context()["run_id"]))
            if not any(counts.values()):
                raise AirflowSkipException(f"{subscriber.name}: nothing to tell")
            return counts

        deliver()
    return dag


def deliver_once(name: str, worker: str) -> dict[str, int]:
    """Deliver to the subscriber ``name`` once; the counts of its run. ``worker`` holds the leases."""
    from syncline.clock import clock_from_env
    from syncline.notices.channel import SubscriberPolicy
    from syncline.notices.delivering import run_deliveries
    from syncline.registry import load_registry
    from syncline_airflow.connections import warehouse

    entry = load_registry().subscriber(name)
    with closing(_channel(entry)) as channel, warehouse("publisher") as publisher:
        return run_deliveries(publisher, SubscriberPolicy.of(entry), channel, clock_from_env(), worker)


def _channel(entry: Subscriber) -> Channel:
    from syncline.notices.opening import open_channel
    from syncline_airflow.connections import connection
    from syncline_airflow.mail import Mail

    found = connection(entry.conn_id)
    return Mail(entry, found) if entry.kind == "email" else open_channel(entry, found)
