"""Fixtures shared by the tests that break real parts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.breaking.raw_server import RawServer

# The sources' tests import the servers beside them by name.
sys.path[:0] = [str(Path(__file__).parents[1] / "sources" / folder) for folder in ("wms_api", "sftp_edi")]


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    """``serve(talk, …)`` starts a RawServer that is closed after the test."""
    servers: list[RawServer] = []

    def start(*talks: object, **options: object) -> RawServer:
        servers.append(RawServer(*talks, **options))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.close()
