"""Keep the log closed: seal the rest, write the newest seal outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.audit import anchor, keys
from syncline.audit.seal import last_seal, seal_rest
from syncline.errors import ConnectionUndefined

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.connections import Connection

    Connect = Callable[[str], Connection]


@dataclass(frozen=True)
class Kept:
    """``leaves`` of the seal this call made; ``seal_no`` the newest; ``sink`` where anchors go."""

    leaves: int
    seal_no: int | None
    sink: str


def signer_from(connect: Connect, home: Path) -> keys.Signer:
    """The key of connection ``audit_key``, else of this installation."""
    given = _optional(connect, keys.CONNECTION)
    return keys.signer(home, given.password if given else None)


def keep(conn: psycopg.Connection, signer: keys.Signer, at: datetime, connect: Connect, home: Path) -> Kept:
    """Seal what is not sealed; then write the newest seal to the sink.

    In this order: what the sink cannot take today is sealed all the same, and the next run writes a newer seal.

    Raises:
        PartnerUnavailable: the sink does not take the anchor.
        ConfigurationError: its connection is wrong.
    """
    sealed = seal_rest(conn, signer, at)
    newest = last_seal(conn)
    with open_sink(connect, home) as sink:
        anchor.write_anchor(conn, sink, at)
        return Kept(sealed.seal.leaves if sealed else 0, newest.seal_no if newest else None, sink.name)


@contextmanager
def open_sink(connect: Connect, home: Path) -> Iterator[anchor.Sink]:
    """Connection ``audit_anchor``: SFTP, or the ``path`` of a folder; else ``audit/anchors`` of this installation."""
    given = _optional(connect, anchor.CONNECTION)
    if given is None:
        yield anchor.FolderSink(home / "audit" / "anchors")
    elif given.conn_type in ("sftp", "ssh"):
        from syncline.sources.sftp_edi.client import open_sftp

        with open_sftp(given, anchor.TIMEOUT_S) as sftp:
            yield anchor.SftpSink(sftp, anchor.folder_of(given), given.host)
    else:
        yield anchor.FolderSink(Path(anchor.folder_of(given)))


def _optional(connect: Connect, conn_id: str) -> Connection | None:
    """Neither connection must be there; one that is there and cannot be read is an error."""
    try:
        return connect(conn_id)
    except ConnectionUndefined:
        return None
