"""One Tryton for a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.targets.tryton.installation import Installation, running

from syncline.warehouse import embedded


@pytest.fixture(scope="session")
def installation(server: embedded.Server) -> Iterator[Installation]:
    """A running Tryton with its seeds; skipped with the reason where it cannot be installed."""
    with running(server) as started:
        yield started
