"""Seeded small networks and fact streams, rich in what makes stock hard: ties, overlaps, skew, lag, late facts.

``case(seed)`` is a scenario (the dict of a scenario file without ``expect``); the same seed gives the same case.
Times come from a few anchors of one day, so that facts meet, touch and overlap often.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

DAY = datetime(2026, 5, 4, tzinfo=UTC)
FACTS_MAX = 9
THEMES = [
    "stream", "stream", "events", "statements", "revisions", "crossing", "lots", "units", "in_flight", "factors",
]  # fmt: skip
START = DAY + timedelta(hours=10)
# From 10:00 back to shortly before the factor of B changes.
TO_THE_CHANGE = timedelta(hours=10, minutes=30)


def case(seed: int) -> dict[str, Any]:
    """One scenario; its facts stay few enough for a brute-force oracle."""
    chance = random.Random(seed)
    theme = chance.choice(THEMES)
    network = _network(chance, theme)
    facts: list[dict[str, Any]] = []
    least = 7 if theme == "in_flight" else 3
    for index, instant in enumerate(sorted(_instant(chance) for _ in range(chance.randint(least, FACTS_MAX)))):
        if theme == "factors":
            instant -= TO_THE_CHANGE
        elif theme == "in_flight":
            # Within the owner's lag of each other.
            instant = START + (instant - START) / 6
        facts.append(_fact(chance, theme, network, facts, f"f{index + 1}", instant))
    found = {"name": f"seed-{seed}", "doc": f"Generated; theme {theme}.", "network": network, "facts": facts}
    return found | decided(seed, facts)


def history(seed: int, facts: int) -> dict[str, Any]:
    """A scenario with a longer history: its facts meet and overlap only with their neighbours.

    Every second seed is calm, as most stock is: rules that never change, times to the millisecond, prompt receipts.
    """
    chance = random.Random(seed)
    is_calm = seed % 2 == 0
    themes = (
        ["stream", "events", "statements", "in_flight"]
        if is_calm
        else ["stream", "revisions", "crossing", "lots", "units", "in_flight"]
    )
    theme = chance.choice(themes)
    network = _network(chance, theme)
    if is_calm:
        network["ownership"] = [rule for rule in network["ownership"] if "valid_from" not in rule]
    told: list[dict[str, Any]] = []
    instant = _instant(chance) - timedelta(hours=10)
    for index in range(facts):
        fact = _fact(chance, theme, network, told[-5:], f"f{index + 1}", instant)
        if is_calm and fact["id"] == f"f{index + 1}":
            fact.pop("lot", None)
            if "sequence" in fact:
                fact["sequence"] = index
            fact["recorded"] = instant.strftime("%Y-%m-%dT%H:%M:%S.250Z")
            delay = chance.choices([1, 20, 90, 4000], weights=[10, 10, 5, 1])[0]
            fact["received_at"] = (instant + timedelta(seconds=delay)).isoformat()
        told.append(fact)
        if chance.random() < 0.8:
            instant += timedelta(minutes=chance.choice([0, 1, 5, 45, 180, 900]), seconds=chance.choice([0, 20]))
    found = {"name": f"history-{seed}", "doc": f"Generated; theme {theme}.", "network": network, "facts": told}
    return found | decided(seed, told)


def decided(seed: int, facts: list[dict[str, Any]]) -> dict[str, Any]:
    """``{"facts": [...], "decisions": [...]}`` in about every third case; drawn apart, so that the others stay."""
    chance = random.Random(f"decided {seed}")
    if chance.random() > 0.35:
        return {}
    told = [*facts, *(_rival(chance, f"r{number}", chance.choice(facts)) for number in range(chance.choice([1, 1, 2])))]
    by_key: dict[Any, set[str]] = {}
    for fact in told:
        line = str(fact.get("line_key", fact["id"]))
        by_key.setdefault((fact["source"], line), set()).add(fact["id"])
        by_key.setdefault(fact.get("event_key", line), set()).add(fact["id"])
    disputed = sorted({name for names in by_key.values() if len(names) > 1 for name in names}) or [facts[0]["id"]]
    received = sorted(datetime.fromisoformat(fact["received_at"]) for fact in told)
    found: list[dict[str, Any]] = []
    for number in range(1, chance.choice([1, 1, 2, 3]) + 1):
        at = chance.choice([*received, received[-1]]) + timedelta(seconds=chance.choice([-1, 0, 0, 1, 60, 7200]))
        kind = chance.choices(["keep", "accept", "write_off"], weights=[6, 2, 2])[0]
        entry = {"id": f"d{number}", "kind": kind, "by": "anna", "why": "seen", "decided_at": at.isoformat()}
        if kind == "keep":
            entry["fact"] = chance.choice(disputed)
        elif kind == "accept":
            entry["facts"] = sorted({chance.choice(disputed) for _ in range(2)})
        else:
            entry |= _written_off(chance, at)
        found.append(entry)
    return {"facts": told, "decisions": found}


def _rival(chance: random.Random, name: str, fact: dict[str, Any]) -> dict[str, Any]:
    """Another telling of the line or of the event of ``fact``, mostly with another content."""
    line = str(fact.get("line_key", fact["id"]))
    event = fact.get("event_key", f"{fact['source']}/{line}")
    later = datetime.fromisoformat(fact["received_at"]) + timedelta(seconds=chance.choice([-1, 1, 60, 3600, 20000]))
    rival = {**fact, "id": name, "event_key": event, "received_at": later.isoformat()}
    rival["quantity"] = fact["quantity"] + chance.choice([0, -1, -1, 3])
    if fact["kind"] == "balance" or chance.random() < 0.4:
        return rival | {"line_key": line}
    return rival | {"line_key": name, "source": chance.choice([fact["source"], "wms", "tpl"])}


def _written_off(chance: random.Random, at: datetime) -> dict[str, Any]:
    recorded = min(at, DAY + timedelta(hours=10, minutes=chance.choice([0, 1, 5, 30, 60, 120])))
    told = {
        "item": chance.choice(["A", "A", "A", "B"]), "location": "HUB", "measure": "on_hand",
        "quantity": chance.choice([-3, -2, -1, 1]), "recorded": recorded.isoformat(),
    }  # fmt: skip
    if chance.random() < 0.3:
        told["event_key"] = chance.choice(["K1", "K2"])
    if chance.random() < 0.4:
        told["lot"] = chance.choice(["L1", "L2"])
    return told


def day_reports(seed: int, facts: int) -> dict[str, Any]:
    """The busy stock of one cell, and a secondary partner whose reports say their day only: each overlaps all of it."""
    chance = random.Random(seed)
    skew = chance.choice([0, 60, 300])
    rule = {"measure": "on_hand", "location": "*"}
    network = {
        "locations": {"HUB": {"timezone": "UTC"}},
        "items": {"A": {"base_uom": "EA", "item_class": "A"}},
        "sources": {
            "wms": {"system": "wms", "feed": "api", "clock_skew_s": 2},
            "tpl": {"system": "3pl", "feed": "edi", "clock_skew_s": skew},
        },
        "ownership": [
            {**rule, "source": "wms", "role": "primary", "grain": "item"},
            {**rule, "source": "tpl", "role": "secondary"},
        ],
    }
    told: list[dict[str, Any]] = []
    stock, instant = 20, DAY + timedelta(hours=10)
    for index in range(facts):
        kind = chance.choices(["movement", "count", "report"], weights=[12, 3, 2])[0] if index else "count"
        moved = chance.choice([-4, -3, -2, -1, 1, 2, 3, 5])
        stock += moved if kind == "movement" else 0
        delay = chance.choices([1, 20, 90, 400], weights=[6, 6, 3, 3])[0]
        fact = {
            "id": f"f{index + 1}", "source": "wms", "kind": "balance", "item": "A", "location": "HUB",
            "measure": "on_hand", "quantity": stock, "uom": "EA",
            "recorded": instant.strftime("%Y-%m-%dT%H:%M:%S.250Z"),
            "received_at": (instant + timedelta(seconds=delay)).isoformat(),
        }  # fmt: skip
        if kind == "movement":
            fact |= {"kind": "movement", "quantity": moved, "sequence": index}
        elif kind == "report":
            quantity = stock + chance.choice([0, -3, 2, 7, 40])
            fact |= {"source": "tpl", "quantity": quantity, "recorded": instant.strftime("%Y-%m-%d")}
        told.append(fact)
        instant += timedelta(seconds=chance.choice([5, 30, 60, 200, 900]))
    return {"name": f"day-reports-{seed}", "doc": "Generated.", "network": network, "facts": told}


def _network(chance: random.Random, theme: str) -> dict[str, Any]:
    sources = {
        "wms": {"system": "wms", "feed": "api", "clock_skew_s": chance.choice([0, 0, 60])},
        "tpl": {
            "system": "3pl",
            "feed": "edi",
            "clock_skew_s": chance.choice([0, 60, 300]),
            "lag_s": chance.choice([0, 0, 600]),
        },
        "erp": {"system": "erp", "feed": "api", "clock_skew_s": chance.choice([0, 120])},
        "shop": {"system": "shop", "feed": "webhook", "clock_skew_s": 0},
    }
    if chance.random() < 0.3:
        sources["wms"]["lag_s"] = 300
    if theme == "in_flight":
        sources["wms"]["lag_s"] = chance.choice([0, 300, 600, 600, 1800])
    if chance.random() < 0.3:
        sources["tpl"]["timezone"] = chance.choice(["UTC", "Europe/Berlin", "America/Chicago"])
    return {
        "locations": {"HUB": {"timezone": "UTC"}, "CHI": {"timezone": "America/Chicago"}},
        "items": {
            "A": {"base_uom": "EA", "item_class": "A", "units": {"CA": 12, "TH": "1/3"}},
            "B": {
                "base_uom": "EA", "item_class": "B",
                "units": {"CA": [{"factor": 4}, {"factor": 5, "valid_from": "2026-05-04"}]},
            },
        },
        "sources": sources,
        "ownership": _ownership(chance, theme),
    }  # fmt: skip


def _ownership(chance: random.Random, theme: str) -> list[dict[str, Any]]:
    grain = "lot" if theme == "lots" else "item"
    rules: list[dict[str, Any]] = [
        {"measure": "on_hand", "location": "*", "source": "wms", "role": "primary", "grain": grain},
        {"measure": "on_hand", "location": "*", "source": "tpl", "role": "secondary"},
    ]
    if chance.random() < (0.1 if theme == "in_flight" else 0.4):
        rules[1]["movements"] = "apply"
    kind = chance.choice(["plain", "plain", "hybrid", "class", "pattern", "handover", "erp"])
    noon = (DAY + timedelta(hours=chance.choice([10, 11, 12]))).isoformat()
    if kind == "hybrid":
        rules.append({"measure": "on_hand", "location": "CHI", "source": "tpl", "role": "primary", "grain": "item"})
    elif kind == "class":
        rules.append({"measure": "on_hand", "location": "*", "item_class": "B", "source": "tpl", "role": "primary"})
        rules.append({"measure": "on_hand", "location": "HUB", "source": "wms", "role": "secondary"})
    elif kind == "pattern":
        rules.append({"measure": "on_hand", "location": "C*", "source": "erp", "role": "primary"})
        rules.append(
            {
                "measure": "on_hand",
                "location": "CHI",
                "item_class": "A",
                "source": "wms",
                "role": "secondary",
                "movements": "apply",
            }
        )
    elif kind == "handover":
        rules.append({"measure": "on_hand", "location": "HUB", "source": "tpl", "role": "primary", "valid_from": noon})
        rules.append(
            {"measure": "on_hand", "location": "HUB", "source": "wms", "role": "secondary", "valid_from": noon}
        )
    elif kind == "erp":
        rules.append(
            {
                "measure": "on_hand",
                "location": "*",
                "source": "erp",
                "role": "secondary",
                "movements": chance.choice(["", "apply"]),
            }
        )
    for rule in rules:
        if rule.get("movements") == "":
            del rule["movements"]
    return rules


def _fact(
    chance: random.Random,
    theme: str,
    network: dict[str, Any],
    earlier: list[dict[str, Any]],
    name: str,
    instant: datetime,
) -> dict[str, Any]:
    if earlier and chance.random() < 0.12:
        return _echoed(chance, earlier)
    location = "CHI" if chance.random() < 0.08 else "HUB"
    weights = [4, 8, 2, 3] if theme == "in_flight" else [10, 8, 1, 1]
    source = chance.choices(["wms", "tpl", "erp", "shop"], weights=weights)[0]
    is_balance = chance.random() < {"statements": 0.7, "events": 0.2, "revisions": 0.4}.get(theme, 0.45)
    fact: dict[str, Any] = {
        "id": name,
        "source": source,
        "kind": "balance" if is_balance else "movement",
        "item": "B" if chance.random() < (0.85 if theme == "factors" else 0.12) else "A",
        "location": location,
        "measure": "on_hand",
        "quantity": chance.choice([-4, -3, -2, -1, -1, 0, 1, 2, 3]),
        "uom": "EA",
    }
    if is_balance:
        fact["quantity"] = (
            10 + sum(f["quantity"] for f in earlier if f["kind"] == "movement") + chance.choice([0, 0, 0, 0, -1, 3])
        )
    fact["recorded"] = _recorded(chance, theme, instant)
    fact["received_at"] = _received(chance, instant)
    _identity(chance, theme, fact, earlier)
    _unit(chance, theme, fact)
    if theme == "in_flight":
        _whereabouts(chance, fact, earlier, instant)
    elif theme == "factors" and fact["item"] == "B":
        _over_the_change(chance, fact, earlier, instant)
    _rarities(chance, fact)
    if chance.random() < (0.75 if theme == "lots" else 0.05):
        fact["lot"] = chance.choice(["L1", "L2"])
    if source in ("wms", "tpl") and chance.random() < (0.7 if theme != "crossing" else 0.3):
        minutes = (instant - DAY).total_seconds() // 60
        fact["sequence"] = int(minutes) + (chance.choice([0, 1, -400]) if chance.random() < 0.25 else 0)
    return fact


def _instant(chance: random.Random) -> datetime:
    return DAY + timedelta(
        hours=10, minutes=chance.choice([0, 0, 1, 5, 10, 30, 60, 61, 120]), seconds=chance.choice([0, 0, 0, 20, 40])
    )


def _echoed(chance: random.Random, earlier: list[dict[str, Any]]) -> dict[str, Any]:
    """The same fact received again, at another time."""
    fact = dict(chance.choice(earlier))
    again = datetime.fromisoformat(fact["received_at"]) + timedelta(minutes=chance.choice([-30, -1, 1, 45]))
    return {**fact, "received_at": again.isoformat()}


def _recorded(chance: random.Random, theme: str, instant: datetime) -> str | dict[str, str]:
    precision = chance.choice(["point", "second", "second", "minute", "minute", "day", "span"])
    if theme == "crossing":
        precision = chance.choice(["minute", "span", "span", "day"])
    if precision == "day":
        return (instant.date() - timedelta(days=chance.choice([0, 0, 1]))).isoformat()
    if precision == "span":
        end = instant + timedelta(minutes=chance.choice([1, 5, 30, 90]))
        return {"from": f"{instant:%Y-%m-%dT%H:%M}Z", "to": f"{end:%Y-%m-%dT%H:%M}Z"}
    shape = {"point": "%Y-%m-%dT%H:%M:%S.250", "second": "%Y-%m-%dT%H:%M:%S", "minute": "%Y-%m-%dT%H:%M"}[precision]
    return instant.strftime(shape) + ("Z" if chance.random() < 0.9 else "")


def _received(chance: random.Random, instant: datetime) -> str:
    delay = chance.choices([-30, 0, 1, 30, 60, 300, 1800, 3600, 7200, 50000], weights=[1, 4, 4, 2, 4, 4, 3, 3, 2, 2])[0]
    return (instant + timedelta(seconds=delay)).isoformat()


def _identity(chance: random.Random, theme: str, fact: dict[str, Any], earlier: list[dict[str, Any]]) -> None:
    """Often a new line and event; sometimes one that was told before, again or revised."""
    if fact["kind"] == "movement" and chance.random() < (0.7 if theme in ("events", "revisions") else 0.25):
        fact["event_key"] = chance.choice(["K1", "K2"])
    alike = [f for f in earlier if f["source"] == fact["source"] and f["kind"] == fact["kind"]]
    if alike and chance.random() < (0.6 if theme == "revisions" else 0.15):
        told = chance.choice(alike)
        fact["line_key"] = told.get("line_key", told["id"])
        fact["location"] = told["location"]
        fact["event_key"] = told.get("event_key", f"{told['source']}/{fact['line_key']}")
        if chance.random() < 0.5:
            fact["quantity"], fact["item"] = told["quantity"], told["item"]
        if chance.random() < 0.5:
            fact["recorded"] = told["recorded"]
    if chance.random() < (0.5 if theme == "revisions" else 0.08):
        fact["revision"] = chance.choice([2, 2, 3])
        if chance.random() < 0.3:
            fact["cancel"] = True


def _unit(chance: random.Random, theme: str, fact: dict[str, Any]) -> None:
    if chance.random() > (0.3 if theme == "units" else 0.06):
        return
    # A movement in a changing unit is told to the second: one factor holds for it (see docs of the oracle).
    if fact["item"] == "A":
        fact["uom"] = chance.choice(["CA", "TH", "TH", "BX"])
        if fact["uom"] == "TH":
            fact["quantity"] = fact["quantity"] * 3 + chance.choice([0, 0, 0, 1])
    elif fact["kind"] == "balance":
        fact["uom"] = "CA"
        fact["quantity"] = chance.choice([2, 3])


def _whereabouts(chance: random.Random, fact: dict[str, Any], earlier: list[dict[str, Any]], instant: datetime) -> None:
    """Shipments that several sources tell, some in documents, and statements by who knows some of them."""
    if chance.random() < 0.9:
        fact |= {"item": "A", "location": "HUB", "uom": "EA", "recorded": f"{instant:%Y-%m-%dT%H:%M:%SZ}"}
        fact["received_at"] = (instant + timedelta(seconds=chance.choice([1, 1, 60, 700]))).isoformat()
    moves = [f for f in earlier if f["kind"] == "movement"]
    if not earlier:
        fact |= {"source": "wms", "kind": "balance", "quantity": 10}
    elif fact["kind"] == "movement":
        fact["quantity"] = fact["quantity"] or -5
        if "line_key" not in fact:
            fact["event_key"] = chance.choice(["K1", "K2", "K3", f"own {fact['id']}"])
            if chance.random() < 0.5:
                fact["line_key"] = f"{chance.choice(['D1', 'D2'])}/{fact['id']}"
        told = [f for f in moves if f.get("event_key") == fact["event_key"]]
        if told and chance.random() < 0.8:
            fact["quantity"] = told[0]["quantity"]
    else:
        stated = [f for f in earlier if f["kind"] == "balance" and f["source"] == "wms"]
        base = stated[-1] if stated else {"quantity": 10, "id": ""}
        share = chance.choice([0, 0.5, 1, 1])
        known = [f for f in moves if f["source"] == "wms" or chance.random() < share]
        if chance.random() < 0.6:
            known = [f for f in known if int(f["id"][1:]) > int(base["id"][1:] or 0)]
        fact["quantity"] = base["quantity"] + sum({f.get("event_key", f["id"]): f["quantity"] for f in known}.values())


def _over_the_change(
    chance: random.Random, fact: dict[str, Any], earlier: list[dict[str, Any]], instant: datetime
) -> None:
    """Cases of 4, then 5, told over the midnight between; counts in pieces that took them for one or the other."""
    if fact["kind"] == "movement":
        fact["uom"] = chance.choice(["CA", "CA", "CA", "EA"])
        fact["quantity"] = chance.choice([-2, -1, -1, 1, 2])
        if chance.random() < 0.3:
            fact["revision"] = chance.choice([1, 2, 2, 3])
    else:
        moves = [f for f in earlier if f["kind"] == "movement" and f["item"] == "B" and chance.random() < 0.8]
        fact["uom"] = "EA"
        fact["quantity"] = 40 + sum(f["quantity"] * (chance.choice([4, 5]) if f["uom"] == "CA" else 1) for f in moves)
    if chance.random() < 0.7:
        end = instant + timedelta(minutes=chance.choice([5, 30, 40, 90]))
        fact["recorded"] = {"from": f"{instant:%Y-%m-%dT%H:%M}Z", "to": f"{end:%Y-%m-%dT%H:%M}Z"}
        fact["received_at"] = (end + timedelta(seconds=chance.choice([-900, 0, 60, 1800, 7200]))).isoformat()


def _rarities(chance: random.Random, fact: dict[str, Any]) -> None:
    if chance.random() < 0.03:
        fact["test"] = True
    elif chance.random() < 0.04:
        fact["measure"] = "available"
    elif chance.random() < 0.03:
        fact["item"] = "UNKNOWN"
