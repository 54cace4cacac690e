"""A small seeded network whose rules are edited at random while facts come in.

Names, codes, units, times and zones come from short lists, so that edits hit facts, spans touch and answers change.
The same seed gives the same facts and the same edits.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from syncline.config.check import check
from syncline.config.tables import TABLES, Row, Rows, parse_row
from syncline.errors import ConfigurationError

DAY = datetime(2026, 5, 4, tzinfo=UTC)
ITEMS = {"A": "fast", "B": "slow", "C": "fast"}
LOCATIONS = {"HUB": "UTC", "CHI": "America/Chicago", "CH2": "America/Chicago"}
SOURCES = {"wms": ("wms", 0), "tpl": ("3pl", 60), "erp": ("erp", 120), "shop": ("shop", 0)}
ITEM_REFS = ("A", "B", "C", "a-1", "X9")
LOCATION_REFS = ("HUB", "HUB", "HUB", "CHI", "CH2", "W1")
STATUS_REFS = ("on_hand",) * 12 + ("17", "17", "allocated", "avail")
UNITS = ("EA",) * 6 + ("CA", "CA", "TH", "PAL")
INSTANTS = ("", "2026-05-03T12:00:00Z", "2026-05-04T00:00:00Z", "2026-05-04T10:05:00Z", "2026-05-04T11:00:00Z",
            "2026-05-04T16:00:00Z", "2026-05-05T00:00:00Z")  # fmt: skip
DELAYS_S = (-90, -30, 0, 1, 60, 1800, 7200, 50000)
DAYS = ("", "2026-05-03", "2026-05-04", "2026-05-05")
SPACED = ("source", "item", "location", "item_ref", "location_ref", "status_ref", "fact_id", "line_key", "event_key")
PLACES = ("*", "C*", "?UB", "HUB", "CHI", "CH2")


@dataclass(frozen=True)
class Telling:
    """One receipt of a fact, as ``raw.facts`` takes it."""

    fact_id: str
    source: str
    received_at: str
    kind: str
    item_ref: str
    location_ref: str
    status_ref: str
    lot: str | None
    uom: str
    quantity: str
    recorded: str
    line_key: str
    event_key: str
    revision: int
    cancel: bool
    sequence: int | None
    is_test: bool


class World:
    """``rows`` is its configuration; ``told`` every fact told so far.

    Many worlds share one database: ``spaced_rows`` and ``spaced`` put the world's name before every name and code, so
    that no key, event or rule of one meets another's, and an edit is alone in its world.
    """

    def __init__(self, seed: int) -> None:
        self.seed, self.name = seed, f"{seed:04d}"
        self.chance = random.Random(seed)
        self.told: list[Telling] = []
        self.rows = _first_rows()

    def spaced_rows(self) -> Rows:
        return {
            table: [{c: self._spaced(v) if c in SPACED and v != "*" else v for c, v in row.items()} for row in rows]
            if table != "ownership_rules"
            # `x|*` is any location of the world x.
            else [{c: self._spaced(v) if c in ("source", "location") else v for c, v in row.items()} for row in rows]
            for table, rows in self.rows.items()
        }

    def spaced(self, telling: Telling) -> Telling:
        return Telling(**{c: self._spaced(v) if c in SPACED else v for c, v in telling.__dict__.items()})

    def _spaced(self, name: Any) -> str:
        return f"{self.name}|{name}"

    # Facts ------------------------------------------------------------------------------------------------------
    def tell(self, count: int) -> list[Telling]:
        new = [self._telling(f"f{len(self.told) + index:04d}") for index in range(count)]
        self.told += new
        return new

    def _telling(self, name: str) -> Telling:
        pick = self.chance
        if self.told and pick.random() < 0.1:  # the same fact received again
            again = pick.choice(self.told)
            received = datetime.fromisoformat(again.received_at) + timedelta(minutes=pick.choice([-30, -1, 1, 45]))
            return Telling(**{**again.__dict__, "received_at": received.isoformat()})
        minutes = pick.choice([0, 0, 1, 5, 5, 30, 60, 61, 120, 360])
        instant = DAY + timedelta(days=pick.choice([-1, 0, 0, 0, 0]), hours=10, minutes=minutes)
        is_balance = pick.random() < 0.45
        source = pick.choices(list(SOURCES), weights=[10, 8, 3, 1])[0]
        values: dict[str, Any] = {
            "fact_id": name, "source": source, "kind": "balance" if is_balance else "movement",
            "received_at": (instant + timedelta(seconds=pick.choice(DELAYS_S))).isoformat(),
            "item_ref": pick.choice(ITEM_REFS), "location_ref": pick.choice(LOCATION_REFS),
            "status_ref": pick.choice(STATUS_REFS), "uom": pick.choice(UNITS),
            "lot": pick.choice(["L1", "L2"]) if pick.random() < 0.1 else None,
            "quantity": str(pick.choice([6, 9, 12, 10]) if is_balance else pick.choice([-3, -2, -1, 1, 3, 6])),
            "recorded": self._recorded(instant), "line_key": name, "event_key": f"{source}/{name}",
            "revision": 1, "cancel": False, "is_test": pick.random() < 0.02,
            "sequence": minutes + pick.choice([0, 0, 0, -200]) if pick.random() < 0.5 else None,
        }  # fmt: skip
        self._identity(values)
        return Telling(**values)

    def _recorded(self, instant: datetime) -> str:
        shape = self.chance.choice(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.250", "span"])
        if shape == "span":
            return f"{instant:%Y-%m-%dT%H:%M}Z/{instant + timedelta(minutes=30):%Y-%m-%dT%H:%M}Z"
        zone = "" if shape == "%Y-%m-%d" else self.chance.choice(["Z", "Z", "", "-05:00"])
        return instant.strftime(shape) + zone

    def _identity(self, values: dict[str, Any]) -> None:
        """Often its own line and event; sometimes one that was told before, revised, or taken back."""
        pick = self.chance
        if values["kind"] == "movement" and pick.random() < 0.35:
            values["event_key"] = pick.choice(["K1", "K2", "K3"])
        alike = [t for t in self.told if t.source == values["source"] and t.kind == values["kind"]]
        if alike and pick.random() < 0.25:
            earlier = pick.choice(alike)
            values["line_key"], values["location_ref"] = earlier.line_key, earlier.location_ref
            if pick.random() < 0.5:
                values["quantity"], values["uom"] = earlier.quantity, earlier.uom
        if pick.random() < 0.12:
            values["revision"] = pick.choice([2, 3])
            values["cancel"] = pick.random() < 0.3

    # Rules ------------------------------------------------------------------------------------------------------
    def edit(self) -> str:
        """Change one thing in ``rows`` so that they are still allowed; says what."""
        while True:
            name = self.chance.choice(list(EDITS))
            before = copy.deepcopy(self.rows)
            EDITS[name](self)
            try:
                check(self.rows)
            except ConfigurationError:
                self.rows = before
                continue
            if changed := _different(before, self.rows):
                return f"{name}: {changed}"

    def _crosswalk(self, table: str, ref: str, refs: tuple[str, ...], name: str, names: list[str]) -> None:
        pick, rows = self.chance, self.rows[table]
        what = pick.choice(["add", "add", "remove", "name", "span", "split"]) if rows else "add"
        row = pick.choice(rows or [{}])
        if what == "add":
            span = sorted(pick.sample(range(len(INSTANTS)), 2)) if pick.random() < 0.6 else [0, 0]
            rows.append(
                _row(
                    table, source=pick.choice(["*", *SOURCES]), **{ref: pick.choice(refs), name: pick.choice(names)},
                    valid_from=INSTANTS[span[0]], valid_to=INSTANTS[span[1]],
                )
            )  # fmt: skip
        elif what == "remove":
            rows.remove(row)
        elif what == "name":
            row[name] = pick.choice(names)
        elif what == "span":
            bound = pick.choice(["valid_from", "valid_to"])
            row[bound] = _row(table, **{**_texts(row), bound: pick.choice(INSTANTS)})[bound]
        else:
            middle = _row(table, **{**_texts(row), "valid_from": pick.choice(INSTANTS[1:])})
            middle[name] = pick.choice([middle[name], pick.choice(names)])
            row["valid_to"] = middle["valid_from"]
            rows.append(middle)

    def edit_items(self) -> None:
        self._crosswalk("item_crosswalk", "item_ref", ITEM_REFS, "item", list(ITEMS))

    def edit_locations(self) -> None:
        self._crosswalk("location_crosswalk", "location_ref", LOCATION_REFS, "location", list(LOCATIONS))

    def edit_statuses(self) -> None:
        pick, rows = self.chance, self.rows["status_crosswalk"]
        if rows and pick.random() < 0.4:
            rows.remove(pick.choice(rows))
        else:
            measure = pick.choice(["on_hand", "on_hand", "allocated", "damaged", "available"])
            key = (pick.choice(["*", "wms", "tpl"]), pick.choice(STATUS_REFS))
            rows[:] = [row for row in rows if (row["source"], row["status_ref"]) != key]
            rows.append(_row("status_crosswalk", source=key[0], status_ref=key[1], measure=measure))

    def edit_factors(self) -> None:
        pick, rows = self.chance, self.rows["unit_factors"]
        what = pick.choice(["factor", "split", "remove", "add", "span"]) if rows else "add"
        row = pick.choice(rows or [{}])
        factor = {"factor_num": pick.choice([1, 3, 4, 6, 12, 24]), "factor_den": pick.choice([1, 1, 1, 3])}
        if what == "factor":
            row.update(factor)
        elif what == "split":
            later = _row("unit_factors", **{**_texts(row), "valid_from": pick.choice(DAYS[1:])})
            later.update(pick.choice([{}, factor]))
            row["valid_to"] = later["valid_from"]
            rows.append(later)
        elif what == "remove":
            rows.remove(row)
        elif what == "add":
            rows.append(_row("unit_factors", item=pick.choice(list(ITEMS)), uom=pick.choice(UNITS), **factor))
        else:
            bound = pick.choice(["valid_from", "valid_to"])
            row[bound] = _row("unit_factors", **{**_texts(row), bound: pick.choice(DAYS)})[bound]

    def edit_source(self) -> None:
        pick = self.chance
        row = pick.choice(self.rows["sources"])
        field = pick.choice(["clock_skew_s", "clock_skew_s", "lag_s", "lag_s", "timezone", "system"])
        if field == "system" and row["source"] in ("erp", "shop"):
            row["system"] = pick.choice(["erp", "shop"])
        elif field == "timezone":
            row["timezone"] = pick.choice([None, "UTC", "Europe/Berlin", "America/Chicago"])
        elif field != "system":
            row[field] = pick.choice([0, 60, 300, 3600])

    def edit_zone(self) -> None:
        self.chance.choice(self.rows["locations"])["timezone"] = self.chance.choice(
            ["UTC", "America/Chicago", "Europe/Berlin", "Asia/Tokyo"]
        )

    def edit_item(self) -> None:
        row = self.chance.choice(self.rows["items"])
        if self.chance.random() < 0.7:
            row["item_class"] = self.chance.choice(["fast", "slow"])
        else:
            row["base_uom"] = self.chance.choice(["EA", "PAL", "CA"])

    def edit_ownership(self) -> None:
        pick, rows = self.chance, self.rows["ownership_rules"]
        what = pick.choice(["add", "add", "add", "remove", "change", "change", "span"]) if rows else "add"
        row = pick.choice(rows or [{}])
        if what == "add":
            span = sorted(pick.sample(range(len(INSTANTS)), 2)) if pick.random() < 0.5 else [0, 0]
            rows.append(
                _row(
                    "ownership_rules", measure=pick.choice(["on_hand", "on_hand", "on_hand", "allocated"]),
                    location=pick.choice(PLACES), item_class=pick.choice(["*", "*", "fast", "slow"]),
                    source=pick.choice(list(SOURCES)), role=pick.choice(["primary", "secondary", "observer"]),
                    grain=pick.choice(["item", "item", "item", "lot"]), movements=pick.choice(["", "", "apply"]),
                    valid_from=INSTANTS[span[0]], valid_to=INSTANTS[span[1]],
                )
            )  # fmt: skip
        elif what == "remove":
            rows.remove(row)
        elif what == "change":
            field, values = pick.choice(
                [
                    ("role", ["primary", "secondary", "observer"]),
                    ("movements", ["", "apply"]),
                    ("grain", ["item", "lot"]),
                ]
            )
            row[field] = pick.choice(values)
        else:
            bound = pick.choice(["valid_from", "valid_to"])
            row[bound] = _row("ownership_rules", **{**_texts(row), bound: pick.choice(INSTANTS)})[bound]


EDITS: dict[str, Callable[[World], None]] = {
    "item_crosswalk": World.edit_items,
    "location_crosswalk": World.edit_locations,
    "status_crosswalk": World.edit_statuses,
    "unit_factors": World.edit_factors,
    "sources": World.edit_source,
    "locations": World.edit_zone,
    "items": World.edit_item,
    "ownership_rules": World.edit_ownership,
}


def _first_rows() -> Rows:
    rows: Rows = {name: [] for name in TABLES}
    rows["sources"] = [
        _row("sources", source=name, system=system, feed="api", clock_skew_s=skew)
        for name, (system, skew) in SOURCES.items()
    ]
    rows["locations"] = [_row("locations", location=n, timezone=zone, region="any") for n, zone in LOCATIONS.items()]
    rows["items"] = [_row("items", item=name, base_uom="EA", item_class=kind) for name, kind in ITEMS.items()]
    rows["item_crosswalk"] = [_row("item_crosswalk", source="*", item_ref=name, item=name) for name in ITEMS]
    rows["location_crosswalk"] = [
        _row("location_crosswalk", source="*", location_ref=name, location=name) for name in LOCATIONS
    ]
    rows["status_crosswalk"] = [
        _row("status_crosswalk", source="*", status_ref=name, measure=name) for name in ("on_hand", "allocated")
    ]
    rows["unit_factors"] = [
        _row("unit_factors", item="A", uom="CA", factor_num=12),
        _row("unit_factors", item="A", uom="TH", factor_num=1, factor_den=3),
        _row("unit_factors", item="B", uom="CA", factor_num=4, valid_to="2026-05-04"),
        _row("unit_factors", item="B", uom="CA", factor_num=6, valid_from="2026-05-04"),
    ]
    rows["ownership_rules"] = [
        _row("ownership_rules", measure="on_hand", location="*", source="wms", role="primary", grain="item"),
        _row("ownership_rules", measure="on_hand", location="*", source="tpl", role="secondary", grain="item"),
        _row("ownership_rules", measure="allocated", location="*", source="wms", role="primary", grain="item"),
    ]
    return rows


def _row(table: str, **values: object) -> Row:
    texts = {name: "" if value is None else str(value) for name, value in values.items()}
    row: Row = parse_row(TABLES[table], texts, table)
    return row


def _texts(row: Row) -> Row:
    return {name: "" if value in ("-infinity", "infinity", None) else value for name, value in row.items()}


def _different(before: Rows, after: Rows) -> str:
    lines = []
    for name in TABLES:
        lines += [f"{name} - {row}" for row in before[name] if row not in after[name]]
        lines += [f"{name} + {row}" for row in after[name] if row not in before[name]]
    return "; ".join(lines)
