"""Fixtures shared by the tests that break real parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.breaking.raw_server import RawServer


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
