"""What we change in dbt: two habits that cost more than a micro-batch.

Rollback: take the call of ``apply`` out of ``dbt.py``; nothing else depends on it.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Change dbt in this process. Safe to repeat."""
    from dbt.adapters.postgres.connections import PostgresConnectionManager
    from dbt_common.behavior_flags import BehaviorFlagRendered

    connections: Any = PostgresConnectionManager
    flag: Any = BehaviorFlagRendered
    # For each of its behaviour flags dbt asks which module declared it: `inspect.stack()` reads the source of every
    # caller and looks through every loaded module. With Airflow loaded that was half the time of a batch. The name is
    # only for a warning that we do not show.
    flag._default_source = staticmethod(lambda: "dbt.adapters")
    connections.release = _keep_open


def _keep_open(self: Any) -> None:
    """End the node's transaction and leave the thread its connection; dbt closes all of them when the run ends.

    dbt connects anew for each node: a handshake, a new backend, and cold caches of the catalogue.
    """
    import psycopg2
    from psycopg2.extensions import TRANSACTION_STATUS_IDLE

    connection = self.get_if_exists()
    if connection is None or connection.state != "open":
        return
    handle = connection.handle
    try:
        if handle.info.transaction_status == TRANSACTION_STATUS_IDLE:
            # dbt commits by a statement: the driver does not see it, and would not begin the next transaction. Its
            # rollback makes it look; one without a transaction would be a warning in the log of the server.
            with handle.cursor() as cursor:
                cursor.execute("begin")
        handle.rollback()
        connection.transaction_open = False
    except psycopg2.Error:
        # The connection is lost, and the server has rolled back. What the node has to say about it, its own statement
        # said; an error from here would take its place. The next node connects anew.
        self.close(connection)
