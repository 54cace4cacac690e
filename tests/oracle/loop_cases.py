"""Seeded cases of closed loops: orders, receipts, transfers, returns, counts and what is set aside (ADR 0032).

``loop_case(seed)`` has the shape of ``beyond(seed)``, and the same seed gives the same case.
"""

from __future__ import annotations

import random
from datetime import timedelta

from tests.oracle.beyond import START, Case, Entry, Telling, releases, transfers


class LoopTelling(Telling):
    """A case in the making, with returns."""

    def __init__(self, chance: random.Random, theme: str) -> None:
        super().__init__(chance, theme)
        self.returns: list[Entry] = []
        for measure in ("damaged", "quarantined"):
            self.network["ownership"].append(
                {"measure": measure, "location": "*", "source": "wms", "role": "primary", "grain": "item"}
            )


def loop_case(seed: int) -> Case:
    """One scenario; its theme is a function of the seed."""
    chance = random.Random(f"loops/{seed}")
    theme = sorted(THEMES)[seed % len(THEMES)]
    found = LoopTelling(chance, theme)
    THEMES[theme](found)
    found.facts.sort(key=lambda fact: (fact["received_at"], fact["id"]))
    return {
        "name": f"loops-{seed}", "doc": f"Generated; theme {theme}.", "network": found.network, "facts": found.facts,
        "documents": [], "pushes": [], "decisions": found.decisions, "returns": found.returns,
    }  # fmt: skip


def orders(t: LoopTelling) -> None:
    """Releases as elsewhere, often cancelled, whole or served by something else; what left may come back."""
    chance = t.chance
    if chance.random() < 0.2:
        releases(t)
        return
    t.tell(kind="balance", quantity=50, at=START - timedelta(hours=2))
    for key in ("O1", "O2"):
        said = t.tell(source="erp", measure="provisional", event_key=key, quantity=chance.choice([3, 5, 5]))
        if chance.random() < 0.3:
            line = str(said.get("line_key", said["id"]))
            t.tell(
                source="erp", measure="provisional", quantity=0, event_key=key, revision=4, line_key=line, cancel=True
            )
        elif chance.random() < 0.3:
            t.again(said)
    for _ in range(chance.randint(1, 5)):
        said = t.tell(
            quantity=chance.choice([-5, -3, -2, -2, -1, 2, 3]), serves=chance.choice(["O1", "O1", "O2", None]),
            final=chance.random() < 0.4, item=chance.choice(["A", "A", "B"]),
            location=chance.choice(["HUB", "HUB", "HUB", "CHI"]),
        )  # fmt: skip
        if chance.random() < 0.4:
            t.again(said)


def receipts(t: LoopTelling) -> None:
    """Announcements and receipts of two shipments by one EDI source, by a WMS beside it, or by both."""
    chance = t.chance
    if chance.random() < 0.5:  # nobody owns what is under way: all of it is evidence
        t.network["ownership"] = [rule for rule in t.network["ownership"] if rule["measure"] != "in_transit"]
    for shipment in ("N1", "N2"):
        for line in range(chance.randint(1, 2)):
            due = chance.choice([None, None, "2026-05-05", "2199-01-01T00:00Z"])
            said = t.tell(
                measure="in_transit", source=chance.choice(["tpl", "tpl", "tpl", "wms"]), due=due,
                quantity=chance.choice([2, 5, 5, 0]), event_key=f"{shipment}/{line}",
                item=chance.choice(["A", "A", "B"]),
            )  # fmt: skip
            if chance.random() < 0.3:
                t.again(said)
        for line in range(chance.randint(1, 2)):
            said = t.tell(
                measure="in_transit", source=chance.choice(["tpl", "tpl", "tpl", "wms"]), serves=shipment,
                quantity=chance.choice([-2, -5, -6, 0]), event_key=f"R{shipment}/{line}",
                item=chance.choice(["A", "A", "B"]), location=chance.choice(["HUB", "HUB", "HUB", "CHI"]),
            )  # fmt: skip
            if chance.random() < 0.3:
                t.again(said)


def returns(t: LoopTelling) -> None:
    """Lines of two returns, told again and revised; goods that come back, are held, sold, broken and scrapped."""
    chance = t.chance
    t.tell(kind="balance", quantity=50, at=START - timedelta(hours=2))
    for number in range(chance.randint(1, 4)):
        line: Entry = {
            "id": f"q{number}", "source": chance.choice(["erp", "erp", "erp", "wms"]),
            "return": chance.choice(["M1", "M1", "M2"]),
            "item": chance.choice(["A", "A", "A", "B", "Z"]), "location": chance.choice(["HUB", "HUB", "HUB", "CHI"]),
            "quantity": chance.choice([0, 1, 2, 3, 5]), "revision": chance.choice([1, 1, 1, 2, 3]),
            "authorised_at": t.at().isoformat(), "received_at": t.at().isoformat(),
        }  # fmt: skip
        if chance.random() < 0.3:
            line["refunded_at"] = t.at().isoformat()
        if chance.random() < 0.4:
            line["due"] = chance.choice(["2026-05-09T00:00:00+00:00", "2199-01-01T00:00:00+00:00"])
        if chance.random() < 0.15:
            line["cancel"] = True
        t.returns.append(line)
    for number in range(chance.randint(1, 6)):
        measure = chance.choice(["on_hand", "on_hand", "on_hand", "quarantined", "quarantined", "damaged"])
        event = "W" if chance.random() < 0.1 else f"W{number}"
        said = t.tell(
            measure=measure, quantity=chance.choice([1, 2, 3, 3, -1, -2]),
            source=chance.choice(["wms", "wms", "wms", "tpl"]),
            serves=chance.choice(["M1", "M1", "M1", "M2", "M3", None]), item=chance.choice(["A", "A", "A", "B"]),
            event_key=event, location=chance.choice(["HUB", "HUB", "HUB", "CHI"]),
        )  # fmt: skip
        if chance.random() < 0.5:
            t.again(said)


def counts(t: LoopTelling) -> None:
    """Counts by the owner, by one who may stand in and by an observer; adjustments that fit one, or none."""
    chance = t.chance
    if chance.random() < 0.6:  # what the other one counts is evidence
        t.network["ownership"] = [
            rule for rule in t.network["ownership"] if (rule["measure"], rule["role"]) != ("on_hand", "secondary")
        ]
    t.tell(kind="balance", quantity=20, at=START - timedelta(hours=2))
    for _ in range(chance.randint(1, 3)):
        t.tell(
            kind="balance", source=chance.choice(["tpl", "tpl", "tpl", "wms"]),
            lot=chance.choice([None, None, None, "L1"]),
            quantity=chance.choice([17, 17, 18, 20, 23]), reason=chance.choice(["count", "count", "count", None]),
            event_key=chance.choice(["C1", "C2", "C3"]),
        )  # fmt: skip
    for number in range(chance.randint(0, 3)):
        said = t.tell(
            quantity=chance.choice([-3, -3, -3, -2, 3, 1]), reason=chance.choice(["count", "count", "count", None]),
            event_key=chance.choice(["C1", f"J{number}"]), item=chance.choice(["A", "A", "A", "B"]),
            at=START + timedelta(minutes=chance.choice([0, 60, 130, 200])),
        )  # fmt: skip
        if chance.random() < 0.25:
            t.again(said)
    counted = [fact["id"] for fact in t.facts if fact["kind"] == "balance"]
    if chance.random() < 0.3:
        at = START + timedelta(days=1)
        t.decisions.append({
            "id": "d1", "kind": "accept", "by": "eva", "why": "looked", "decided_at": at.isoformat(),
            "facts": [chance.choice(counted)],
        })  # fmt: skip


def set_aside(t: LoopTelling) -> None:
    """Broken, held, taken off hold, revised and taken back."""
    chance = t.chance
    for _ in range(chance.randint(1, 5)):
        said = t.tell(
            measure=chance.choice(["damaged", "quarantined"]), quantity=chance.choice([-2, 0, 1, 2, 4]),
            event_key=chance.choice(["H1", "H2", "H3"]), item=chance.choice(["A", "A", "B"]),
            source=chance.choice(["wms", "wms", "wms", "tpl"]), location=chance.choice(["HUB", "HUB", "CHI"]),
        )  # fmt: skip
        if chance.random() < 0.4:
            t.again(said)


THEMES = {
    "counts": counts, "orders": orders, "receipts": receipts, "returns": returns, "set_aside": set_aside,
    "transfers": transfers,
}  # fmt: skip
