"""Open a warehouse connection the way every part of Syncline expects it: autocommit, UTC, named, with timeouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from syncline.errors import WarehouseUnavailable

if TYPE_CHECKING:
    from syncline.connections import Connection

CONNECT_TIMEOUT_S = 10


def connect(connection: Connection) -> psycopg.Connection:
    """Open ``connection`` (see ``syncline.connections``).

    Raises:
        WarehouseUnavailable: no server, no database, or the login is refused; the password is not in the message.
    """
    return connect_dsn(connection.postgres_dsn(), name=connection.conn_id)


def connect_dsn(dsn: str, *, name: str = "warehouse") -> psycopg.Connection:
    """Open a ``postgresql://`` DSN; ``name`` says in errors and in ``pg_stat_activity`` who it is."""
    try:
        return psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name=f"syncline {name}",
            options="-c timezone=UTC -c idle_in_transaction_session_timeout=600s",
            keepalives_idle=30,
        )
    except psycopg.OperationalError as error:
        info = psycopg.conninfo.conninfo_to_dict(dsn)
        where = f"{info.get('host')}:{info.get('port')}/{info.get('dbname')} as {info.get('user')}"
        # libpq repeats host, database and user, and never the password.
        raise WarehouseUnavailable(
            f"Connection {name!r} to {where} failed: {' '.join(str(error).split())[:400]}",
            next_step="Start it with `syncline setup` (embedded), free its disk, or check the DSN and the server.",
            conn_id=name,
        ) from None
