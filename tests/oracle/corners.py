"""Seeded cases in the corners that ``generator.case`` seldom enters; each has one theme and few facts.

``corner(seed)`` has the shape of ``generator.case(seed)``, and the same seed gives the same case.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Case = dict[str, Any]
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MEASURES = ("on_hand", "damaged", "quarantined", "consigned", "allocated", "in_transit")
# A zone and an instant at which its clocks change; Havana changes at midnight, Lord Howe by half an hour.
CLOCK_CHANGES = (
    ("America/Chicago", "2026-03-08T08:00:00Z"), ("America/Chicago", "2026-11-01T07:00:00Z"),
    ("Europe/Berlin", "2026-03-29T01:00:00Z"), ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/Havana", "2026-03-08T05:00:00Z"), ("America/Havana", "2026-11-01T05:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"), ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
)  # fmt: skip
ON_HAND = {"measure": "on_hand", "location": "*"}


def corner(seed: int) -> Case:
    """One scenario without ``expect``; its theme is a function of the seed."""
    chance = random.Random(f"corner/{seed}")
    themes = sorted(THEMES)
    theme = themes[seed % len(themes)]
    network, facts = THEMES[theme](chance)
    facts.sort(key=lambda fact: (fact["received_at"], fact["id"]))
    return {"name": f"corner-{seed}", "doc": f"Generated; theme {theme}.", "network": network, "facts": facts}


def _sources(chance: random.Random, zone: str | None = None) -> dict[str, dict[str, Any]]:
    sources: dict[str, dict[str, Any]] = {
        "wms": {"system": "wms", "feed": "api", "clock_skew_s": chance.choice([0, 0, 60])},
        "tpl": {"system": "3pl", "feed": "edi", "clock_skew_s": chance.choice([0, 60, 300])},
        "erp": {"system": "erp", "feed": "api", "clock_skew_s": chance.choice([0, 0, 120])},
        "shop": {"system": "shop", "feed": "webhook", "clock_skew_s": 0},
    }
    for name in ("wms", "tpl", "erp"):
        if chance.random() < 0.25:
            sources[name]["lag_s"] = chance.choice([120, 600])
        if zone and chance.random() < 0.4:
            sources[name]["timezone"] = zone
    return sources


def _network(chance: random.Random, ownership: list[dict[str, Any]], zone: str = "UTC") -> dict[str, Any]:
    return {
        "locations": {"HUB": {"timezone": zone}, "CHI": {"timezone": "America/Chicago"}},
        "items": {
            "A": {"base_uom": "EA", "item_class": "A", "units": {"CA": 12, "TH": "1/3"}},
            "B": {
                "base_uom": "EA", "item_class": "B",
                "units": {"CA": [{"factor": 4}, {"factor": 5, "valid_from": "2026-05-04"}]},
            },
        },
        "sources": _sources(chance, zone if zone != "UTC" else None),
        "ownership": ownership,
    }  # fmt: skip


def _usual(chance: random.Random) -> list[dict[str, Any]]:
    """The WMS owns; the 3PL, and now and then the ERP, are secondaries whose movements may apply."""
    rules = [{**ON_HAND, "source": "wms", "role": "primary"}]
    for source, share in (("tpl", 1.0), ("erp", 0.4)):
        if chance.random() < share:
            apply = {"movements": "apply"} if chance.random() < 0.6 else {}
            rules.append({**ON_HAND, "source": source, "role": "secondary", **apply})
    return rules


def _fact(chance: random.Random, number: int, instant: datetime, **values: Any) -> dict[str, Any]:
    is_balance = chance.random() < 0.45
    fact = {
        "id": f"f{number}", "source": chance.choices(["wms", "tpl", "erp", "shop"], weights=[10, 8, 3, 1])[0],
        "kind": "balance" if is_balance else "movement", "item": "A", "location": "HUB", "measure": "on_hand",
        "quantity": chance.choice([9, 10, 10, 10, 11, 12]) if is_balance else chance.choice([-3, -2, -1, -1, 1, 2]),
        "uom": "EA", "recorded": _zulu(chance, instant), "received_at": _received(chance, instant),
    }  # fmt: skip
    return {**fact, **values}


def _zulu(chance: random.Random, instant: datetime) -> str | dict[str, str]:
    shape = chance.choice(
        ["%Y-%m-%dT%H:%M:%S.500Z", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%MZ", "span"]
    )
    if shape == "span":
        end = instant + timedelta(minutes=chance.choice([1, 2, 10]))
        return {"from": f"{instant:%Y-%m-%dT%H:%M}Z", "to": f"{end:%Y-%m-%dT%H:%M}Z"}
    return instant.strftime(shape)


def _received(chance: random.Random, instant: datetime) -> str:
    delay = chance.choices([-301, -60, -10, 0, 1, 60, 240, 1200, 40000], weights=[1, 2, 2, 4, 6, 6, 5, 4, 3])[0]
    return (instant + timedelta(seconds=delay)).isoformat()


def _near(chance: random.Random, anchor: datetime) -> datetime:
    return anchor + timedelta(
        minutes=chance.choice([-10, -5, -2, -1, -1, 0, 0, 0, 1, 1, 2, 5]), seconds=chance.choice([0, 0, 0, 10, 30])
    )


def _daylight(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """Local times and dates around an instant at which clocks change."""
    zone, at = chance.choice(CLOCK_CHANGES)
    change = datetime.fromisoformat(at)
    facts = []
    for number in range(1, chance.randint(3, 7) + 1):
        instant = change + timedelta(
            minutes=chance.choice([-1500, -90, -60, -45, -30, -15, 0, 15, 30, 45, 75, 120, 1400])
        )
        local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        written: str | dict[str, str]
        precision = chance.choice(["minute", "minute", "second", "day", "day", "skipped", "span", "offset", "zulu"])
        if precision == "day":
            written = local.date().isoformat()
        elif precision == "span":
            end = local + timedelta(minutes=chance.choice([15, 60, 200]))
            written = {"from": f"{local:%Y-%m-%dT%H:%M}", "to": f"{end:%Y-%m-%dT%H:%M}"}
        elif precision == "skipped":
            wall = change.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(minutes=chance.choice([10, 20]))
            written = f"{wall:%Y-%m-%dT%H:%M}"
        elif precision == "offset":
            written = f"{local:%Y-%m-%dT%H:%M}-05:00"
        else:
            written = (
                f"{instant:%Y-%m-%dT%H:%M}Z"
                if precision == "zulu"
                else local.strftime("%Y-%m-%dT%H:%M" if precision == "minute" else "%Y-%m-%dT%H:%M:%S")
            )
        late = instant + timedelta(hours=chance.choice([0, 1, 3, 30, 60]))
        facts.append(_fact(chance, number, instant, recorded=written, received_at=late.isoformat()))
    return _network(chance, _usual(chance), zone), facts


def _tellings(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """One or two events told by three sources, revised, cancelled, out of order; counts between them."""
    facts = []
    for number in range(1, chance.randint(4, 8) + 1):
        fact = _fact(chance, number, _near(chance, NOON))
        if fact["kind"] == "movement" or chance.random() < 0.6:
            fact |= {"kind": "movement", "quantity": chance.choice([-3, -2, -2]), "event_key": chance.choice("KKKL")}
            if chance.random() < 0.3:
                fact["line_key"] = chance.choice("XY")
            if chance.random() < 0.15:
                fact["item"] = "B"
        _revise(chance, fact, 0.5)
        facts.append(fact)
    owner = {**ON_HAND, "source": "wms", "role": "primary"}
    applying = [{**ON_HAND, "source": s, "role": "secondary", "movements": "apply"} for s in ("tpl", "erp")]
    return _network(chance, [owner, *applying]), facts


def _ties(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """Everything in one or two minutes without a sequence: equal times, equal quantities, several sources."""
    facts = []
    for number in range(1, chance.randint(4, 8) + 1):
        source = chance.choice(["wms", "wms", "tpl", "tpl", "erp"])
        recorded = chance.choice(["2026-05-04T12:00Z"] * 4 + ["2026-05-04T12:01Z", "2026-05-04T12:00:30Z"])
        received = NOON + timedelta(minutes=2, seconds=chance.randint(0, 90))
        fact = _fact(chance, number, NOON, source=source, recorded=recorded, received_at=received.isoformat())
        fact["quantity"] = chance.choice([9, 10, 8]) if fact["kind"] == "balance" else chance.choice([-1, -1, -2])
        facts.append(fact)
    owner, other = chance.choice([("wms", "tpl"), ("tpl", "wms"), ("erp", "wms")])
    second = {**ON_HAND, "source": other, "role": "secondary", "movements": chance.choice(["", "apply"])}
    return _network(chance, [{**ON_HAND, "source": owner, "role": "primary"}, second]), facts


def _lagging(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """Reports of sources that post late, over movements of two others that are ordered with each other."""
    facts = []
    for number in range(1, chance.randint(4, 8) + 1):
        instant = NOON + timedelta(minutes=chance.choice([0, 2, 4, 6, 8]))
        source = chance.choice(["wms", "erp", "tpl"])
        fact = _fact(chance, number, instant, source=source, recorded=f"{instant:%Y-%m-%dT%H:%M:%SZ}")
        fact["kind"] = "balance" if source == "tpl" else chance.choice(["movement", "movement", fact["kind"]])
        fact["quantity"] = 10 if fact["kind"] == "balance" else chance.choice([-1, -2, 1])
        fact["received_at"] = (instant + timedelta(seconds=chance.choice([1, 300, 900]))).isoformat()
        facts.append(fact)
    rules = [
        {**ON_HAND, "source": "wms", "role": "primary"},
        {**ON_HAND, "source": "tpl", "role": "secondary"},
        {**ON_HAND, "source": "erp", "role": "secondary", "movements": "apply"},
    ]
    network = _network(chance, rules)
    network["sources"]["tpl"]["lag_s"] = chance.choice([120, 600, 600])
    return network, facts


def _revise(chance: random.Random, fact: Case, share: float) -> None:
    if chance.random() < share:
        fact["revision"] = chance.choice([2, 2, 3])
        if chance.random() < 0.35:
            fact["cancel"] = True
    elif chance.random() < 0.04:
        fact["cancel"] = True  # of nothing: there is no revision before the first


def _lines(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """Reports and counts whose lines are told again, revised, cancelled, and named for other stock."""
    facts = []
    for number in range(1, chance.randint(4, 8) + 1):
        fact = _fact(chance, number, _near(chance, NOON))
        if chance.random() < 0.75:
            fact |= {
                "kind": "balance",
                "quantity": chance.choice([9, 10, 10]),
                "line_key": chance.choice("DDE"),
                "source": chance.choice(["wms", "tpl", "tpl", "erp"]),
            }
            if chance.random() < 0.5:
                fact["recorded"] = "2026-05-04T12:00Z"
            if chance.random() < 0.12:
                fact["item"] = "B"
        _revise(chance, fact, 0.55)
        facts.append(fact)
    return _network(chance, _usual(chance)), facts


def _ordered(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """Sequences inside minutes: complete, with holes, of two sources, contradicted, equal."""
    facts = []
    sources = chance.choice([["wms"], ["wms"], ["wms", "wms", "tpl"]])
    count = chance.randint(4, 9)
    for number in range(1, count + 1):
        instant = NOON + timedelta(minutes=number // 4, seconds=chance.choice([0, 10 * (number % 4)]))
        fact = _fact(chance, number, instant, source=chance.choice(sources), sequence=number)
        # No zone and no span: the minute holds several facts, and the sequence orders them.
        fact["recorded"] = chance.choice([f"{instant:%Y-%m-%dT%H:%M}Z"] * 3 + [f"{instant:%Y-%m-%dT%H:%M:%S}Z"])
        if chance.random() < 0.12:
            del fact["sequence"]
        elif chance.random() < 0.08:
            fact["sequence"] = chance.randint(1, count)
        facts.append(fact)
    return _network(chance, _usual(chance)), facts


def _places(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """Ownership by place, pattern, class and time, for channels too; names that nobody mapped."""
    rules: list[dict[str, Any]] = []
    taken = set()
    for _ in range(chance.randint(2, 6)):
        rule: dict[str, Any] = {
            "measure": "on_hand",
            "location": chance.choice(["*", "*", "H*", "?UB", "HUB", "HUB", "CHI"]),
            "item_class": chance.choice(["*", "*", "A", "B"]),
            "source": chance.choice(["wms", "wms", "tpl", "erp", "shop"]),
            "role": chance.choice(["primary", "primary", "secondary", "observer"]),
            "grain": chance.choice(["item", "item", "item", "lot"]),
        }
        # Patterns of one kind may meet, so one of them is enough; and one primary a level.
        place = "pattern" if rule["location"] in ("H*", "?UB") else rule["location"]
        level = (place, rule["item_class"])
        owner = "primary" if rule["role"] == "primary" and rule["source"] != "shop" else rule["source"]
        if (*level, owner) in taken or (*level, rule["source"]) in taken:
            continue
        taken |= {(*level, owner), (*level, rule["source"])}
        if chance.random() < 0.35:
            rule["movements"] = "apply"
        if chance.random() < 0.35:
            rule[chance.choice(["valid_from", "valid_to"])] = NOON.isoformat()
        rules.append(rule)
    facts = []
    for number in range(1, chance.randint(4, 8) + 1):
        fact = _fact(chance, number, _near(chance, NOON))
        fact["item"] = chance.choice("AAB")
        fact["location"] = chance.choice(["HUB", "HUB", "HUB", "CHI"])
        if chance.random() < 0.25:
            fact["lot"] = "L1"
        unknown = chance.choice([*[None] * 12, "source", "location", "item", "measure", "uom"])
        if unknown:
            fact[unknown] = "nobody"
        if chance.random() < 0.05:
            fact["test"] = True
        facts.append(fact)
    return _network(chance, rules), facts


def _measures(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """Of-which measures: one event moves several, one document states several; `available` is evidence."""
    rules = []
    for measure in MEASURES:
        owner, other = chance.choice([("wms", "tpl"), ("wms", "tpl"), ("tpl", "wms")])
        rules.append({"measure": measure, "location": "*", "source": owner, "role": "primary"})
        if chance.random() < 0.7:
            rules.append({"measure": measure, "location": "*", "source": other, "role": "secondary"})
    facts = []
    for number in range(1, chance.randint(5, 10) + 1):
        fact = _fact(chance, number, _near(chance, NOON))
        fact["measure"] = chance.choice(["on_hand", "damaged", "damaged", "quarantined", "consigned", "available"])
        fact["source"] = chance.choice(["wms", "wms", "tpl", "shop"])
        fact["event_key"] = chance.choice("KL")
        fact["line_key"] = chance.choice(["P", "Q", fact["id"]])
        facts.append(fact)
    return _network(chance, rules), facts


def _grains(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """The primary changes its grain, or the owner, at noon; facts with and without lots around it."""
    first, then = chance.choice([("item", "lot"), ("lot", "item"), ("lot", "lot"), ("item", "item")])
    later = chance.choice(["wms", "tpl"])
    noon = NOON.isoformat()
    rules = [
        {**ON_HAND, "source": "wms", "role": "primary", "grain": first, "valid_to": noon},
        {**ON_HAND, "source": later, "role": "primary", "grain": then, "valid_from": noon},
        {**ON_HAND, "source": "tpl", "role": "secondary", "valid_to": noon, "movements": "apply"},
    ]
    if later == "tpl":
        rules.append({**ON_HAND, "source": "wms", "role": "secondary", "valid_from": noon})
    facts = []
    for number in range(1, chance.randint(4, 8) + 1):
        fact = _fact(chance, number, _near(chance, NOON))
        if chance.random() < 0.6:
            fact["lot"] = chance.choice(["L1", "L1", "L2"])
        if chance.random() < 0.2:
            fact |= {"event_key": "K", "line_key": chance.choice(["D", fact["id"]])}
            _revise(chance, fact, 0.5)
        facts.append(fact)
    return _network(chance, rules), facts


def _units(chance: random.Random) -> tuple[dict[str, Any], list[Case]]:
    """Factors that change at a local midnight, thirds, reports over the change, receipts that cut them."""
    zone = chance.choice(["UTC", "America/Chicago"])
    midnight = datetime(2026, 5, 4, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    facts = []
    for number in range(1, chance.randint(3, 7) + 1):
        instant = _near(chance, midnight)
        fact = _fact(chance, number, instant, item=chance.choice("BBA"))
        if fact["kind"] == "balance":
            fact["uom"] = chance.choice(["CA", "CA", "EA"])
            fact["quantity"] = chance.choice([2, 3]) if fact["uom"] == "CA" else chance.choice([8, 10, 12, 15])
            if chance.random() < 0.7:
                over = {
                    "from": f"{midnight - timedelta(minutes=5):%Y-%m-%dT%H:%M}Z",
                    "to": f"{midnight:%Y-%m-%dT%H:05}Z",
                }
                fact["recorded"] = chance.choice(["2026-05-03", "2026-05-04", over, over])
                fact["received_at"] = (midnight + timedelta(hours=chance.choice([-8, 1, 30, 30]))).isoformat()
        elif fact["item"] == "A":
            fact |= {"uom": "TH", "quantity": chance.choice([-3, -6, -2, 3])}
        else:
            # To the second: one factor holds for it.
            fact["recorded"] = f"{instant:%Y-%m-%dT%H:%M:%S}Z"
            fact["uom"] = chance.choice(["CA", "EA"])
        if chance.random() < 0.1:
            fact |= {"revision": 2, "cancel": True}
        facts.append(fact)
    return _network(chance, _usual(chance), zone), facts


THEMES = {
    "daylight": _daylight,
    "grains": _grains,
    "lagging": _lagging,
    "lines": _lines,
    "measures": _measures,
    "ordered": _ordered,
    "places": _places,
    "tellings": _tellings,
    "ties": _ties,
    "units": _units,
}
