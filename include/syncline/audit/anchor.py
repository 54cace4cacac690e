"""The newest seal, written outside the warehouse: who holds an anchor can tell whether anything before it was changed.

A sink gets ``anchors.jsonl``, one line for each seal written there, never rewritten by us. A line is the statement, its
signature and the public key; ``syncline audit verify --anchor`` takes the file, or any copy of any line of it.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from syncline.audit.seal import last_seal
from syncline.audit.statement import canonical
from syncline.errors import ConfigurationError, PartnerUnavailable

if TYPE_CHECKING:
    from datetime import datetime

    import paramiko
    import psycopg

    from syncline.connections import Connection

CONNECTION = "audit_anchor"
FILE = "anchors.jsonl"
TIMEOUT_S = 30


class Sink(Protocol):
    """Where anchors go. ``name`` has no secret; ``append`` returns when the line is stored there."""

    name: str

    def append(self, line: str) -> None: ...


class FolderSink:
    """A folder of this machine or of a mounted share."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, f"folder {folder}"

    def append(self, line: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / FILE).open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise PartnerUnavailable(
                f"The anchor cannot be written to {self.folder}: {error.strerror}.",
                next_step=f"Mend the folder, or the path of connection {CONNECTION!r}; the next run tries again.",
            ) from None


class SftpSink:
    """A folder of an SFTP server, best one that lets us append and not rewrite."""

    def __init__(self, sftp: paramiko.SFTPClient, folder: str, host: str) -> None:
        self.sftp, self.path, self.name = sftp, str(PurePosixPath(folder) / FILE), f"sftp {host}/{folder}"

    def append(self, line: str) -> None:
        try:
            with self.sftp.open(self.path, "a") as file:
                file.write(line.encode())
        except (OSError, EOFError) as error:
            raise PartnerUnavailable(
                f"The anchor cannot be written to {self.name} ({type(error).__name__}).",
                next_step=f"Check the folder and the rights of connection {CONNECTION!r}; the next run tries again.",
            ) from None


def write_anchor(conn: psycopg.Connection, sink: Sink, at: datetime) -> int | None:
    """Write the newest seal to ``sink``, unless it has it; its number, None when nothing is to write.

    A crash between the sink and our note of it writes the line once more: the same line twice says the same.
    """
    newest = last_seal(conn)
    if newest is None:
        return None
    known = conn.execute(
        "select from ops.audit_anchors where sink = %s and seal_no = %s", (sink.name, newest.seal_no)
    ).fetchone()
    if known is not None:
        return None
    sink.append(anchor_line(conn, newest.seal_no))
    conn.execute(
        "insert into ops.audit_anchors (sink, seal_no, written_at) values (%s, %s, %s) on conflict do nothing",
        (sink.name, newest.seal_no, at),
    )
    return newest.seal_no


def anchor_line(conn: psycopg.Connection, seal_no: int) -> str:
    """What is written outside for a seal."""
    row = conn.execute(
        "select s.statement, s.signature, k.public_key from ops.audit_seals s join ops.audit_keys k using (key_id) "
        "where s.seal_no = %s",
        [seal_no],
    ).fetchone()
    assert row is not None
    return seal_line(*row)


def seal_line(statement: str, signature: bytes, public_key: bytes) -> str:
    """One line of ``anchors.jsonl`` and of an export's ``seals.jsonl``."""
    said = {
        "statement": statement, "signature": base64.b64encode(signature).decode(),
        "public_key": base64.b64encode(public_key).decode(),
    }  # fmt: skip
    return canonical(said) + "\n"


def folder_of(connection: Connection) -> str:
    """``path`` of the connection's extra."""
    path = connection.extra.get("path")
    if not isinstance(path, str) or not path:
        raise ConfigurationError(
            f"Connection {CONNECTION!r} has no `path` in its extra.", next_step="Name the folder for anchors there."
        )
    return path
