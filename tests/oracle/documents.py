"""The oracle's documents: incomplete, proven, and what they state without a line (semantics §15).

Written from the page by somebody who had not seen the models; it shares no code with the product.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.oracle.pushes import Pushes
from tests.oracle.reading import Fact, Network, is_one_unit, micros, part_at, read_fact

Read = dict[str, Fact | str]
Entry = dict[str, Any]
NEVER = ("available", "provisional")


class Documents:
    """All documents of a scenario with the facts that name them, each fact once."""

    def __init__(self, scenario: dict[str, Any], entries: dict[str, Entry]) -> None:
        self.network = Network(scenario["network"])
        self.told: dict[str, Entry] = {document["id"]: document for document in scenario.get("documents") or []}
        self.entries = entries
        self.lines: dict[str, list[Entry]] = {name: [] for name in self.told}
        for entry in entries.values():
            if entry.get("document") in self.lines:
                self.lines[entry["document"]].append(entry)
        self.incomplete = {name for name in self.told if self._is_incomplete(name)}

    def _is_incomplete(self, name: str) -> bool:
        control, lines = self.told[name].get("control") or {}, self.lines[name]
        if control.get("lines") is not None and int(control["lines"]) != len(lines):
            return True
        units = sum((Fraction(str(line["quantity"])) for line in lines), Fraction(0))
        return control.get("units") is not None and Fraction(str(control["units"])) != units

    def refused(self, read: Read) -> Read:
        """Lines of incomplete documents: quarantined, before anything else is asked of them but a test's mark."""
        return {
            line["id"]: "quarantined"
            for name in self.incomplete
            for line in self.lines[name]
            if read[line["id"]] != "test" and not line.get("test")
        }

    def _identity(self, name: str) -> tuple[str, str]:
        return self.told[name]["source"], str(self.told[name].get("key", name))

    def _revision(self, name: str) -> int:
        return int(self.told[name].get("revision", 1))

    def is_proven(self, name: str, read: Read) -> bool:
        """Does its silence say 0?"""
        document, lines = self.told[name], self.lines[name]
        scope, control = document.get("complete"), document.get("control") or {}
        has_total = control.get("lines") is not None or control.get("units") is not None
        if not scope or not has_total or not lines or name in self.incomplete or isinstance(document["recorded"], dict):
            return False
        if set(NEVER) & set(scope["measures"]):
            return False
        keys = {(str(line.get("line_key", line["id"])), line["location"], line["measure"]) for line in lines}
        if len(keys) < len(lines):
            return False
        if not all(self._is_sound(document, scope, line, read[line["id"]]) for line in lines):
            return False
        return not any(
            self._identity(other) == self._identity(name) and self._revision(other) > self._revision(name)
            for other in self.told
            if self.lines[other]
        )

    @staticmethod
    def _is_sound(document: Entry, scope: Entry, line: Entry, fact: Fact | str) -> bool:
        return (
            isinstance(fact, Fact)
            and fact.disposition != "test"
            and fact.kind == "balance"
            and not fact.cancel
            and (line["source"], line["recorded"]) == (document["source"], document["recorded"])
            and line["location"] in scope["locations"]
            and line["measure"] in scope["measures"]
        )

    def stated(self, read: Read, pushes: Pushes) -> Read:
        """Absences and sums of every proven document, as facts."""
        known = [
            (fact, entry)
            for name, entry in sorted(self.entries.items())
            if isinstance(fact := read[name], Fact) and fact.disposition is None and not pushes.carried_by(entry)
        ]
        found: Read = {}
        for name in sorted(self.told):
            if self.is_proven(name, read):
                found |= self._absences(name, known)
                found |= self._sums(name, read)
        return found

    def _grain(self, fact: Fact, at: int) -> str:
        item_class = self.network.items[fact.item].get("item_class", "any")
        return self.network.grain_at(fact.measure, fact.location, item_class, at)

    def _absences(self, name: str, known: list[tuple[Fact, Entry]]) -> Read:
        scope, found = self.told[name]["complete"], {}
        for fact, entry in known:
            if fact.location not in scope["locations"] or fact.measure not in scope["measures"]:
                continue
            begins = self._begins(name, fact.location)
            if begins is None:
                continue
            grain = self._grain(fact, begins)
            part = part_at(grain, str(entry.get("lot") or ""), str(entry.get("owner") or ""))
            if (grain != "item" and not part) or (grain == "serial" and not is_one_unit(fact.kind, fact.amounts)):
                continue
            if not any(self._names(line, fact, part, grain) for line in self.lines[name]):
                which = {"owner" if grain == "owner" else "lot": part} if part else {}
                found |= self._state(name, "absent", fact, part, 0, which)
        return found

    @staticmethod
    def _names(line: Entry, fact: Fact, part: str, grain: str) -> bool:
        if (line["item"], line["location"], line["measure"]) != (fact.item, fact.location, fact.measure):
            return False
        return part_at(grain, str(line.get("lot") or ""), str(line.get("owner") or "")) in (part, "")

    def _groups(self, name: str, read: Read) -> list[tuple[str, list[Fact]]]:
        """Lines of a proven document by the stock key that they are of, where it takes a sum to say it."""
        groups: dict[tuple[str, str, str, str], list[Fact]] = {}
        for line in self.lines[name]:
            fact = read[line["id"]]
            assert isinstance(fact, Fact)
            grain = self._grain(fact, fact.start)
            part = part_at(grain, *_named(line))
            if grain == "item" or part:
                groups.setdefault((fact.item, fact.location, fact.measure, part), []).append(fact)
        return [
            (key[3], facts)
            for key, facts in groups.items()
            if (len(facts) > 1 or facts[0].is_finer) and all(len(fact.amounts) == 1 for fact in facts)
        ]

    def _sums(self, name: str, read: Read) -> Read:
        found: Read = {}
        for part, facts in self._groups(name, read):
            which = {"owner" if facts[0].grain == "owner" else "lot": part} if part else {}
            found |= self._state(name, "sum", facts[0], part, sum(fact.amounts[0] for fact in facts), which)
        return found

    def parts(self, read: Read) -> Read:
        """Lines that are parts of a sum: evidence."""
        return {
            fact.id: replace(fact, is_part=True)
            for name in self.told
            if self.is_proven(name, read)
            for _, facts in self._groups(name, read)
            for fact in facts
        }

    def _begins(self, name: str, location: str) -> int | None:
        entry = self._entry(name, "begins", {"location": location, "measure": "allocated"})
        fact = read_fact(self.network, entry, [self._received(name)])
        return fact.start if isinstance(fact, Fact) else None

    def _received(self, name: str) -> int:
        return micros(datetime.fromisoformat(self.told[name]["received_at"]))

    def _entry(self, name: str, word: str, more: Entry) -> Entry:
        """A line of the document as it could have been written."""
        document, line = self.told[name], self.lines[name][0]
        return {
            "id": f"{name}/{word}", "source": document["source"], "kind": "balance", "item": line["item"],
            "location": line["location"], "measure": line["measure"], "quantity": 0,
            "uom": self.network.items[line["item"]].get("base_uom", "EA"), "recorded": document["recorded"],
            "received_at": document["received_at"],
        } | more  # fmt: skip

    def _state(self, name: str, word: str, of: Fact, part: str, quantity: int, which: Entry) -> Read:
        tail = f"/{_in_path(part)}" if part else ""
        said = f"{name}/{word}/{_in_path(of.item)}/{_in_path(of.location)}/{of.measure}{tail}"
        key = f"{self.told[name].get('key', name)}/{word}/{_in_path(of.item)}{tail}"
        entry = self._entry(name, word, {
            "id": said, "item": of.item, "location": of.location, "measure": of.measure, "quantity": quantity,
            "uom": of.base_uom, "line_key": key, **which,
        })  # fmt: skip
        fact = read_fact(self.network, entry, [self._received(name)])
        # Not at a place where the document's time does not exist, or has not come.
        return {said: fact} if isinstance(fact, Fact) else {}


def _named(line: Entry) -> tuple[str, str]:
    return str(line.get("lot") or ""), str(line.get("owner") or "")


def _in_path(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")
