"""Seeded longer histories of one cell: an owner that posts late, and a unit that changes every day (ADR 0013).

``posting_late(seed, facts)`` and ``changing_units(seed, facts)`` are scenarios as ``generator.history`` makes them;
their facts overlap only with their neighbours, so that the brute-force oracle can answer them too.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from tests.oracle.generator import DAY

RULE = {"measure": "on_hand", "location": "*"}
NEVER = 10**6


def posting_late(seed: int, facts: int) -> dict[str, Any]:
    """Shipments that a partner or the shop tells at once and the owner posts up to its lag later, or not at all.

    Reports of the partner see what has happened, counts of the owner what it has posted.
    """
    chance = random.Random(seed)
    lag = chance.choice([60, 300])
    network = {
        "locations": {"HUB": {"timezone": "UTC"}},
        "items": {"A": {"base_uom": "EA", "item_class": "A"}},
        "sources": {
            "wms": {"system": "wms", "feed": "api", "clock_skew_s": chance.choice([0, 2]), "lag_s": lag},
            "tpl": {"system": "3pl", "feed": "edi", "clock_skew_s": chance.choice([0, 2, 20])},
            "shop": {"system": "shop", "feed": "webhook", "clock_skew_s": 0},
        },
        "ownership": [
            {**RULE, "source": "wms", "role": "primary", "grain": "item"},
            {**RULE, "source": "tpl", "role": chance.choice(["secondary", "observer"])},
        ],
    }
    happened, posted, instant = 100, 100, DAY + timedelta(hours=8)
    told = [_told("wms", "balance", 100, instant)]
    waiting: list[tuple[datetime, int, str]] = []
    while len(told) < facts:
        instant += timedelta(seconds=chance.choice([10, 20, 30, 60, 120, 900]))
        for due in [each for each in waiting if each[0] <= instant]:
            waiting.remove(due)
            told.append(_told("wms", "movement", due[1], due[0], due[2]))
            posted += due[1]
        kind = chance.choices(["move", "report", "count", "stray"], weights=[10, 5, 2, 1])[0]
        if kind == "move":
            moved, event = chance.choice([-4, -3, -2, -1, -1, 2, 5]), f"E{len(told)}"
            happened += moved
            delay = chance.choices([lag // 4, lag // 2, lag - 5, lag + 90, NEVER], weights=[6, 6, 6, 1, 1])[0]
            waiting.append((instant + timedelta(seconds=delay), moved, event))
            if chance.random() < 0.8:
                told.append(_told(chance.choice(["tpl", "tpl", "shop"]), "movement", moved, instant, event))
        elif kind == "report":
            told.append(_told("tpl", "balance", happened + chance.choice([0, 0, 0, 0, -1, 6]), instant))
        elif kind == "count":
            told.append(_told("wms", "balance", posted, instant))
            happened = posted + sum(moved for _, moved, _ in waiting if chance.random() < 0.9)
        else:
            told.append(_told("shop", "movement", chance.choice([-2, 3]), instant, f"E{chance.randint(0, len(told))}"))
    for number, fact in enumerate(told[:facts], start=1):
        heard = datetime.fromisoformat(fact["received_at"]) + timedelta(seconds=chance.choice([1, 1, 5, 40, 700]))
        fact |= {"id": f"f{number}", "received_at": heard.isoformat()}
        if fact["kind"] == "movement" and fact["source"] != "wms" and chance.random() < 0.3:
            fact["line_key"] = f"D{number // 6}/{number}"
    return {"name": f"posting-late-{seed}", "doc": "Generated.", "network": network, "facts": told[:facts]}


def _told(source: str, kind: str, quantity: int, instant: datetime, event: str | None = None) -> dict[str, Any]:
    fact = {
        "id": "", "source": source, "kind": kind, "item": "A", "location": "HUB", "measure": "on_hand",
        "quantity": quantity, "uom": "EA", "recorded": instant.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "received_at": instant.isoformat(),
    }  # fmt: skip
    return fact if event is None else {**fact, "event_key": event}


def changing_units(seed: int, facts: int) -> dict[str, Any]:
    """Cases whose factor is another one every day, told over midnight, revised and cancelled, and counted in pieces."""
    chance = random.Random(seed)
    days = [DAY + timedelta(days=number) for number in range(facts)]
    factors = [{"factor": 4}, *({"factor": 4 + number % 3, "valid_from": f"{day:%Y-%m-%d}"} for number, day in
                                enumerate(days[1:], start=1))]  # fmt: skip
    network = {
        "locations": {"HUB": {"timezone": "UTC"}},
        "items": {"A": {"base_uom": "EA", "item_class": "A", "units": {"CA": factors}}},
        "sources": {
            "wms": {"system": "wms", "feed": "api", "clock_skew_s": chance.choice([0, 60])},
            "tpl": {"system": "3pl", "feed": "edi", "clock_skew_s": chance.choice([0, 600])},
        },
        "ownership": [
            {**RULE, "source": "wms", "role": "primary", "grain": "item"},
            {**RULE, "source": "tpl", "role": "secondary"},
        ],
    }
    told: list[dict[str, Any]] = []
    stock, day = 200, 0
    while len(told) < facts:
        kind = chance.choices(["night", "day", "count", "report"], weights=[8, 3, 5, 3])[0] if told else "count"
        minute = {"night": 23 * 60 + chance.choice([20, 30, 45]), "day": 14 * 60, "count": 12 * 60, "report": 0}[kind]
        instant = days[day % facts] + timedelta(minutes=minute + chance.choice([0, 5, 9]))
        fact = _told("tpl" if kind == "report" else "wms", "balance", stock, instant)
        if kind in ("night", "day"):
            cases = chance.choice([-2, -1, -1, 1, 3])
            fact |= {"kind": "movement", "quantity": cases, "uom": "CA", "event_key": f"E{len(told)}"}
            last = next((f for f in reversed(told) if f["kind"] == "movement"), None)
            if last and last.get("revision", 1) < 3 and chance.random() < 0.3:
                fact |= {"event_key": last["event_key"], "line_key": last.get("line_key", last["id"])}
                fact["revision"] = last.get("revision", 1) + 1
                fact["cancel"] = chance.random() < 0.3
            stock += cases * chance.choice([4, 5, 6])
        else:
            fact["quantity"] = stock + chance.choice([0, 0, 0, -1, 1])
        ends = instant
        if kind == "night" or chance.random() < 0.2:
            ends = instant + timedelta(minutes=chance.choice([10, 50, 60]))
            fact["recorded"] = {"from": f"{instant:%Y-%m-%dT%H:%M}Z", "to": f"{ends:%Y-%m-%dT%H:%M}Z"}
        fact["id"] = f"f{len(told) + 1}"
        fact["received_at"] = (ends + timedelta(seconds=chance.choice([1, 60, 60, 7200]))).isoformat()
        told.append(fact)
        day += chance.choice([0, 1, 1])
    return {"name": f"changing-units-{seed}", "doc": "Generated.", "network": network, "facts": told}
