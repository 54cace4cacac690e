"""Deliveries to statements: what all baselines are given, so that they differ by their rules alone.

They read with the product's own readers: a record that breaks its contract, a file that is half, junk or empty, and a
code that no crosswalk knows are refused for all of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from syncline.edi import read_file
from syncline.sources.wms_api.mapping import facts_of
from syncline.twin.crosswalk import Crosswalk, StockKey
from syncline.twin.network import DEMO, Network

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from syncline.landing import Fact
    from syncline.twin.deliveries import Delivery

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Statement(NamedTuple):
    """One number about one measure of one key.

    ``units`` are base units, signed for a movement. ``own_ms`` is the source's own time: when it posted, or the first
    instant of the as-of as written. ``told`` numbers what is told: the same transaction line or the same line of the
    same document has the same number, however often and in whatever event or file it comes.
    """

    told: int
    source: str
    is_balance: bool
    is_file: bool
    key: StockKey
    measure: str
    units: int
    own_ms: int
    event_key: str


class Reader:
    """Reads deliveries in order. Holds the number of everything told so far, and nothing of the content."""

    def __init__(self, network: Network = DEMO) -> None:
        self._crosswalk = Crosswalk(network)
        self._sites = {site.wms: site.location for site in network.sites if site.wms}
        self._told: dict[tuple[str, str, str], int] = {}

    def read(self, delivery: Delivery) -> list[Statement]:
        source, content = delivery.source, delivery.content
        if isinstance(content, bytes):
            return self._statements(source, read_file(content, source=source, file=delivery.name).facts, is_file=True)
        return self._statements(source, facts_of(content, 0, self._sites[source]), is_file=False)

    def _statements(self, source: str, facts: Iterable[Fact], *, is_file: bool) -> list[Statement]:
        crosswalk, found = self._crosswalk, []
        written, own_ms = "", 0
        for fact in facts:
            if fact.kind is None or fact.is_test or fact.cancel:
                continue
            key, measure = crosswalk.key(source, fact), crosswalk.measure(source, fact)
            units = crosswalk.units(key.item, fact.uom, fact.quantity) if key else None
            if key is None or measure is None or units is None or fact.recorded is None:
                continue
            if fact.recorded != written:  # one message has one time: read it once
                written, own_ms = fact.recorded, instant_ms(fact.recorded, crosswalk.zones[source])
            event_key = fact.event_key or ""
            told = self._told.setdefault((source, event_key, measure), len(self._told))
            is_balance = fact.kind == "balance"
            found.append(Statement(told, source, is_balance, is_file, key, measure, units, own_ms, event_key))
        return found


def instant_ms(written: str, zone: ZoneInfo) -> int:
    """Epoch milliseconds of the first instant of ``written``; without a zone it is local time, a date its midnight."""
    at = datetime.fromisoformat(written)
    return ((at if at.tzinfo else at.replace(tzinfo=zone)) - EPOCH) // timedelta(milliseconds=1)
