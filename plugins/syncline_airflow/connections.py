"""Airflow connections become what the product takes: psycopg connections, connection records, SFTP clients.

Everything is resolved inside a running task, through Airflow and so through any secrets backend it uses.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from syncline.connections import Connection
from syncline.errors import ConfigurationError, ConnectionUndefined, PartnerUnavailable

if TYPE_CHECKING:
    import psycopg
    from paramiko.sftp_client import SFTPClient


def connection(conn_id: str) -> Connection:
    """The Airflow connection ``conn_id`` as the product's record.

    Raises:
        ConfigurationError: Airflow does not know it.
    """
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConnectionUndefined(
            f"Airflow has no connection {conn_id!r}.",
            next_step=f"Set AIRFLOW_CONN_{conn_id.upper()} or add it in Admin, Connections.",
            conn_id=conn_id,
        ) from None
    return Connection(
        conn_id=conn_id,
        conn_type=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        extra=found.extra_dejson,
    )


@contextmanager
def warehouse(role: str) -> Iterator[psycopg.Connection]:
    """An open connection of the warehouse role ``loader``, ``transformer``, ``publisher``, ``bi`` or ``owner``."""
    from syncline.warehouse.connect import connect

    with connect(connection(f"warehouse_{role}")) as opened:
        yield opened


@contextmanager
def sftp(conn_id: str) -> Iterator[SFTPClient]:
    """One SFTP session with host-key check (the provider refuses a connection without ``host_key``).

    Raises:
        PartnerUnavailable: the server cannot be reached, or the session broke.
        ConfigurationError: its host key is not the expected one, or the login is refused.
    """
    from socket import gaierror

    import paramiko
    from airflow.providers.sftp.hooks.sftp import SFTPHook
    from paramiko.ssh_exception import NoValidConnectionsError

    connection(conn_id)
    # Its thread logs a traceback of twenty red lines for what is raised here and said in one.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    try:
        with SFTPHook(ssh_conn_id=conn_id).get_managed_conn() as client:
            yield client
    except (paramiko.BadHostKeyException, paramiko.AuthenticationException) as error:
        raise ConfigurationError(
            f"SFTP {conn_id!r} refused: {type(error).__name__}.",
            next_step="Compare host_key and login of the connection with what the partner sent; do not retry blindly.",
            conn_id=conn_id,
        ) from None
    except (paramiko.SSHException, NoValidConnectionsError, gaierror, EOFError, ConnectionError, TimeoutError) as error:
        raise PartnerUnavailable(
            f"SFTP {conn_id!r} broke off: {type(error).__name__}: {error}.",
            next_step="The next poll tries again; ask the partner when it lasts.",
            conn_id=conn_id,
        ) from error
