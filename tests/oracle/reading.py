"""The oracle's reading of scenario facts: time as an interval, roles, exact units, quarantine (semantics §1-§3).

Written from the semantics page alone; it shares no code with the product. Instants are integers, microseconds since
1970; an interval is half-open, a point is one microsecond long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.deciding import write_offs

SECOND = 1_000_000
FOREVER = 10**18
WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(Z|[+-]\d\d:\d\d)?")
PRIMARY, APPLYING, SECONDARY, OBSERVER = 4, 3, 2, 1
MEASURES = {"on_hand", "allocated", "damaged", "quarantined", "in_transit", "consigned", "available", "provisional"}


@dataclass(frozen=True)
class Fact:
    """A fact as the rules see it. ``amounts``: base quantity under each unit factor in force, the first at ``from``.

    ``factors``: the unit and the days those factors begin. ``owner_lag``: how late the primary at ``from`` may post.
    ``named``: lot and owner as the source names them; ``lot``: the fourth part of the key (semantics §13).
    """

    id: str
    source: str
    kind: str
    item: str
    location: str
    measure: str
    named: str
    lot: str
    grain: str
    is_coarser: bool
    is_finer: bool
    is_part: bool
    amounts: tuple[int, ...]
    factors: tuple[str, ...]
    said: tuple[int, int]
    start: int
    end: int
    window_start: int
    window_end: int
    received: int
    line_key: str
    event_key: str
    revision: int
    cancel: bool
    sequence: int | None
    role: int
    has_lag: bool
    owner_lag: int
    disposition: str | None
    serves: str | None
    is_final: bool
    due: int | None
    base_uom: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.item, self.location, self.measure, self.lot)

    @property
    def body(self) -> tuple[Any, ...]:
        lot = self.lot if self.kind == "movement" else self.named
        amount = 0 if self.cancel else self.amounts[0]
        return (self.kind, self.item, lot, amount, self.cancel, self.said if self.kind == "balance" else None)

    @property
    def stock(self) -> tuple[str, str]:
        return (self.item, self.lot if self.kind == "movement" else self.named)

    def without_sequence(self) -> Fact:
        return replace(self, sequence=None)


def micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def local_readings(wall: datetime, zone: ZoneInfo) -> list[int]:
    """Every instant that shows ``wall``: none where daylight saving skips it, two where it repeats it."""
    found = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(micros(i) for i in found if i.astimezone(zone).replace(tzinfo=None) == wall)


def first_instant_of_day(day: date, zone: ZoneInfo) -> int:
    wall = datetime.combine(day, datetime.min.time())
    while not (readings := local_readings(wall, zone)):
        wall += timedelta(minutes=1)
    return readings[0]


def written(text: str, zone: ZoneInfo) -> tuple[int, int] | None:
    """[from, to) of a written time; None when daylight saving skips it."""
    parsed = WRITTEN.fullmatch(text)
    assert parsed is not None, text
    day, hour, minute, second, fraction, offset = parsed.groups()
    if hour is None:
        first = date.fromisoformat(day)
        return first_instant_of_day(first, zone), first_instant_of_day(first + timedelta(days=1), zone)
    wall = datetime.fromisoformat(f"{day}T{hour}:{minute}:{second or '00'}")
    wall += timedelta(microseconds=int((fraction or "0").ljust(6, "0")[:6]))
    length = 60 * SECOND if second is None else SECOND if fraction is None else 1
    if offset is not None:
        instant = micros(datetime.fromisoformat(wall.isoformat() + offset.replace("Z", "+00:00")))
        return instant, instant + length
    readings = local_readings(wall, zone)
    return (readings[0], readings[-1] + length) if readings else None


def said_interval(recorded: str | dict[str, str], zone: ZoneInfo) -> tuple[int, int] | None:
    if isinstance(recorded, str):
        return written(recorded, zone)
    start, end = written(recorded["from"], zone), written(recorded["to"], zone)
    return None if start is None or end is None else (start[0], max(end[0], start[0] + 1))


class Network:
    """Roles, grain and units of one scenario network."""

    def __init__(self, network: dict[str, Any]) -> None:
        self.items = network["items"]
        self.locations = network["locations"]
        self.sources = {**network["sources"], "operator": {}}
        # A channel is an observer of stock whatever a rule says: its rules say nothing.
        self.rules = [
            rule for rule in network.get("ownership") or [] if self.sources[rule["source"]].get("system") != "shop"
        ]

    def _span(self, rule: dict[str, Any]) -> tuple[int, int]:
        ends = [rule.get(name) for name in ("valid_from", "valid_to")]
        start, end = (micros(datetime.fromisoformat(v)) if v else None for v in ends)
        return (-FOREVER if start is None else start, FOREVER if end is None else end)

    def _active(
        self, measure: str, location: str, item_class: str, at: int
    ) -> list[tuple[tuple[int, int], dict[str, Any]]]:
        """(specificity, rule) of the rules that hold at an instant; location before item class."""
        found = []
        for rule in self.rules:
            start, end = self._span(rule)
            place, klass = rule.get("location", "*"), rule.get("item_class", "*")
            fits = fnmatchcase(location, place) and klass in ("*", item_class) and rule["measure"] == measure
            if fits and start <= at < end:
                level = 2 if place == location else 0 if place == "*" else 1
                found.append(((level, int(klass != "*")), rule))
        return found

    def role_at(self, measure: str, location: str, item_class: str, source: str, at: int) -> int:
        active = self._active(measure, location, item_class, at)
        primary_level = max((level for level, rule in active if rule["role"] == "primary"), default=None)
        if any(lv == primary_level and r["role"] == "primary" and r["source"] == source for lv, r in active):
            return PRIMARY
        own = [(level, rule) for level, rule in active if rule["source"] == source]
        if not own:
            return OBSERVER
        rule = max(own, key=lambda pair: pair[0])[1]
        if rule["role"] != "secondary":
            return OBSERVER
        return APPLYING if rule.get("movements") == "apply" else SECONDARY

    def grain_at(self, measure: str, location: str, item_class: str, at: int) -> str:
        primaries = [p for p in self._active(measure, location, item_class, at) if p[1]["role"] == "primary"]
        return str(max(primaries, key=lambda pair: pair[0])[1].get("grain", "item")) if primaries else "item"

    def role_over(self, kind: str, cell: tuple[str, str, str], source: str, window: tuple[int, int]) -> int:
        """Where a window crosses a change of rules, a balance takes the weaker role and a movement the better one."""
        start, end = window
        moments = {start} | {m for rule in self.rules for m in self._span(rule) if start < m < end}
        roles = [self.role_at(*cell, source, moment) for moment in moments]
        return min(roles) if kind == "balance" else max(roles)

    def owner_lag_at(self, measure: str, location: str, item_class: str, at: int) -> int:
        owners = [s for s in self.sources if self.role_at(measure, location, item_class, s, at) == PRIMARY]
        return max((self.sources[s].get("lag_s", 0) * SECOND for s in owners), default=0)

    def amounts(
        self, item: str, uom: str, quantity: Fraction, location: str, span: tuple[int, int]
    ) -> list[tuple[str, Fraction]]:
        """The quantity in base units under each factor in force inside ``span``, by the day the factor begins.

        Empty when the unit is unknown.
        """
        known = self.items[item]
        factors = (known.get("units") or {}).get(uom)
        entries = factors if isinstance(factors, list) else [{"factor": factors}] if factors is not None else []
        zone = ZoneInfo(self.locations[location]["timezone"])
        entries = sorted(entries, key=lambda entry: entry.get("valid_from") or "")
        starts = [_midnight(entry.get("valid_from"), zone, -FOREVER) for entry in entries]
        # Without an end of its own an entry holds until the next one begins.
        following = [*starts[1:], FOREVER]
        ends = [_midnight(entry.get("valid_to"), zone, following[n]) for n, entry in enumerate(entries)]
        found = [
            (entry.get("valid_from") or "", quantity * Fraction(str(entry["factor"])))
            for entry, start, end in zip(entries, starts, ends, strict=True)
            if start < span[1] and span[0] < end
        ]
        return found or ([("", quantity)] if uom == known.get("base_uom", "EA") else [])


def _midnight(day: str | None, zone: ZoneInfo, otherwise: int) -> int:
    return first_instant_of_day(date.fromisoformat(day), zone) if day else otherwise


def read_facts(scenario: dict[str, Any]) -> dict[str, Fact | str]:
    """Facts by id; a fact that cannot be read as one is the text of its disposition."""
    network = Network(scenario["network"])
    facts = [*scenario["facts"], *write_offs(scenario)]
    receipts: dict[str, list[int]] = {}
    for entry in facts:
        receipts.setdefault(entry["id"], []).append(micros(datetime.fromisoformat(entry["received_at"])))
    entries = {entry["id"]: entry for entry in facts}
    return {name: read_fact(network, entry, receipts[name]) for name, entry in entries.items()}


def part_at(grain: str, lot: str, owner: str) -> str:
    """The fourth part of a key: what its grain asks for (semantics §13)."""
    return {"item": "", "owner": owner}.get(grain, lot)


def is_one_unit(kind: str, amounts: Iterable[int]) -> bool:
    """What a serial may say (semantics §12)."""
    return all((-1 if kind == "movement" else 0) <= amount <= 1 for amount in amounts)


def _due(written: str | None, zone: ZoneInfo) -> int | None:
    """A day is due when it is over, anything else at its first instant (semantics §11)."""
    said = written_or_none(written, zone)
    return None if said is None else said[1] if len(str(written)) == len("2026-05-04") else said[0]


def written_or_none(text: str | None, zone: ZoneInfo) -> tuple[int, int] | None:
    return written(text, zone) if text and WRITTEN.fullmatch(text) else None


def _is_no_release(kind: str, measure: str, amounts: tuple[int, ...], cancel: bool) -> bool:
    return measure == "provisional" and (kind == "balance" or (not cancel and amounts[0] <= 0))


def read_fact(network: Network, entry: dict[str, Any], receipts: list[int]) -> Fact | str:
    source, location, item, kind = entry["source"], entry["location"], entry["item"], entry["kind"]
    refusal = "test" if entry.get("test") else "quarantined"
    if item not in network.items or location not in network.locations or source not in network.sources:
        return refusal
    if entry["measure"] not in MEASURES:
        return refusal
    config = network.sources[source]
    zone = ZoneInfo(config.get("timezone") or network.locations[location]["timezone"])
    skew, lag = config.get("clock_skew_s", 0) * SECOND, config.get("lag_s", 0) * SECOND
    cancel, revision = bool(entry.get("cancel")), int(entry.get("revision", 1))
    said = said_interval(entry["recorded"], zone)
    credible = [r for r in receipts if said is not None and r >= said[0] - skew]
    if (
        said is None
        or not credible
        or (cancel and revision <= 1)
        or (kind == "movement" and entry["measure"] == "available")
    ):
        return refusal
    received = min(credible)
    start, end = said[0], max(said[0] + 1, min(said[1], received + skew))
    amounts = network.amounts(item, entry["uom"], Fraction(str(entry["quantity"])), location, (start, end))
    if cancel and amounts:
        amounts = [("", Fraction(0))]
    if not amounts or any(amount.denominator != 1 for _, amount in amounts):
        return refusal
    cell = (entry["measure"], location, network.items[item].get("item_class", "any"))
    grain = network.grain_at(*cell, start)
    lot, owner = str(entry.get("lot") or ""), str(entry.get("owner") or "")
    part = part_at(grain, lot, owner)
    is_coarser = grain != "item" and not part
    is_finer = (lot != "" and grain not in ("lot", "serial")) or (owner != "" and grain != "owner")
    bases = tuple(int(amount) for _, amount in amounts)
    if (
        (kind == "movement" and is_coarser)
        or (grain == "serial" and part and not cancel and not is_one_unit(kind, bases))
        or _is_no_release(kind, entry["measure"], bases, cancel)
    ):
        return refusal
    window = (start - skew - (lag if kind == "balance" else 0), end + skew)
    line_key = str(entry.get("line_key", entry["id"]))
    return Fact(
        id=entry["id"], source=source, kind=kind, item=item, location=location, measure=entry["measure"],
        named="\x1f".join((lot, owner)) if owner else lot, lot=part, grain=grain, is_coarser=is_coarser,
        is_finer=is_finer, is_part=False, amounts=bases,
        factors=(entry["uom"], *(day for day, _ in amounts)), said=said, start=start, end=end,
        window_start=window[0], window_end=window[1], received=received, line_key=line_key,
        event_key=str(entry.get("event_key", f"{source}/{line_key}")), revision=revision, cancel=cancel,
        sequence=entry.get("sequence"), has_lag=lag > 0, owner_lag=network.owner_lag_at(*cell, start),
        role=APPLYING if source == "operator" else network.role_over(kind, cell, source, window),
        disposition="test" if entry.get("test") else None, serves=entry.get("serves"),
        is_final=bool(entry.get("final")), due=_due(entry.get("due"), zone),
        base_uom=network.items[item].get("base_uom", "EA"),
    )  # fmt: skip
