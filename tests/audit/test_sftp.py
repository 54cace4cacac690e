"""The newest seal on a partner's SFTP server: appended there, and whoever may not write is told so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import asyncssh
import psycopg
import pytest
from tests.audit.conftest import AT, SIGNER, correct
from tests.sources.sftp_edi.loopback_sftp import ReadOnlyDrop, SftpServer

from syncline.audit.anchor import CONNECTION
from syncline.audit.export import export
from syncline.audit.keeping import Kept, keep
from syncline.audit.seal import last_seal
from syncline.audit.verify import read_anchor, verify
from syncline.connections import Connection
from syncline.errors import ConfigurationError, ConnectionUndefined, PartnerUnavailable


@contextmanager
def serving(root: Path, drop: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> Iterator[SftpServer]:
    (root / "proofs").mkdir(parents=True, exist_ok=True)
    server = SftpServer(root, drop)
    try:
        yield server
    finally:
        server.close()


def kept(log: psycopg.Connection, server: SftpServer, home: Path, minutes: int, **extra: str) -> Kept:
    def connect(conn_id: str) -> Connection:
        if conn_id != CONNECTION:
            raise ConnectionUndefined(f"no {conn_id}", next_step="none is needed")
        return server.connection(**extra)

    return keep(log, SIGNER, AT + timedelta(minutes=minutes), connect, home)


def test_what_lies_there_is_the_anchor_of_an_export(log: psycopg.Connection, tmp_path: Path) -> None:
    with serving(tmp_path / "partner") as server:
        told = [kept(log, server, tmp_path, minutes, path="proofs") for minutes in (10, 11)]
        correct(log, "later", "SKU-later")
        told.append(kept(log, server, tmp_path, 12, path="proofs"))
    assert [(each.leaves > 0, each.seal_no) for each in told] == [(True, 7), (False, 7), (True, 8)]
    anchor = tmp_path / "partner" / "proofs" / "anchors.jsonl"
    assert [line.seal.seal_no for line in read_anchor(anchor)] == [7, 8], "one more line, and the first still there"
    export(log, tmp_path / "day")
    done = verify(tmp_path / "day", anchor)
    assert (done.findings, done.anchored, done.unsealed) == ([], 8, 0)


@pytest.mark.parametrize(
    ("drop", "path", "found"), [(ReadOnlyDrop, "proofs", "Permission"), (asyncssh.SFTPServer, "nowhere", "NotFound")]
)
def test_a_server_that_does_not_take_it_is_tried_again(
    log: psycopg.Connection, tmp_path: Path, drop: type[asyncssh.SFTPServer], path: str, found: str
) -> None:
    with serving(tmp_path / "partner", drop) as server, pytest.raises(PartnerUnavailable, match=found) as caught:
        kept(log, server, tmp_path, 10, path=path)
    assert f"sftp 127.0.0.1/{path}" in str(caught.value)
    assert "OPENSSH" not in str(caught.value)
    newest = last_seal(log)
    assert newest is not None
    assert newest.seal_no == 7, "sealed all the same"
    with serving(tmp_path / "partner") as server:
        assert kept(log, server, tmp_path, 11, path="proofs").leaves == 0
    assert [line.seal.seal_no for line in read_anchor(tmp_path / "partner" / "proofs" / "anchors.jsonl")] == [7]


def test_a_connection_without_a_folder_is_refused(log: psycopg.Connection, tmp_path: Path) -> None:
    with serving(tmp_path / "partner") as server, pytest.raises(ConfigurationError, match="no `path`"):
        kept(log, server, tmp_path, 10)
