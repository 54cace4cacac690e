"""Factory of the ``ingest_<source>`` DAGs: one entry of the registry, one DAG, one task."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, task

from syncline.registry import source_pool
from syncline_airflow.schedules import RAW_LOADS, dag_defaults, every
from syncline_airflow.tags import Tag

if TYPE_CHECKING:
    from syncline.registry import Source

TIMEOUT = timedelta(minutes=3)
DOC = """
### Pull {name}

Reads what `{name}` ({kind}) has told since the last poll and lands it in `raw` as one closed load, together with
the cursor. A poll that finds nothing is *skipped*, so that no asset event wakes `resolve` for nothing.

**When red:** the log's last line says what and what next. Clearing is safe any number of times; the next poll
catches up by itself. Nothing else stops but the numbers this source owns: pool `{pool}` and a worker slot are its
own. To pause the source, set that pool to 0 slots.
"""


def build_ingest(source: Source) -> DAG:
    """The DAG that pulls ``source`` every ``poll_every_s`` real seconds."""
    with DAG(
        dag_id=f"ingest_{source.name}",
        description=f"Pull {source.name} into raw",
        schedule=every(source.poll_every_s),
        doc_md=DOC.format(name=source.name, kind=source.kind, pool=source_pool(source.name)),
        **dag_defaults(Tag.INGEST, Tag.STOPS_ONE_PARTNER, timeout=TIMEOUT),
    ) as dag:

        @task(outlets=[RAW_LOADS], pool=source_pool(source.name))
        def pull() -> dict[str, Any]:
            """Land what is new; skipped when nothing is."""
            from airflow.sdk.exceptions import AirflowSkipException

            result = pull_once(source.name)
            if result["load_id"] is None:
                raise AirflowSkipException(f"{source.name}: nothing new")
            return result

        pull()
    return dag


def pull_once(name: str) -> dict[str, Any]:
    """Pull the source ``name`` once; the counts of its PullResult."""
    from syncline.clock import clock_from_env
    from syncline.registry import load_registry
    from syncline_airflow.connections import connection, sftp, warehouse

    # Read again: the parsed DAG may be older than the file.
    source = load_registry().source(name)
    with warehouse("loader") as loader:
        if source.kind == "wms_api":
            from syncline.sources import wms_api

            with wms_api.open_client(connection(source.conn_id), source) as client:
                return wms_api.pull(loader, client, source, clock_from_env().now()).as_json()
        if source.kind == "erp_orders":
            from syncline.sources import erp_orders

            with erp_orders.open_client(connection(source.conn_id), source) as orders:
                return erp_orders.pull(loader, orders, source, clock_from_env().now()).as_json()
        from syncline.sources import sftp_edi

        with sftp_edi.partner_slot(loader, source), sftp(source.conn_id) as partner:
            # File times are the partner's real clock, whatever clock the product runs on.
            return sftp_edi.pull(loader, partner, source, clock_from_env().now(), server_now_s=time.time()).as_json()
