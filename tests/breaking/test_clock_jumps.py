"""Our clock jumps, or a partner's does: no event is lost, no poll is blinded, nothing lasts a negative time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.breaking.test_sftp_faults import SOURCE as FILES
from tests.breaking.test_sftp_faults import connection as file_connection
from tests.sources.sftp_edi.loopback_sftp import SftpServer
from tests.sources.sftp_edi.test_pull import Drop, an_846
from tests.sources.wms_api.loopback_wms import DAY, WmsServer, event

from syncline.clock import Clock, clock_from_env
from syncline.connections import Connection
from syncline.registry import Source
from syncline.sources import sftp_edi, wms_api
from syncline.sources.sftp_edi.client import open_sftp
from syncline.warehouse.connect import connect_dsn

NOON = DAY + timedelta(hours=12)
EPOCH_S = 1_800_000_000.0
MINUTE, A_DAY, A_YEAR = timedelta(minutes=1), timedelta(days=1), timedelta(days=365)
SOURCE = Source(
    name="dc1_wms", kind="wms_api", site="DC1", timeout_s=30, retries=0, overlap_s=120, page_limit=5, pages_max=2
)


@pytest.fixture
def loader(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("loader")) as connection:
        yield connection


class Site:
    """A WMS whose clock, and ours, a test sets. ``post`` posts one event now by the WMS's clock."""

    def __init__(self, wms: WmsServer, loader: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        self._wms = wms
        self._loader = loader
        self._monkeypatch = monkeypatch
        self.true = NOON
        self.theirs = self.ours = timedelta()
        self.posted = 0

    def post(self, count: int = 1) -> None:
        for _ in range(count):
            self.true += timedelta(seconds=1)
            self.posted += 1
            posted_at = (self.true + self.theirs).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._wms.events.append(event(self.posted, posted_at=posted_at))

    def now(self) -> datetime:
        """By ``SYNCLINE_CLOCK``, as a task reads it."""
        self._monkeypatch.setenv("SYNCLINE_CLOCK", Clock(self.true + self.ours, EPOCH_S, 1.0).spec())
        return clock_from_env().at(EPOCH_S)

    def poll(self, after: timedelta = MINUTE, **options: Any) -> Any:
        self.true += after
        partner = Connection("dc1_wms", "http", "127.0.0.1", self._wms.port, password="x")
        with wms_api.open_client(partner, SOURCE) as client:
            return wms_api.pull(self._loader, client, SOURCE, self.now(), **options)

    def polls(self, count: int) -> None:
        for _ in range(count):
            self.poll()

    def found(self) -> set[str]:
        rows = self._loader.execute("select distinct line_key from raw.facts where fault_code is null").fetchall()
        return {key for (key,) in rows}

    def wanted(self) -> set[str]:
        return {f"DC1-{number:08d}/1" for number in range(1, self.posted + 1)}

    def polled_at(self) -> datetime:
        row = self._loader.execute("select polled_at from ops.source_cursors").fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]


@pytest.fixture
def site(loader: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    wms = WmsServer()
    yield Site(wms, loader, monkeypatch)
    wms.close()


@pytest.mark.parametrize("jump", [A_DAY, -A_DAY, A_YEAR, -A_YEAR])
def test_our_clock_jumps_and_comes_back(site: Site, jump: timedelta) -> None:
    site.post(3)
    site.poll()
    site.ours = jump
    site.post(3)
    site.polls(2)
    assert site.found() == site.wanted(), "seen while the clock is wrong"
    site.ours = timedelta()
    site.post(3)
    site.polls(3)
    assert site.found() == site.wanted()
    # An age is now minus this: it must not be negative, or a silent source would look fresh for a day.
    assert site.polled_at() == site.true


@pytest.mark.parametrize("jump", [A_YEAR, timedelta(minutes=5), -A_YEAR])
def test_a_partner_that_was_always_wrong_is_read_to_its_newest(site: Site, jump: timedelta) -> None:
    site.theirs = jump
    for _ in range(4):
        site.post(6)
        site.polls(4)
        assert site.found() == site.wanted()


def test_a_partner_that_is_ahead_and_is_put_right(site: Site) -> None:
    site.post(3)
    site.poll()
    site.theirs = A_YEAR
    site.post(12)
    site.polls(3)
    site.theirs = timedelta()
    site.post(3)
    site.polls(4)
    assert site.found() == site.wanted()


def test_what_is_posted_in_an_outage_is_found_although_the_last_poll_ended_in_the_future(site: Site) -> None:
    site.post(3)
    site.theirs = A_YEAR
    site.post(20)
    assert not site.poll().is_complete  # the page limit stops it among the events of next year
    site.theirs = timedelta()
    site.post(2)
    site.true += timedelta(hours=3)  # we are away for longer than the overlap
    site.polls(6)
    assert site.found() == site.wanted()


def test_a_partner_that_went_back_is_read_again_from_where_a_person_says(site: Site) -> None:
    """Its API hides what it posts behind the cursor; nothing is lost there, and one pull brings it."""
    site.post(3)
    site.poll()
    site.theirs = -A_YEAR
    site.post(4)
    site.poll()
    site.theirs = timedelta()
    site.post(1)
    site.poll()
    assert site.wanted() - site.found() == {f"DC1-{number:08d}/1" for number in range(4, 8)}
    before = site.true
    site.poll(since=NOON - A_YEAR - A_DAY)
    site.polls(2)
    assert site.found() == site.wanted()
    assert site.polled_at() > before


@contextmanager
def drop_of(folder: Path) -> Iterator[tuple[SftpServer, Drop]]:
    (folder / "drop" / "inbox").mkdir(parents=True)
    server = SftpServer(folder / "drop")
    try:
        yield server, Drop(server.root)
    finally:
        server.close()


@pytest.mark.parametrize("seconds", [86_400, 365 * 86_400, 2**32 - 1 - 1_800_000_000, -(10**9)])
def test_a_file_from_another_year_is_landed_once_it_rests(
    loader: psycopg.Connection, tmp_path: Path, seconds: int
) -> None:
    with drop_of(tmp_path) as (server, drop):
        path = drop.put("a.edi", an_846(1))
        moment = max(0, min(time.time() + seconds, 2**32 - 1))
        os.utime(path, (moment, moment))
        for minute in range(2):
            with open_sftp(file_connection(server), 5) as sftp:
                now = NOON + minute * MINUTE
                sftp_edi.pull(loader, sftp, FILES, now, server_now_s=time.time())
        assert loader.execute("select name, state from ops.files").fetchall() == [("a.edi", "archived")]
        assert loader.execute("select count(*) from raw.facts").fetchone() == (1,)
        assert drop.names("archive") == ["a.edi"]
