"""Open an SFTP connection outside Airflow, with the host key checked (inside, the provider's hook does this)."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import paramiko

from syncline.errors import ConfigurationError, PartnerUnavailable

if TYPE_CHECKING:
    from syncline.connections import Connection

SSH_PORT = 22


@contextmanager
def open_sftp(connection: Connection, timeout_s: int) -> Iterator[paramiko.SFTPClient]:
    """An ``SFTPClient``; the connection's extra has ``host_key`` (``<type> <base64>``) and maybe ``private_key``.

    Raises:
        ConfigurationError: no or another host key, an unreadable private key, or the login is refused.
        PartnerUnavailable: the server does not answer.
    """
    key = _private_key(connection)
    with paramiko.SSHClient() as client:
        _expect(client, connection, _host_key(connection))
        yield _connected(client, connection, key, timeout_s)


def _expect(client: paramiko.SSHClient, connection: Connection, host_key: paramiko.PKey) -> None:
    port = connection.port or SSH_PORT
    host = connection.host if port == SSH_PORT else f"[{connection.host}]:{port}"
    client.get_host_keys().add(host, host_key.get_name(), host_key)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())


def _connected(
    client: paramiko.SSHClient, connection: Connection, key: paramiko.PKey | None, timeout_s: int
) -> paramiko.SFTPClient:
    port = connection.port or SSH_PORT
    where = f"{connection.conn_id} ({connection.host}:{port})"
    try:
        client.connect(
            connection.host, port, connection.login, connection.password or None, key,
            timeout=timeout_s, banner_timeout=timeout_s, auth_timeout=timeout_s, allow_agent=False, look_for_keys=False,
        )  # fmt: skip
        return client.open_sftp()
    except (paramiko.BadHostKeyException, paramiko.AuthenticationException) as error:
        raise ConfigurationError(
            f"SFTP {where}: the host key or the login is refused ({type(error).__name__}).",
            next_step="Compare `host_key`, login and `private_key` of the connection with what the partner gave.",
            conn_id=connection.conn_id,
        ) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise PartnerUnavailable(
            f"SFTP {where} does not answer ({type(error).__name__}).",
            next_step="Check the partner and the network; the next run tries again.",
            conn_id=connection.conn_id,
        ) from error


def _host_key(connection: Connection) -> paramiko.PKey:
    text = str(connection.extra.get("host_key", ""))
    try:
        kind, data = text.split()[:2]
        return paramiko.PKey.from_type_string(kind, base64.b64decode(data, validate=True))
    except (ValueError, IndexError, paramiko.SSHException, paramiko.UnknownKeyType):
        raise ConfigurationError(
            f"Connection {connection.conn_id!r} has no readable `host_key`, so the server cannot be told from another.",
            next_step="Put `<type> <base64>` of the partner's public host key into the connection's extra.",
            conn_id=connection.conn_id,
        ) from None


def _private_key(connection: Connection) -> paramiko.PKey | None:
    text = connection.extra.get("private_key")
    if not text:
        return None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text))
        except (paramiko.SSHException, ValueError):
            continue  # a key of another type; the error below covers a text that is none of them
    raise ConfigurationError(
        f"The `private_key` of connection {connection.conn_id!r} cannot be read.",
        next_step="Use an unencrypted Ed25519, ECDSA or RSA key in OpenSSH or PEM form.",
        conn_id=connection.conn_id,
    )
