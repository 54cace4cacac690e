"""The oracle's releases, serials, books and transfers, from what counts (semantics §11 to §14)."""

from __future__ import annotations

from typing import Any

from tests.oracle.ordering import kept_order, order
from tests.oracle.reading import SECOND, Fact
from tests.oracle.rules import Answer

AS_OF = 4102444800 * SECOND  # 2100-01-01T00:00Z, the run time of scenarios
Event = tuple[str, str, str]
Row = dict[str, Any]


class Views:
    """Everything that is read from the dispositions and balances of an answer."""

    def __init__(self, facts: dict[str, Fact], out: Answer) -> None:
        self.facts, self.out = facts, out
        # Movements that count, by revision, and their doubles: (event key, location, measure).
        self.events: dict[Event, list[Fact]] = {}
        self.doubles: dict[Event, list[Fact]] = {}
        for name, fact in sorted(facts.items()):
            if fact.kind == "movement":
                event = (fact.event_key, fact.location, fact.measure)
                if out.dispositions[name] in ("applied", "absorbed"):
                    self.events.setdefault(event, []).append(fact)
                elif out.dispositions[name] == "duplicate":
                    self.doubles.setdefault(event, []).append(fact)
        for told in self.events.values():
            told.sort(key=lambda f: f.revision)

    def _serves(self, event: Event) -> str | None:
        doubles = sorted(self.doubles.get(event, []), key=lambda f: (f.revision, kept_order(f)))
        return next((f.serves for f in [*self.events[event], *doubles] if f.serves), None)

    def releases(self) -> list[Row]:
        serving: dict[tuple[str, str], list[Event]] = {}
        for event in self.events:
            if event[2] == "on_hand" and (release := self._serves(event)):
                serving.setdefault((release, event[1]), []).append(event)
        found = [
            self._release(key, location, told[-1], serving.get((key, location), []))
            for (key, location, measure), told in self.events.items()
            if measure == "provisional"
        ]
        return sorted(found, key=lambda row: (row["release"], row["location"]))

    def _release(self, key: str, location: str, last: Fact, mine: list[Event]) -> Row:
        amounts = [(self.events[e][-1].item, -self.events[e][-1].amounts[0]) for e in mine]
        confirmed = sum(n for item, n in amounts if item == last.item)
        substituted = sum(n for item, n in amounts if item != last.item)
        is_final = any(f.is_final for e in mine for f in (*self.events[e], *self.doubles.get(e, [])))
        released = last.amounts[0]
        rest = released - confirmed - substituted
        state = self._state(last, rest, is_final, bool(mine))
        return {
            "release": key, "item": last.item, "location": location, "released": released, "confirmed": confirmed,
            "substituted": substituted, "outstanding": rest if state in ("open", "partly") else 0,
            "back_order": rest if state == "short" else 0, "state": state,
        }  # fmt: skip

    def _state(self, last: Fact, rest: int, is_final: bool, is_served: bool) -> str:
        if rest < 0:
            return "over"
        if last.amounts[0] == 0:
            return "cancelled"
        if rest == 0:
            return "shipped"
        if is_final:
            return "short"
        if last.due is not None and last.due <= AS_OF:
            return "expired"
        return "partly" if is_served else "open"

    def serials(self) -> list[Row]:
        at_grain = {f.key for f in self.facts.values() if f.grain == "serial"}
        held: dict[tuple[str, str], dict[str, int]] = {}
        for b in self.out.balances:
            if b["measure"] == "on_hand" and (b["item"], b["location"], b["measure"], b["lot"]) in at_grain:
                held.setdefault((b["item"], b["lot"]), {})[b["location"]] = b["quantity"]
        found = []
        for (item, serial), by_place in sorted(held.items()):
            said = [quantity for quantity in by_place.values() if quantity]
            state = "absent" if not said else "placed" if said == [1] else "disputed"
            places = sorted(place for place, quantity in by_place.items() if quantity > 0)
            found.append({"item": item, "serial": serial, "state": state, "places": places})
        return found

    def financial(self) -> list[Row]:
        totals: dict[tuple[str, str], int] = {}
        for b in self.out.balances:
            if b["measure"] == "on_hand":
                totals[b["item"], b["location"]] = totals.get((b["item"], b["location"]), 0) + b["quantity"]
        for b in self.out.balances:
            if b["measure"] == "consigned" and (b["item"], b["location"]) in totals:
                totals[b["item"], b["location"]] -= b["quantity"]
        return [{"item": i, "location": p, "quantity": q} for (i, p), q in sorted(totals.items())]

    def transfers(self) -> list[Row]:
        legs: dict[tuple[str, str, str], dict[str, list[Fact]]] = {}
        for (key, location, measure), told in self.events.items():
            is_write_off = told[-1].source == "operator" and measure == "in_transit"
            if not is_write_off and measure in ("on_hand", "damaged", "quarantined", "consigned"):
                legs.setdefault((key, told[-1].item, measure), {})[location] = told
        self._announced(legs)
        return [self._transfer(*name, places) for name, places in sorted(legs.items()) if _is_transfer(places)]

    def _announced(self, legs: dict[tuple[str, str, str], dict[str, list[Fact]]]) -> None:
        """Who tells what is under way names the other end before anything came there."""
        for (key, location, measure), told in self.events.items():
            if measure == "in_transit" and told[-1].source != "operator":
                places = legs.setdefault((key, told[-1].item, "on_hand"), {})
                if not _direction(places.get(location, [])):
                    places[location] = told

    def _transfer(self, key: str, item: str, measure: str, places: dict[str, list[Fact]]) -> Row:
        last = {place: told[-1].amounts[0] for place, told in places.items()}
        sides = {place: _direction(told) for place, told in places.items()}
        shipped = -sum(last[place] for place in places if sides[place] < 0)
        received = sum(
            last[place] for place, told in places.items() if sides[place] > 0 and told[-1].measure != "in_transit"
        )
        written_off = -sum(
            told[-1].amounts[0]
            for (event, _, of), told in self.events.items()
            if (event, of, told[-1].item, measure) == (key, "in_transit", item, "on_hand")
            and told[-1].source == "operator"
        )
        moving = shipped - received - written_off
        dues = [told[-1].due for place, told in places.items() if sides[place] < 0 and told[-1].due is not None]
        row: Row = {
            "event_key": key, "item": item, "measure": measure,
            "from": ", ".join(sorted(place for place in places if sides[place] < 0)),
            "to": ", ".join(sorted(place for place in places if sides[place] > 0)),
            "shipped": shipped, "received": received, "in_transit": moving,
            "state": _transfer_state(shipped, received, moving, written_off),
        }  # fmt: skip
        is_overdue = moving > 0 and bool(dues) and max(dues) <= AS_OF
        return row | ({"written_off": written_off} if written_off else {}) | ({"overdue": True} if is_overdue else {})


def _direction(told: list[Fact]) -> int:
    """Which way it went: its first revision that is not 0 says it."""
    said = next((f.amounts[0] for f in sorted(told, key=lambda f: (f.revision, order(f))) if f.amounts[0]), 0)
    return (said > 0) - (said < 0)


def _is_transfer(places: dict[str, list[Fact]]) -> bool:
    sides = {_direction(told) for told in places.values()}
    return {-1, 1} <= sides


def _transfer_state(shipped: int, received: int, moving: int, written_off: int) -> str:
    if not shipped and not received:
        return "cancelled"
    if moving < 0:
        return "over"
    if moving == 0:
        return "closed" if written_off else "received"
    return "short" if received else "in transit"
