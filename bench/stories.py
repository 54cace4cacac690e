"""What a warehouse tells, as rows of ``raw.facts`` in COPY's text form: seeded, integer arithmetic only, fast.

The mix follows the demo: orders are allocated, shipped, stock received, put on hold or written off, now and then
counted; some events are told twice. Counts and the hybrid site's 846 agree with the movements before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench.network import acme_ref, beta_ref, sku

MEASURES = ("on_hand", "allocated", "damaged", "quarantined")
EDI_CODES = ("17", "27", "74", "QH")  # of MEASURES, in their order
OPENING = (500, 40, 0, 0)
ITEM_STRIDE = 7_368_787  # a prime: neighbours in time are not neighbours among the items
ID_FACTOR = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276B  # odd, so distinct numbers give distinct ids, spread like hashes
ID_MASK = (1 << 160) - 1
LCG_FACTOR, LCG_STEP, LCG_MASK = 6_364_136_223_846_793_005, 1_442_695_040_888_963_407, (1 << 64) - 1
PAGE_FACTS = 500  # facts in a document

RETRY_EVERY = 100

Stock = list[list[int]]  # units by measure (order of MEASURES), then item
Told = tuple[str, int, int, int, str]  # kind, item, index of the measure, quantity, prefix of the event key


def opening_stock(items: int) -> Stock:
    return [[units] * items for units in OPENING]


def fact_id(source_no: int, instant_ms: int, line: int) -> str:
    """40 hex digits; unique for source, millisecond and line (< 2**24)."""
    return f"{((source_no << 80 | instant_ms << 24 | line) * ID_FACTOR) & ID_MASK:040x}"


def written(instant_ms: int) -> str:
    """``2026-11-02T10:00:00.123Z``"""
    seconds, ms = divmod(instant_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


@dataclass
class Chunk:
    """Facts of one load, still without its number: everything before and after the load id of each row."""

    source: str
    feed: str
    received_ms: int
    rows: list[tuple[str, str]] = field(default_factory=list)

    def text(self, load_id: int) -> tuple[str, list[str]]:
        """The rows as COPY text, and the ids of their documents (one per PAGE_FACTS facts)."""
        received = written(self.received_ms)
        lines, documents = [], []
        for first in range(0, len(self.rows), PAGE_FACTS):
            document = fact_id(99, self.received_ms, load_id << 10 | first // PAGE_FACTS)
            documents.append(document)
            middle = f"\t{load_id}\t{document}\t{self.source}\t{self.feed}\tbench 1\t{received}\t"
            lines += [f"{key}{middle}{rest}\n" for key, rest in self.rows[first : first + PAGE_FACTS]]
        return "".join(lines), documents


COLUMNS = (
    "fact_id, load_id, document_id, source, feed, reading, received_at, position, kind, item_ref, location_ref, "
    "status_ref, uom, quantity, recorded, line_key, event_key, sequence, correlation_id"
)


@dataclass
class Warehouse:
    """One site with a WMS: its stock, and the facts it tells about ``items`` in the order of posting."""

    source_no: int
    source: str
    site: str
    items: Sequence[int]  # numbers of the SKUs it moves
    stock: Stock
    state: int  # of the generator

    def openings(self, at_ms: int) -> Chunk:
        """A count of every measure of every item, all posted within a second."""
        chunk = Chunk(self.source, "api", at_ms + 2_000)
        for index, item in enumerate(self.items):
            for measure, name in enumerate(MEASURES):
                line = index * 4 + measure
                event = f"{self.site}-{at_ms + line // 400}-{line}"
                chunk.rows.append(
                    (
                        fact_id(self.source_no, at_ms, line),
                        f"opening\tbalance\t{sku(item)}\t{self.site}\t{name}\tEA\t{self.stock[measure][item]}\t"
                        f"{written(at_ms + line // 400)}\t{event}/1\t{event}/1\t{line + 1}\tT-{event}",
                    )
                )
        return chunk

    def day(self, start_ms: int, step_ms: int, facts: int, every_ms: int) -> Iterator[Chunk]:
        """Exactly ``facts`` facts, an event each ``step_ms``, in loads of ``every_ms``."""
        now_ms, end_ms, left = start_ms, start_ms + every_ms, facts
        chunk = Chunk(self.source, "api", end_ms)
        second, prefix = -1, ""
        shipment: tuple[str, list[Told]] | None = None
        while left > 0:
            if now_ms >= end_ms:
                if chunk.rows:
                    yield chunk
                end_ms = now_ms + every_ms
                chunk = Chunk(self.source, "api", end_ms)
            if now_ms // 1000 != second:
                second = now_ms // 1000
                prefix = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}."
            recorded = f"{prefix}{now_ms % 1000:03d}Z"
            event = f"{self.site}-{now_ms}"
            transaction = f"T-{event}"
            if shipment and now_ms // step_ms % RETRY_EVERY == 0 and left > 1:
                transaction, told = shipment  # the WMS tells its last shipment again, under a new event id
            else:
                told = self._event(left)
                if len(told) == 2:
                    shipment = (transaction, told)
            for line, (kind, item, measure, quantity, key) in enumerate(told):
                event_key = f"{key}{event}" if key else f"{transaction}/{line // 2 + 1}"
                chunk.rows.append(
                    (
                        fact_id(self.source_no, now_ms, line),
                        f"events[{line}]\t{kind}\t{sku(item)}\t{self.site}\t{MEASURES[measure]}\tEA\t{quantity}\t"
                        f"{recorded}\t{event}/{line // 2 + 1}\t{event_key}\t{now_ms}\t{transaction}",
                    )
                )
            left -= len(told)
            now_ms += step_ms
        if chunk.rows:
            yield chunk

    def _event(self, left: int) -> list[Told]:
        """The next event's facts, already in ``stock``."""
        self.state = (self.state * LCG_FACTOR + LCG_STEP) & LCG_MASK
        dice, chance = self.state >> 40, (self.state >> 33) % 100
        item = self.items[dice * ITEM_STRIDE % len(self.items)]
        on_hand, allocated, damaged, quarantined = self.stock
        quantity = 1 + dice % 5
        if chance < 3:
            return [("balance", item, 0, on_hand[item], "")]
        if chance < 45 and allocated[item] >= quantity <= on_hand[item] and left > 1:
            on_hand[item] -= quantity
            allocated[item] -= quantity
            return [("movement", item, 0, -quantity, ""), ("movement", item, 1, -quantity, "")]
        if chance < 55 or on_hand[item] < 50:
            on_hand[item] += 12 * quantity
            return [("movement", item, 0, 12 * quantity, "")]
        if chance < 57:
            of_which, number = (damaged, 2) if chance == 55 else (quarantined, 3)
            of_which[item] += 1
            return [("movement", item, number, 1, "")]
        allocated[item] += quantity
        return [("movement", item, 1, quantity, "alloc:O-")]


@dataclass
class Partner:
    """A 3PL that sends an 846 of every item: four quantities each, as of a local minute without a zone."""

    source_no: int
    source: str
    location_ref: str
    utc_offset_h: int
    items: int
    stock: Stock

    def advice(self, as_of_ms: int, received_ms: int, wrong_every: int) -> Chunk:
        """One file; every ``wrong_every``-th on-hand number is one too high (0: none)."""
        ref = {"acme_3pl": acme_ref, "beta_3pl": beta_ref}[self.source]
        local = datetime.fromtimestamp(as_of_ms // 1000 + self.utc_offset_h * 3600, UTC)
        recorded, reference = f"{local:%Y-%m-%dT%H:%M}", f"{self.location_ref}-{as_of_ms // 60_000}"
        chunk = Chunk(self.source, "edi", received_ms)
        for item in range(self.items):
            for measure, code in enumerate(EDI_CODES):
                units = self.stock[measure][item]
                if measure == 0 and wrong_every and (item + as_of_ms // 60_000) % wrong_every == 0:
                    units += 1
                key = f"{reference}/{item + 1}/{code}"
                chunk.rows.append(
                    (
                        fact_id(self.source_no, as_of_ms, item * 4 + measure),
                        f"LIN {item + 1}\tbalance\t{ref(item)}\t{self.location_ref}\t{code}\tEA\t{units}\t"
                        f"{recorded}\t{key}\t{self.source}/{key}\t\\N\t{reference}",
                    )
                )
        return chunk
