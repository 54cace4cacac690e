"""Sources that share a partner share the number of connections it allows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from loopback_sftp import SftpServer
from polls import poll
from tests.sources.sftp_edi.test_pull import Drop, an_846

from syncline.errors import RetryableError
from syncline.registry import Source
from syncline.sources.sftp_edi import partner_slot
from syncline.warehouse.connect import connect_dsn


@pytest.fixture
def others(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Any:
    opened = [connect_dsn(warehouse_dsn("loader")) for _ in range(3)]
    yield opened
    for each in opened:
        each.close()


def of_partner(source: Source, name: str, connections_max: int = 1) -> Source:
    rules = source.file_rules.model_copy(update={"connections_max": connections_max})
    return source.model_copy(update={"name": name, "conn_id": "shared", "files": rules, "timeout_s": 1})


@pytest.mark.parametrize("connections_max", [1, 2])
def test_no_more_than_the_partner_allows(
    loader: psycopg.Connection, others: Any, source: Source, connections_max: int
) -> None:
    sources = [of_partner(source, f"site_{number}", connections_max) for number in range(3)]
    held = [partner_slot(conn, each) for conn, each in zip(others[:connections_max], sources, strict=False)]
    for slot in held:
        slot.__enter__()
    refused = pytest.raises(RetryableError, match=rf"site_2: all {connections_max} SFTP connection\(s\) of 'shared'")
    with refused as caught, partner_slot(loader, sources[2]):
        pytest.fail("it got a slot that is not there")
    assert caught.value.retry_after_s == 5
    assert "connections_max" in caught.value.next_step
    with partner_slot(loader, source.model_copy(update={"timeout_s": 1})):
        pass  # another connection id is another partner
    held.pop().__exit__(None, None, None)
    with partner_slot(loader, sources[2]):
        pass
    for slot in held:
        slot.__exit__(None, None, None)


def test_the_slot_of_a_dead_process_is_free(loader: psycopg.Connection, others: Any, source: Source) -> None:
    shared = of_partner(source, "site_1")
    held = partner_slot(others[0], shared)
    held.__enter__()
    others[0].close()
    with partner_slot(loader, shared):
        pass
    held.__exit__(None, None, None)  # its own end is quiet: there is nothing to free any more


def test_the_second_source_waits_for_the_first(
    loader: psycopg.Connection, others: Any, source: Source, partner: SftpServer
) -> None:
    """Two sources of one partner polled at one time: both are done, and never two connections at once."""
    drop = Drop(partner.root)
    (partner.root / "second").mkdir()
    drop.put("a.edi", an_846(1))
    drop.put("b.edi", an_846(2)).rename(partner.root / "second" / "b.edi")
    first, second = (of_partner(source, name).model_copy(update={"timeout_s": 20}) for name in ("site_1", "site_2"))
    second = second.model_copy(update={"files": second.file_rules.model_copy(update={"inbox": "second"})})
    done: dict[str, Any] = {}
    free = threading.Event()

    def later() -> None:
        free.set()
        done["second"] = poll(others[1], partner, second)

    with partner_slot(others[0], first):
        waiting = threading.Thread(target=later)
        waiting.start()
        assert free.wait(10)
        waiting.join(1)
        assert waiting.is_alive(), "it connected beside the one that held the slot"
    waiting.join(30)
    assert done["second"].facts == 1
    assert poll(loader, partner, first).facts == 1
