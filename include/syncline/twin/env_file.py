"""The file that tells every other process where the twin listens: ``NAME='value'`` lines a shell can source."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from syncline.twin.sftp_server import Account, SftpDrop

HOST = "127.0.0.1"


def http_connection(port: int, token: str) -> str:
    return json.dumps({"conn_type": "http", "host": HOST, "port": port, "schema": "http", "password": token})


def sftp_connection(account: Account, drop: SftpDrop) -> str:
    extra = {"private_key": account.private_key, "host_key": drop.host_key}
    return json.dumps({"conn_type": "sftp", "host": HOST, "port": drop.port, "login": account.user, "extra": extra})


def write_env(path: Path, values: dict[str, str]) -> None:
    """Write atomically with mode 0600: the lines hold tokens and private keys."""
    temporary = path.with_name(f"{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.writelines(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    temporary.rename(path)


def read_env(path: Path) -> dict[str, str]:
    """The values of a file that ``write_env`` wrote."""
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, quoted = line.partition("=")
        values[name] = shlex.split(quoted)[0]
    return values
