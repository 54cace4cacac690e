"""Deliveries to statements: what all baselines are given, so that they differ by their rules alone.

They read with the product's own readers: a record that breaks its contract, a file that is half, junk or empty, and a
code that no crosswalk knows are refused for all of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from syncline.edi import read_file
from syncline.edi.partners import profile_named
from syncline.edi.profiles import STANDARD
from syncline.registry import load_registry
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
    instant of the as-of as written. ``told`` numbers what is told: the same transaction line, by a WMS or by a 3PL's
    document, or the same line of the same 846 has the same number, however often and wherever it comes.
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
        self._profiles = {each.name: each.file_rules.profile for each in load_registry().sources if each.files}
        self._told: dict[tuple[str, str, str], int] = {}

    def read(self, delivery: Delivery) -> list[Statement]:
        source, content = delivery.source, delivery.content
        if isinstance(content, bytes):
            profile = profile_named(self._profiles.get(source, STANDARD.name))
            found = read_file(content, source=source, file=delivery.name, profile=profile).facts
            return self._statements(source, found, is_file=True)
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
            event_key, is_balance = fact.event_key or "", fact.kind == "balance"
            # An event belongs to its place, whoever tells it; a balance is its source's word.
            told = self._told.setdefault((source if is_balance else key.location, event_key, measure), len(self._told))
            found.append(Statement(told, source, is_balance, is_file, key, measure, units, own_ms, event_key))
        return found


def instant_ms(written: str, zone: ZoneInfo) -> int:
    """Epoch milliseconds of the first instant of ``written``; without a zone it is local time, a date its midnight."""
    at = datetime.fromisoformat(written)
    return ((at if at.tzinfo else at.replace(tzinfo=zone)) - EPOCH) // timedelta(milliseconds=1)
