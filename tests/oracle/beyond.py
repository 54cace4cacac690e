"""Seeded cases beyond one key: releases, serials, goods by owner, transfers, snapshots, pushes (semantics §11 to §16).

``beyond(seed)`` has the shape of ``generator.case(seed)``, and the same seed gives the same case.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

Case = dict[str, Any]
Entry = dict[str, Any]
START = datetime(2026, 5, 4, 10, tzinfo=UTC)
PLACES = ("HUB", "CHI")


def beyond(seed: int) -> Case:
    """One scenario without ``expect``; its theme is a function of the seed."""
    chance = random.Random(f"beyond/{seed}")
    theme = sorted(THEMES)[seed % len(THEMES)]
    found = Telling(chance, theme)
    THEMES[theme](found)
    found.facts.sort(key=lambda fact: (fact["received_at"], fact["id"]))
    case = {
        "name": f"beyond-{seed}", "doc": f"Generated; theme {theme}.", "network": found.network, "facts": found.facts,
        "documents": found.documents, "pushes": found.pushes,
    }  # fmt: skip
    # Named, so that both are read from the warehouse.
    return case | {"decisions": found.decisions, "expect": {}}


class Telling:
    """A case in the making."""

    def __init__(self, chance: random.Random, theme: str) -> None:
        self.chance = chance
        self.facts: list[Entry] = []
        self.documents: list[Entry] = []
        self.pushes: list[Entry] = []
        self.decisions: list[Entry] = []
        self.network = {
            "locations": {"HUB": {"timezone": "UTC"}, "CHI": {"timezone": "America/Chicago"}},
            "items": {
                "A": {"base_uom": "EA", "item_class": "A", "units": {"CA": 2}},
                "B": {"base_uom": "EA", "item_class": "B"},
            },
            "sources": {
                "wms": {"system": "wms", "feed": "api", "clock_skew_s": chance.choice([0, 0, 60])},
                "tpl": {"system": "3pl", "feed": "edi", "clock_skew_s": chance.choice([0, 60])},
                "erp": {"system": "erp", "feed": "api", "clock_skew_s": 0},
            },
            "ownership": ownership(chance, theme),
        }

    def at(self) -> datetime:
        return START + timedelta(minutes=self.chance.choice([0, 0, 5, 30, 60, 61, 120]))

    def tell(self, **said: Any) -> Entry:
        """A fact of A at the hub on hand, unless it says otherwise."""
        instant = said.pop("at", None) or self.at()
        written = self.chance.choice(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"])
        delay = timedelta(seconds=self.chance.choice([1, 30, 4000]))
        fact = {
            "id": f"f{len(self.facts) + 1}", "source": "wms", "kind": "movement", "item": "A", "location": "HUB",
            "measure": "on_hand", "quantity": -1, "uom": "EA", "recorded": instant.strftime(written),
            "received_at": (instant + delay).isoformat(),
        }  # fmt: skip
        self.facts.append(fact | said)
        return self.facts[-1]

    def again(self, fact: Entry) -> None:
        """Told once more: the same, another revision, a cancel, or by another source."""
        chance = self.chance
        line = str(fact.get("line_key", fact["id"]))
        event = fact.get("event_key", f"{fact['source']}/{line}")
        received = datetime.fromisoformat(fact["received_at"]) + timedelta(seconds=chance.choice([-1, 1, 5000]))
        more: Entry = {"id": f"f{len(self.facts) + 1}", "event_key": event, "received_at": received.isoformat()}
        how = chance.choice(["twice", "other", "revised", "revised", "cancelled"])
        if how == "other":
            more |= {"source": chance.choice(["tpl", "wms"]), "line_key": more["id"]}
        elif how != "twice":
            more |= {"line_key": line, "revision": int(fact.get("revision", 1)) + 1, "cancel": how == "cancelled"}
            more |= {"quantity": fact["quantity"] + chance.choice([0, -1, 1])}
        for name in ("serves", "final"):
            if chance.random() < 0.3:
                more[name] = chance.choice([None, fact.get(name)])
        self.facts.append({**fact, "line_key": more["id"], **more})


def ownership(chance: random.Random, theme: str) -> list[Entry]:
    grain = {"serials": "serial", "snapshots": chance.choice(["item", "item", "lot"])}.get(theme, "item")
    owner = chance.choice(["wms", "wms", "tpl"]) if theme == "snapshots" else "wms"
    other = {"wms": "tpl", "tpl": "wms"}[owner]
    found: list[Entry] = [
        {"measure": "on_hand", "location": "*", "source": owner, "role": "primary", "grain": grain},
        {"measure": "on_hand", "location": "*", "source": other, "role": "secondary"},
        {"measure": "provisional", "location": "*", "source": "erp", "role": "primary", "grain": "item"},
        {"measure": "consigned", "location": "*", "source": "wms", "role": "primary", "grain": "owner"},
        {"measure": "in_transit", "location": "*", "source": "wms", "role": "primary", "grain": "item"},
    ]
    if chance.random() < 0.5:
        found[1]["movements"] = "apply"
    return found


def releases(t: Telling) -> None:
    chance = t.chance
    t.tell(kind="balance", quantity=50, at=START - timedelta(hours=2))
    for key in ("O1", "O2"):
        due = chance.choice([None, None, "2026-05-05", "2026-05-05T12:00Z", "2199-01-01", "never"])
        said = t.tell(
            source=chance.choice(["erp", "erp", "erp", "wms"]), measure="provisional", event_key=key,
            quantity=chance.choice([3, 4, 5, 5, 0, -1]), kind=chance.choice(["movement"] * 9 + ["balance"]), due=due,
            location=chance.choice(["HUB", "HUB", "HUB", "CHI"]),
        )  # fmt: skip
        if chance.random() < 0.5:
            t.again(said)
    for _ in range(chance.randint(1, 4)):
        said = t.tell(
            quantity=chance.choice([-5, -3, -2, -1, -1, 0, 1]), serves=chance.choice(["O1", "O1", "O2", "O3", None]),
            final=chance.random() < 0.3, item=chance.choice(["A", "A", "B"]),
            source=chance.choice(["wms", "wms", "tpl"]), location=chance.choice(["HUB", "HUB", "HUB", "CHI"]),
        )  # fmt: skip
        if chance.random() < 0.5:
            t.again(said)


def serials(t: Telling) -> None:
    chance = t.chance
    for _ in range(chance.randint(2, 6)):
        kind = chance.choice(["balance", "movement", "movement"])
        said = t.tell(
            kind=kind, lot=chance.choice(["X1", "X1", "X2", None]), location=chance.choice(PLACES),
            quantity=chance.choice([0, 1, 1, 1, 2] if kind == "balance" else [-1, -1, 1, 1, -2]),
            uom=chance.choice(["EA"] * 6 + ["CA"]), owner=chance.choice([None, None, None, "ACME"]),
        )  # fmt: skip
        if kind == "movement" and chance.random() < 0.2:
            t.again(said)


def owners(t: Telling) -> None:
    chance = t.chance
    t.tell(kind="balance", quantity=40, at=START - timedelta(hours=2))
    for _ in range(chance.randint(2, 6)):
        kind = chance.choice(["balance", "movement"])
        said = t.tell(
            kind=kind, measure=chance.choice(["consigned", "consigned", "on_hand"]), quantity=chance.choice([1, 4, 9]),
            owner=chance.choice(["ACME", "ACME", "BETA", None]), lot=chance.choice([None, None, "L1"]),
            location=chance.choice(["HUB", "HUB", "CHI"]),
        )  # fmt: skip
        if chance.random() < 0.2:
            # The same line, of another owner.
            t.facts.append(said | {
                "id": f"f{len(t.facts) + 1}", "line_key": str(said.get("line_key", said["id"])),
                "event_key": f"wms/{said['id']}", "owner": chance.choice(["ACME", "BETA", None]),
            })  # fmt: skip


def transfers(t: Telling) -> None:
    chance = t.chance
    for key in ("T1", "T2"):
        gone = chance.choice([0, -3, -5])
        due = chance.choice([None, "2026-05-05T00:00Z", "2199-01-01"])
        said = t.tell(quantity=gone, event_key=key, due=due)
        if chance.random() < 0.3:
            t.again(said)
        if chance.random() < 0.4:
            t.tell(quantity=-gone, event_key=key, location="CHI", measure="in_transit")
        if chance.random() < 0.7:
            said = t.tell(quantity=chance.choice([0, 2, 3, 5, 6]), event_key=key, location="CHI")
            if chance.random() < 0.3:
                t.again(said)
        if chance.random() < 0.4:
            at = START + timedelta(days=1)
            t.decisions.append({
                "id": f"d{key}", "kind": "write_off", "by": "eva", "why": "lost", "decided_at": at.isoformat(),
                "item": "A", "location": "CHI", "measure": "in_transit", "quantity": chance.choice([-1, -2]),
                "recorded": at.isoformat(), "event_key": key,
            })  # fmt: skip


def snapshots(t: Telling) -> None:
    chance = t.chance
    speaker = chance.choice(["tpl", "tpl", "wms"])
    for _ in range(chance.randint(3, 6)):
        kind = chance.choice(["balance", "movement"])
        t.tell(
            kind=kind, item=chance.choice(["A", "B"]), location=chance.choice(PLACES),
            quantity=chance.choice([-2, 3, 8]), source=chance.choice(["wms", "tpl", "erp"]),
            lot=chance.choice([None, "L1", "L2"]),
        )  # fmt: skip
    for number in range(1, chance.randint(1, 2) + 1):
        _snapshot(t, number, speaker)


def _snapshot(t: Telling, number: int, speaker: str) -> None:
    chance, at, name = t.chance, t.at(), f"d{number}"
    written = at.strftime(chance.choice(["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]))
    received = (at + timedelta(seconds=chance.choice([1, 90, 9000]))).isoformat()
    scope = {"locations": list(chance.choice([("HUB",), PLACES])), "measures": ["on_hand"]}
    lines = [
        t.tell(
            source=speaker, kind="balance", item=chance.choices(["A", "B", "Z"], [12, 8, 1])[0],
            location=chance.choice(scope["locations"] if chance.random() < 0.9 else PLACES), document=name,
            quantity=chance.choice([0, 3, 6]), lot=chance.choice([None, None, "L1", "L2"]), recorded=written,
            received_at=received,
        )
        for _ in range(chance.randint(1, 3))
    ]  # fmt: skip
    if chance.random() < 0.1:
        lines[0][chance.choice(["test", "cancel"])] = True
    if chance.random() < 0.1:
        lines[0]["recorded"] = "2026-05-04"
    if chance.random() < 0.1:
        lines[-1]["line_key"] = lines[0]["id"]
    control: Entry = {"lines": len(lines) + (chance.random() < 0.15)}
    if chance.random() < 0.5:
        control["units"] = str(sum(line["quantity"] for line in lines) + (chance.random() < 0.1))
    document: Entry = {"id": name, "source": speaker, "recorded": written, "received_at": received}
    if chance.random() < 0.9:
        document["complete"] = scope
    if chance.random() < 0.9:
        document["control"] = control
    if chance.random() < 0.4:
        document |= {"key": "K", "revision": number}
    t.documents.append(document)


def pushes(t: Telling) -> None:
    chance = t.chance
    for place in PLACES:
        t.tell(kind="balance", quantity=20, at=START - timedelta(hours=2), location=place)
    for number in range(1, chance.randint(1, 3) + 1):
        place, at = chance.choice(PLACES), t.at()
        settled = at + timedelta(seconds=chance.choice([0, 60]))
        push = {
            "id": f"p{number}", "target": "erp", "item": "A", "location": place, "measure": "on_hand",
            "quantity": chance.choice([-2, 0, 2, 3, 5]), "sent_at": at.isoformat(),
        }  # fmt: skip
        t.pushes.append(push | {"settled_at": settled.isoformat()})
    if chance.random() < 0.6:
        # One of a key may be open, the last.
        del max(t.pushes, key=lambda push: (push["sent_at"], push["id"]))["settled_at"]
    for _ in range(chance.randint(1, 4)):
        kind = chance.choice(["balance", "balance", "movement"])
        place = chance.choice(["HUB", "HUB", "CHI"])
        # What the target says often lacks some of them.
        missing = sum(push["quantity"] for push in t.pushes if push["location"] == place and chance.random() < 0.6)
        said = t.tell(
            source=chance.choice(["erp", "erp", "wms"]), kind=kind, location=place,
            quantity=chance.choice([20 - missing, 20 - missing, 17] if kind == "balance" else [-3, 2, 5]),
        )  # fmt: skip
        if chance.random() < 0.2:
            said["correlation"] = chance.choice(t.pushes)["id"]


THEMES = {
    "owners": owners, "pushes": pushes, "releases": releases, "serials": serials, "snapshots": snapshots,
    "transfers": transfers,
}  # fmt: skip
