"""Fixtures of the WMS tests; the server itself is in ``loopback_wms.py`` beside this file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loopback_wms import WmsServer

from syncline.connections import Connection
from syncline.registry import Source
from syncline.sources.wms_api import WmsClient, open_client


@pytest.fixture
def wms() -> Iterator[WmsServer]:
    server = WmsServer()
    yield server
    server.close()


@pytest.fixture
def source() -> Source:
    return Source(name="dc1_wms", kind="wms_api", site="DC1", timeout_s=1, retries=2, overlap_s=120, page_limit=100)


@pytest.fixture
def client(wms: WmsServer, source: Source) -> Iterator[WmsClient]:
    connection = Connection("dc1_wms", "http", host="127.0.0.1", port=wms.port, password="secret-token")
    with open_client(connection, source) as opened:
        yield opened
