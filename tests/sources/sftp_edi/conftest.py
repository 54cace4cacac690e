"""Fixtures of the SFTP tests; the server itself is in ``loopback_sftp.py`` beside this file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import psycopg
import pytest
from drop import Drop
from edi_partner import Partner
from loopback_sftp import ReadOnlyDrop, SftpServer
from openssh import OpenSsh, installed

from syncline.registry import FileRules, Source
from syncline.warehouse.connect import connect_dsn

SERVERS = [
    "asyncssh",
    pytest.param(
        "openssh",
        marks=pytest.mark.skipif(
            installed() is None, reason="openssh-server is not installed: apt install openssh-server"
        ),
    ),
]


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SftpServer | OpenSsh]:
    """One after the other: asyncssh and Debian's own OpenSSH."""
    (tmp_path / "drop" / "inbox").mkdir(parents=True)
    root = tmp_path / "drop"
    server = SftpServer(root) if request.param == "asyncssh" else OpenSsh(tmp_path / "sshd", root)
    yield server
    server.close()


@pytest.fixture(params=SERVERS)
def read_only(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SftpServer | OpenSsh]:
    """The same servers where a login may read and nothing else."""
    (tmp_path / "drop" / "inbox").mkdir(parents=True)
    root = tmp_path / "drop"
    server = SftpServer(root, ReadOnlyDrop) if request.param == "asyncssh" else OpenSsh(tmp_path / "sshd", root, "-R")
    yield server
    server.close()


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[SftpServer]:
    (tmp_path / "drop" / "inbox").mkdir(parents=True)
    server = SftpServer(tmp_path / "drop")
    yield server
    server.close()


@pytest.fixture
def drop(partner: SftpServer) -> Drop:
    return Drop(partner.root)


@pytest.fixture
def sftp(partner: SftpServer) -> paramiko.SFTPClient:
    return partner.connect()


@pytest.fixture
def source() -> Source:
    rules = FileRules(pattern="*.edi", settle_s=30, size_max_bytes=5_000)
    return Source(name="acme_3pl", kind="sftp_edi", timeout_s=5, files=rules)


@pytest.fixture
def in_place(source: Source) -> Source:
    """The same source where nothing may be moved."""
    return source.model_copy(update={"files": source.file_rules.model_copy(update={"claim": "in_place"})})


@pytest.fixture
def loader(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("loader")) as connection:
        yield connection


@pytest.fixture
def acme(loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop) -> Partner:
    return Partner(loader, sftp, source, drop)
