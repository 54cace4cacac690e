"""The oracle's loops and what they have to tell, from the rules in docs/how-to/close-a-loop.md.

Written from that page and from what the oracle says of releases, transfers, dispositions and verdicts; never from the
models. Rows have the shape of ``expect: loops`` in a scenario file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.oracle.ordering import kept_order
from tests.oracle.reading import Fact, micros
from tests.oracle.rules import Answer
from tests.oracle.views import AS_OF, Event, Row, Views

Line = tuple[str, str, str]  # return, item, location
ASIDE = {"damaged": "damage", "quarantined": "hold"}


class Loops:
    """Every loop of a scenario."""

    def __init__(self, scenario: dict[str, Any], views: Views, out: Answer) -> None:
        self.scenario, self.views, self.out = scenario, views, out
        self.entries = {entry["id"]: entry for entry in scenario["facts"]}
        self.served = {
            event: serves
            for event in views.events
            if event[2] in ("on_hand", "quarantined", "damaged") and (serves := self._serves(event))
        }
        self.authorised = self._authorised()
        self.known = {(key, location) for key, _, location in self.authorised}

    def rows(self) -> list[Row]:
        found = [*self._releases(), *self._transfers(), *self._receipts(), *self._returns(), *self._counts()]
        found += self._set_aside()
        for row in found:
            row["notices"] = sorted(_notices(row))
        return sorted(found, key=lambda row: (row["kind"], row["subject"], row["item"], row["location"]))

    def _last(self, event: Event) -> Fact:
        return self.views.events[event][-1]

    def _serves(self, event: Event) -> str | None:
        doubles = sorted(self.views.doubles.get(event, []), key=lambda f: (f.revision, kept_order(f)))
        return next((f.serves for f in [*self.views.events[event], *doubles] if f.serves), None)

    def _releases(self) -> list[Row]:
        found = []
        for release in self.out.releases:
            left = release["confirmed"] + release["substituted"]
            took = any(
                serves == release["release"] and event[1:] == (release["location"], "on_hand")
                and self._last(event).amounts[0] < 0
                for event, serves in self.served.items()
            )  # fmt: skip
            if release["released"] == 0:
                kind = "cancelled_after_pick" if took else "cancelled"
                state = "waiting" if left > 0 else "closed"
            elif release["state"] == "short":
                kind, state = "short_pick", "waiting"
            elif release["substituted"] > 0:
                kind, state = "substitution", "open" if release["state"] in ("open", "partly") else "closed"
            else:
                continue
            found.append(
                _row(kind, release["release"], release, release["released"], release["confirmed"],
                     release["back_order"], state, release["substituted"])
            )  # fmt: skip
        return found

    def _transfers(self) -> list[Row]:
        found = []
        for t in self.out.transfers:
            if t["measure"] != "on_hand" or t["state"] not in ("short", "over", "closed"):
                continue
            late = t.get("overdue") or t["state"] == "over"
            state = "closed" if t["state"] == "closed" else "overdue" if late else "waiting"
            kind = "transfer_over" if t["state"] == "over" else "transfer_short"
            at = {"item": t["item"], "location": t["from"]}
            row = _row(kind, t["event_key"], at, t["shipped"], t["received"], t["in_transit"], state)
            found.append(row | {"to": t["to"]})
        return found

    def _receipts(self) -> list[Row]:
        last: dict[tuple[str, str, str], Fact] = {}
        for name, fact in self.views.facts.items():
            source = self.scenario["network"]["sources"].get(fact.source) or {}
            if (
                fact.kind == "movement" and fact.measure == "in_transit" and source.get("feed") == "edi"
                and self.out.dispositions[name] in ("applied", "absorbed", "not_owner")
            ):  # fmt: skip
                place = (fact.event_key, fact.item, fact.location)
                if place not in last or _says_later(fact, last[place]):
                    last[place] = fact
        announced: dict[Line, list[Fact]] = {}
        arrived: dict[Line, int] = {}
        for (event, item, location), fact in last.items():
            if fact.serves is None:
                shipment = event.rsplit("/", 1)[0] if "/" in event else event
                announced.setdefault((shipment, item, location), []).append(fact)
            else:
                place = (fact.serves, item, location)
                arrived[place] = arrived.get(place, 0) - fact.amounts[0]
        found = []
        for place, told in announced.items():
            expected, came = sum(f.amounts[0] for f in told), arrived.get(place)
            if came is None or expected <= 0 or came == expected:
                continue
            late = _is_past([f.due for f in told if f.due is not None])
            kind, state = ("receipt_over", "closed") if came > expected else ("receipt_short", _late(late))
            found.append(_row(kind, place[0], _at(place), expected, came, expected - came, state))
        return found

    def _authorised(self) -> dict[Line, dict[str, Any]]:
        network = self.scenario["network"]
        told: dict[tuple[str, Line], list[dict[str, Any]]] = {}
        for each in self.scenario.get("returns") or []:
            if each["item"] in network["items"] and each["location"] in network["locations"]:
                line = (str(each["return"]), each["item"], each["location"])
                told.setdefault((each["source"], line), []).append(each)
        found: dict[Line, dict[str, Any]] = {}
        for (_, line), said in told.items():
            last = min(
                said, key=lambda r: (-r.get("revision", 1), micros(datetime.fromisoformat(r["received_at"])), r["id"])
            )
            row = found.setdefault(line, {"quantity": 0, "refunded": False, "dues": []})
            row["quantity"] += 0 if last.get("cancel") else last["quantity"]
            row["refunded"] |= any(each.get("refunded_at") for each in said)
            if last.get("due"):
                row["dues"].append(micros(datetime.fromisoformat(last["due"])))
        return found

    def _returns(self) -> list[Row]:
        came: dict[Line, dict[str, int]] = {}
        for event, key in self.served.items():
            if (key, event[1]) in self.known:
                amount, measure = self._last(event).amounts[0], event[2]
                name = measure if measure != "on_hand" else "received" if amount > 0 else "written_off"
                row = came.setdefault((key, self._last(event).item, event[1]), {})
                row[name] = row.get(name, 0) + (abs(amount) if measure == "on_hand" else amount)
        found = []
        for line in sorted({*self.authorised, *came}):
            said = self.authorised.get(line, {"quantity": 0, "refunded": False, "dues": []})
            got = came.get(line, {})
            received, written_off = got.get("received", 0), got.get("written_off", 0)
            held, damaged = max(got.get("quarantined", 0), 0), max(got.get("damaged", 0), 0)
            if said["quantity"] <= 0 and received <= 0:
                continue
            missing = said["quantity"] - received
            state = (
                _late(said["refunded"] or _is_past(said["dues"])) if missing > 0 else "waiting" if held else "closed"
            )
            found.append(
                _row("return", line[0], _at(line), said["quantity"], received, missing, state) | {
                    "held": held, "damaged": damaged, "written_off": written_off,
                    "restocked": received - held - damaged - written_off, "refunded": said["refunded"],
                }
            )  # fmt: skip
        return found

    def _counts(self) -> list[Row]:
        counts = [
            fact
            for name, fact in self.views.facts.items()
            if fact.kind == "balance" and self._reason(name) == "count"
            and self.out.verdicts.get(name, ("", []))[0] == "discrepancy"
        ]  # fmt: skip
        accepted = {
            name for each in self.scenario.get("decisions") or [] if each["kind"] == "accept" for name in each["facts"]
        }
        adjustments = sorted(
            (told[0].said[0], event[0], str(self.entries.get(told[0].id, {}).get("lot") or ""), event)
            for event, told in self.views.events.items()
            if any(self._reason(f.id) == "count" for f in told) and told[-1].amounts[0] != 0
        )
        answered: dict[str, Event] = {}
        for c in counts:
            for begins, _, lot, event in adjustments:
                last = self._last(event)
                fits = (c.item, c.location, c.measure) == (last.item, *event[1:]) and c.lot in ("", lot)
                is_answer = fits and begins >= c.said[0] and last.amounts[0] in self.out.verdicts[c.id][1]
                if is_answer and self.out.dispositions[c.id] != "applied":
                    answered.setdefault(c.id, event)
        found = []
        for c in counts:
            difference = min(self.out.verdicts[c.id][1], key=lambda n: (abs(n), n))
            answer = (
                "booked" if self.out.dispositions[c.id] == "applied" else "adjusted" if c.id in answered
                else "accepted" if c.id in accepted else "none"
            )  # fmt: skip
            state = "waiting" if answer == "none" else "closed"
            at = {"item": c.item, "location": c.location}
            row = _row("cycle_count", c.event_key, at, c.amounts[0] - difference, c.amounts[0], -difference, state)
            found.append(row | {"measure": c.measure, "answer": answer})
        for *_, event in adjustments:
            if event not in answered.values():
                amount, at = self._last(event).amounts[0], {"item": self._last(event).item, "location": event[1]}
                row = _row("cycle_count", event[0], at, 0, amount, -amount, "closed")
                found.append(row | {"measure": event[2], "answer": "adjusted"})
        return found

    def _reason(self, name: str) -> str | None:
        return self.entries.get(name, {}).get("reason")

    def _set_aside(self) -> list[Row]:
        found = []
        for event in self.views.events:
            amount = self._last(event).amounts[0]
            is_returned = event[2] == "quarantined" and (self.served.get(event), event[1]) in self.known
            if event[2] in ASIDE and amount > 0 and not is_returned:
                at = {"item": self._last(event).item, "location": event[1]}
                found.append(_row(ASIDE[event[2]], event[0], at, 0, amount, 0, "closed"))
        return found


def _kept_line(said: dict[str, Any]) -> tuple[int, int, str]:
    """Least is the line of a return that holds: the last revision, received first."""
    return (-said.get("revision", 1), micros(datetime.fromisoformat(said["received_at"])), said["id"])


def _says_later(fact: Fact, other: Fact) -> bool:
    return (-fact.revision, fact.received, fact.id) < (-other.revision, other.received, other.id)


def _is_past(dues: list[int]) -> bool:
    return bool(dues) and max(dues) <= AS_OF


def _late(is_late: bool) -> str:
    return "overdue" if is_late else "waiting"


def _at(line: Line) -> Row:
    return {"item": line[1], "location": line[2]}


def _row(
    kind: str, subject: str, at: Row, expected: int, happened: int, missing: int, state: str, substituted: int = 0
) -> Row:
    row = {
        "kind": kind, "subject": subject, "item": at["item"], "location": at["location"], "expected": expected,
        "happened": happened, "missing": missing, "state": state,
    }  # fmt: skip
    return row | ({"substituted": substituted} if substituted else {})


def _notices(row: Row) -> list[str]:
    """Names of what is told, the status behind the name of one that has one."""
    kind = row["kind"]
    if kind in ("short_pick", "substitution", "cancelled", "cancelled_after_pick"):
        return _of_release(row)
    if kind == "return":
        return _of_return(row)
    simple = {"cycle_count": "stock.counted", "damage": "stock.damaged", "hold": "stock.held"}
    return [simple.get(kind, kind.replace("_", "."))]


def _of_release(row: Row) -> list[str]:
    kind, missing = row["kind"], row["missing"] > 0
    status = {
        "cancelled": "cancelled", "cancelled_after_pick": "cancelled",
        "substitution": "partly shipped" if row["state"] == "open" else "shipped",
    }.get(kind, "back-ordered" if missing else "shipped")  # fmt: skip
    told = [f"order.status {status}"]
    if kind != "cancelled":
        told.append("billing.adjust")
    if kind == "cancelled_after_pick":
        told.append("order.cancelled_after_pick")
    if kind == "short_pick":
        told += ["order.short", *(["order.back_ordered"] if missing else [])]
    if kind in ("short_pick", "substitution") and row.get("substituted", 0) > 0:
        told.append("order.substituted")
    return told


def _of_return(row: Row) -> list[str]:
    told, missing = [], row["missing"]
    if row["happened"] > 0:
        told.append("return.received received" + (" short" if missing > 0 else " over" if missing < 0 else ""))
    if row["refunded"] and missing > 0:
        told.append("return.missing")
    if row["happened"] > 0 and row["state"] == "closed":
        told.append("return.dispositioned")
    return told
