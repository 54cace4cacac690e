"""A simulated network through the real landing and the real resolve, without servers and as fast as both go.

Every ``poll_every_s`` of business the WMS logs are pulled page by page, with cursor and overlap, and the files that
appeared since are taken; every ``resolve_every_s`` what was landed is decided. Nothing is gated, released or pushed.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from syncline.config import apply, read_folder
from syncline.history.verdicts import record_verdicts
from syncline.home import project_root
from syncline.landing import Load, land
from syncline.registry import load_registry
from syncline.resolve import build, open_batch
from syncline.sources.sftp_edi.intake import FEED, read_file
from syncline.sources.wms_api.client import Page
from syncline.sources.wms_api.pull import pull
from syncline.sources.wms_api.records import read_records
from syncline.twin.compare import SETTLE_STEP_MS, begin
from syncline.twin.crosswalk import StockKey
from syncline.twin.replay import Change
from syncline.twin.seeds import RULES_OF_THE_PRODUCT, write_seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from syncline.config.tables import Rows
    from syncline.registry import Source
    from syncline.sources.wms_api.mapping import Key
    from syncline.twin.faults import Faults
    from syncline.twin.schedule import Day
    from syncline.twin.wms_log import WmsLog
    from syncline.twin.world import World

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POLL_EVERY_S = 300
RESOLVE_EVERY_S = 6 * 3600
CHANGED = """select item, location, sum(quantity)::bigint from canonical.balances
    where measure = 'on_hand' and (item, location) in (
      select item, location from canonical.balances where measure = 'on_hand' and batch_id = %s)
    group by item, location order by item, location"""
WIDTHS = """select location, quantity_hi - quantity_lo from canonical.balances
    where is_ambiguous and quantity_lo is not null order by location, item, measure, lot"""


@dataclass
class Fed:
    """What came of it: the world when all is quiet, what Syncline believed from when on, the widths (hi - lo) of
    ambiguous balances by location, one for each batch in which they were, and seconds of dbt."""

    world: World
    now_ms: int
    believed: list[Change] = field(default_factory=list)
    widths: dict[str, list[int]] = field(default_factory=dict)
    batches: int = 0
    dbt_s: float = 0.0


def feed(
    conn: psycopg.Connection,
    dsn: str,
    day: Day,
    faults: Faults,
    say: Callable[[str], None],
    resolve_every_s: int = RESOLVE_EVERY_S,
) -> Fed:
    """Live ``day`` and push what is told through the empty, migrated warehouse of ``conn`` and ``dsn`` (its owner).

    ``resolve_every_s``: a multiple of POLL_EVERY_S, so that polls and batches have instants in common.
    """
    with TemporaryDirectory(prefix="syncline-twin-") as name:
        folder = Path(name)
        write_seeds(folder / "seeds", day.network)
        for name in RULES_OF_THE_PRODUCT:
            shutil.copy(project_root() / "dbt_project" / "seeds" / name, folder / "seeds")
        apply(conn, _in_shadow(read_folder(folder / "seeds")), day.start, "twin")
        fed = Fed(begin(day, faults, folder / "partners"), day.start_ms)
        desk = _Desk(conn, fed.world)
        while not fed.world.is_quiet(fed.now_ms):
            fed.now_ms += POLL_EVERY_S * 1000 if fed.now_ms < day.end_ms else SETTLE_STEP_MS
            fed.world.advance(fed.now_ms)
            desk.take(fed.now_ms)
            if (fed.now_ms - day.start_ms) % (resolve_every_s * 1000) == 0:
                _resolve(conn, dsn, folder / "dbt", fed, say)
        _resolve(conn, dsn, folder / "dbt", fed, say)
    return fed


def _in_shadow(rows: Rows) -> Rows:
    """The same configuration, but no target is written to: what it would be sent is recorded."""
    for row in rows["subscriptions"]:
        row["mode"] = "shadow" if row["event"] == "books" else "off"
    return rows


def _resolve(conn: psycopg.Connection, dsn: str, target: Path, fed: Fed, say: Callable[[str], None]) -> None:
    batch = open_batch(conn, instant(fed.now_ms))
    if batch is None:
        return
    built = build(conn, dsn, batch.batch_id, target)
    record_verdicts(conn, batch.batch_id)
    conn.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))
    rows = conn.execute(CHANGED, (batch.batch_id,)).fetchall()
    fed.believed += [Change(fed.now_ms, StockKey(item, location), units) for item, location, units in rows]
    for location, width in conn.execute(WIDTHS):
        fed.widths.setdefault(location, []).append(width)
    fed.batches += 1
    fed.dbt_s += built.seconds
    hours = (fed.now_ms - fed.world.day.start_ms) / 3_600_000
    say(f"hour {hours:.0f}: {batch.loads} loads, {len(rows)} keys changed, dbt {built.seconds} s")


class _Desk:
    """Reads every source of the registry as its DAG would, at virtual instants."""

    def __init__(self, conn: psycopg.Connection, world: World) -> None:
        self._conn, self._world = conn, world
        self._sources = {source.name: source for source in load_registry().sources}
        self._taken = 0
        self._accepted: dict[tuple[str, str], str] = {}

    def take(self, now_ms: int) -> None:
        for site in self._world.day.network.sites:
            if site.wms:
                source = self._sources[site.wms]
                pages = _Pages(self._world.books.logs[site.location], source, now_ms)
                while not pull(self._conn, pages, source, instant(now_ms)).is_complete:
                    pass
        files = self._world.files[self._taken :]
        self._taken += len(files)
        for delivery in files:
            assert isinstance(delivery.content, bytes)
            digest = sha256(delivery.content).hexdigest()
            earlier = self._accepted.get((delivery.source, digest))
            source = self._sources[delivery.source]
            document, troubles = read_file(source, delivery.name, delivery.content, len(delivery.content), earlier)
            if document.status in ("accepted", "partial"):
                self._accepted[delivery.source, digest] = delivery.name
            land(self._conn, Load(source.name, FEED, instant(now_ms), [document], troubles=troubles))


class _Pages:
    """The pages of a log as a client would get them: bytes first, then records."""

    def __init__(self, log: WmsLog, source: Source, now_ms: int) -> None:
        self._log, self._source, self._now_ms = log, source, now_ms

    def page(self, after: Key) -> Page:
        since_ms = (after.posted_at - EPOCH) / timedelta(milliseconds=1)
        found, has_more = self._log.page(since_ms, after.event_id, self._source.page_limit, self._now_ms)
        content = json.dumps({"events": [posted.body for posted in found], "has_more": has_more}).encode()
        name = f"{self._log.site} after {after.posted_at.isoformat()} {after.event_id}"
        return Page(name, content, read_records(content, self._log.site))


def instant(at_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)
