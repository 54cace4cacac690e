"""The oracle's rules: dispositions, positions, base in force, ledger, verdicts (semantics §4-§6), by brute force.

Slow and plain on purpose: positions are found by trying every subset of the movements. It shares no code with the
product and knows no incremental step: all facts in, all answers out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

from tests.oracle.deciding import Decisions
from tests.oracle.in_flight import Flying, explanation, flying, in_flight
from tests.oracle.ordering import before, grouped, kept_order, order
from tests.oracle.pushes import Pushes
from tests.oracle.reading import APPLYING, OBSERVER, PRIMARY, Fact

Position = frozenset[str]
POSITIONS_MAX = 4096
Choice = dict[tuple[Any, ...], int]


@dataclass
class Answer:
    """What must come out of a scenario, in the shapes of ``syncline scenario run --json``."""

    balances: list[dict[str, Any]] = field(default_factory=list)
    dispositions: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, list[int]]] = field(default_factory=dict)
    explained_by: dict[str, list[str]] = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    reasons: dict[str, str | None] = field(default_factory=dict)  # only those that the page names
    rules: Counter[str] = field(default_factory=Counter)  # how often a rule decided something
    decided: dict[str, str] = field(default_factory=dict)
    # Semantics §11 to §14.
    releases: list[dict[str, Any]] = field(default_factory=list)
    serials: list[dict[str, Any]] = field(default_factory=list)
    financial: list[dict[str, Any]] = field(default_factory=list)
    transfers: list[dict[str, Any]] = field(default_factory=list)
    loops: list[dict[str, Any]] = field(default_factory=list)  # ADR 0032


class Case:
    """All facts of a scenario, by name; what is no fact to the rules (a test, an echo) is its disposition."""

    def __init__(self, read: dict[str, Fact | str], decisions: Decisions, pushes: Pushes, cap: int) -> None:
        self.out, self.cap = Answer(), cap
        self.decisions, self.pushes = decisions, pushes
        self.lost_to: dict[str, str] = {}
        facts: list[Fact] = []
        for name, fact in read.items():
            if isinstance(fact, str):
                self.out.dispositions[name] = fact
            elif fact.disposition:
                self.out.dispositions[name] = fact.disposition
            else:
                facts.append(fact)
        self.facts = facts
        self.delta: dict[str, int] = {}
        # What a counted movement adds: itself, less the telling it revises.
        self.parts: dict[str, list[tuple[int, Fact]]] = {}
        self.line_received: dict[str, int] = {}

    def answer(self) -> Answer:
        self._lines()
        self._balance_revisions()
        self._evidence()
        self._events()
        self._distrust_sequences()
        for key in sorted({f.key for f in self.facts}):
            self._key(key)
        for name in self.out.dispositions:
            if self.out.dispositions[name] == "conflict" and (by := self.decisions.answering(name, self.lost_to[name])):
                self.out.decided[name] = by
        return self.out

    def _chosen(self, fact: Fact) -> int:
        """What a person chose to keep sorts first, the latest choice before others."""
        return -self.decisions.chosen(fact.id)

    def _tell_again(self, fact: Fact, kept: Fact) -> None:
        self._set(fact, "duplicate" if fact.body == kept.body else "conflict")
        self.lost_to[fact.id] = kept.id

    def _open(self, kind: str | None = None) -> list[Fact]:
        return [f for f in self.facts if f.id not in self.out.dispositions and kind in (None, f.kind)]

    def _set(self, fact: Fact, disposition: str) -> None:
        assert fact.id not in self.out.dispositions, fact.id
        self.out.dispositions[fact.id] = disposition

    def _note(self, rule: str, holds: bool = True) -> None:
        if holds:
            self.out.rules[rule] += 1

    def _lines(self) -> None:
        for line in grouped(self._open(), lambda f: (f.source, f.line_key, f.location, f.measure, f.revision)):
            kept, *others = sorted(line, key=lambda f: (self._chosen(f), kept_order(f)))
            for other in others:
                self._tell_again(other, kept)
            self._note("§4 a line is told as two kinds", len({f.kind for f in line}) > 1)

    def _balance_revisions(self) -> None:
        self.other_stock: set[str] = set()
        for line in grouped(self._open("balance"), lambda f: (f.source, f.line_key, f.location, f.measure)):
            line.sort(key=lambda f: f.revision)
            leading = min(line, key=lambda f: (self._chosen(f), f.revision))
            same = [f for f in line if f.stock == leading.stock]
            self.other_stock |= {f.id for f in line if f not in same}
            self._note("§4 a report is revised", len(same) > 1 and not same[-1].cancel)
            self._note("§4 a report is cancelled", same[-1].cancel)
            self._note("§4 a report is revised out of order", same[-1].received < same[0].received)
            self._note("§4 a revised report names other stock", len(line) > len(same))
            self.lost_to |= {f.id: leading.id for f in line if f not in same}
            for fact in same:
                self.line_received[fact.id] = min(f.received for f in same)
                if fact is not same[-1] or fact.cancel:
                    self._set(fact, "superseded")
            if same[-1].cancel:
                for fact in same[:-1]:
                    assert self.out.dispositions[fact.id] == "superseded"

    def _evidence(self) -> None:
        for fact in self._open():
            other_grain = fact.kind == "balance" and (fact.is_coarser or fact.is_finer or fact.is_part)
            if (
                fact.role == OBSERVER
                or fact.measure == "available"
                or other_grain
                or (fact.kind == "movement" and fact.role < APPLYING)
            ):
                self._set(fact, "not_owner")
                if fact.role > OBSERVER and fact.measure != "available" and other_grain:
                    self.out.reasons[fact.id] = _reason_of_another_grain(fact)
            elif fact.id in self.other_stock:
                self._set(fact, "conflict")

    def _events(self) -> None:
        for event in grouped(self._open("movement"), lambda f: (f.event_key, f.location, f.measure)):
            best = min(event, key=lambda f: (self._chosen(f), -f.role, kept_order(f)))
            owner = best.source
            kept = []
            for telling in grouped([f for f in event if f.source == owner], lambda f: f.revision):
                first, *others = sorted(telling, key=lambda f: (self._chosen(f), kept_order(f)))
                kept.append(first)
                for other in others:
                    self._tell_again(other, first)
            kept.sort(key=lambda f: f.revision)
            leading = min(kept, key=lambda f: (self._chosen(f), f.revision))
            counted = [f for f in kept if f.stock == leading.stock]
            for fact in event:
                self.lost_to.setdefault(fact.id, best.id)
            for fact in kept:
                if fact not in counted:
                    self._set(fact, "conflict")
            self._note("§4 a revised movement names other stock", len(kept) > len(counted))
            self._note("§4 a movement is revised", len(counted) > 1)
            self._note("§4 a movement is revised out of order", counted[-1].received < counted[0].received)
            self._note("§4 a movement is taken back", len(counted) > 1 and counted[-1].cancel)
            self._note("§4 the better role is kept, heard later", min(event, key=kept_order).source != owner)
            self._note("§1 several unit factors of a movement", any(len(f.amounts) > 1 for f in counted))
            for revised, fact in zip([None, *counted], counted, strict=False):
                self.parts[fact.id] = [(1, fact), *([(-1, revised)] if revised else [])]
                self.delta[fact.id] = fact.amounts[0] - (revised.amounts[0] if revised else 0)
            for tellings in grouped([f for f in event if f.source != owner], lambda f: f.source):
                latest = min(tellings, key=lambda f: (-f.revision, kept_order(f)))
                agrees = any(latest.body == fact.body for fact in counted)
                self._note("§4 another source tells an event", agrees)
                self._note("§4 another source contradicts an event", not agrees)
                self._note("§4 another source has not heard of a revision", agrees and latest.body != counted[-1].body)
                for fact in tellings:
                    self._set(fact, "duplicate" if agrees else "conflict")

    def _distrust_sequences(self) -> None:
        """A sequence that contradicts a pair of kept facts with disjoint times is none for that key."""
        lost = set()
        for group in grouped(self.facts, lambda f: (f.source, f.key)):
            kept = [f for f in group if self.out.dispositions.get(f.id) not in ("duplicate", "conflict")]
            known = [f for f in kept if f.sequence is not None]
            if any(a.end <= b.start and a.sequence > b.sequence for a in known for b in known):  # type: ignore[operator]
                lost |= {f.id for f in group}
                self._note("§2 a sequence is contradicted")
        self.facts = [f.without_sequence() if f.id in lost else f for f in self.facts]

    def _key(self, key: tuple[str, str, str, str]) -> None:
        mine = [f for f in self.facts if f.key == key]
        moves = sorted((f for f in mine if f.id in self.delta), key=order)
        candidates = [f for f in mine if f.kind == "balance" and f.id not in self.out.dispositions]
        evidence = [f for f in mine if self.out.dispositions.get(f.id) == "not_owner"]
        applied = self._applied(candidates, mine)
        if key[2] == "provisional":  # nothing left yet: no balance, no ledger (semantics §11)
            for fact in moves:
                self._set(fact, "applied")
            return
        told = _Told(
            flying(f for f in evidence if f.kind == "movement"),
            [f for f in self.facts if f.id in self.delta],
            self.pushes,
        )
        statements = [*candidates, *(f for f in evidence if f.kind == "balance")]
        _Key(self.out, key, moves, self.parts, candidates, statements, applied, told, self.cap).decide()

    def _applied(self, candidates: list[Fact], mine: list[Fact]) -> list[Fact]:
        applied = []
        first = min(candidates, key=lambda f: (self.line_received[f.id], order(f)), default=None)
        for fact in candidates:
            known = [p for p in mine if p.role == PRIMARY and p.received <= fact.received and p.id != fact.id]
            is_stale = any(before(fact, p) for p in known)
            is_newer = all(before(p, fact) for p in known)
            self._note("§4 the first received stands in", fact is first and fact.role != PRIMARY and not is_newer)
            self._note("§4 a secondary is newer", fact is not first and fact.role != PRIMARY and is_newer)
            if fact is first or fact.role == PRIMARY or is_newer:
                applied.append(fact)
            elif is_stale:
                self._set(fact, "stale")
        for fact in applied:
            self._set(fact, "applied")
        return sorted(applied, key=order)


def _reason_of_another_grain(fact: Fact) -> str:
    return "coarser_than_grain" if fact.is_coarser else "finer_than_grain" if fact.is_finer else "part_of_a_sum"


def _is_closed(chosen: Iterable[str], ordered: list[tuple[Fact, Fact]]) -> bool:
    held = set(chosen)
    return not any(b.id in held and a.id not in held for a, b in ordered)


@dataclass(frozen=True)
class _Told:
    """Movements that are evidence about a key, and the counted movements of every key."""

    evidence: list[Flying]
    counted: list[Fact]
    pushes: Pushes


def _choice_name(fact: Fact) -> tuple[Any, ...]:
    """Tellings of one event in one unit that see the same factors hang on one choice of factor (ADR 0013)."""
    return (fact.event_key, fact.location, fact.measure, fact.factors)


class _Key:
    """One stock key: positions, verdicts, the base in force, balance and ledger."""

    def __init__(
        self,
        out: Answer,
        key: tuple[str, str, str, str],
        moves: list[Fact],
        parts: dict[str, list[tuple[int, Fact]]],
        candidates: list[Fact],
        statements: list[Fact],
        applied: list[Fact],
        told: _Told,
        cap: int,
    ) -> None:
        self.cap = cap
        self.out, self.key, self.moves, self.parts, self.applied, self.told = out, key, moves, parts, applied, told
        self.candidates, self.statements = candidates, sorted(statements, key=order)
        self.rank = {m.id: rank for rank, m in enumerate(moves)}
        names = {_choice_name(f): len(f.amounts) for m in moves for _, f in parts[m.id] if len(f.amounts) > 1}
        self.choices: list[Choice] = [
            dict(zip(names, drawn, strict=True)) for drawn in product(*(range(n) for n in names.values()))
        ]
        self.known_totals: dict[Position, list[int]] = {}

    def total(self, position: Iterable[str], choice: Choice) -> int:
        return sum(sign * f.amounts[choice.get(_choice_name(f), 0)] for m in position for sign, f in self.parts[m])

    def totals(self, position: Position) -> list[int]:
        """The sum of a position under every choice."""
        if position not in self.known_totals:
            self.known_totals[position] = [self.total(position, choice) for choice in self.choices]
        return self.known_totals[position]

    def booked(self, position: Iterable[str]) -> int:
        """The sum at the factors in force at ``from``."""
        return self.total(position, {})

    def positions(self, s: Fact) -> list[Position]:
        must = {m.id for m in self.moves if before(m, s)}
        may = [m for m in self.moves if m.id not in must and not before(s, m)]
        subsets = (must | {m.id for m in c} for size in range(len(may) + 1) for c in combinations(may, size))
        ties = [(a, b) for a in self.moves for b in self.moves if before(a, b)]
        # With a lag a source may know the later of two movements that other sources told.
        asked = [(a, b) for a, b in ties if not s.has_lag or a.source == b.source]
        found = [frozenset(chosen) for chosen in subsets if _is_closed(chosen, asked)]
        self.out.rules["§5 a statement has several positions"] += len(found) > 1
        self.out.rules["§5 closure bars a set"] += len(may) > 0 and len(found) < 2 ** len(may)
        self.out.rules["§5 a lag frees a set"] += any(not _is_closed(p, ties) for p in found)
        for m in self.moves:
            is_apart = m.source != s.source and (m.end <= s.start or s.end <= m.start)
            self.out.rules["§2 skew or lag leaves a pair unordered"] += is_apart and m in may
            is_tied = m.source == s.source and m.start < s.end and s.start < m.end and m not in may
            self.out.rules["§2 a sequence orders a pair"] += is_tied
        return found

    def default(self, s: Fact) -> Position:
        """The least position that holds every movement it may hold of those not beginning after the statement ends."""
        found = self.found[s.id]
        wanted = {m.id for m in self.moves if m.start < s.end}
        most = max(len(wanted & p) for p in found)
        return min((p for p in found if len(wanted & p) == most), key=len)

    def decide(self) -> None:
        self.found = {s.id: self.positions(s) for s in self.statements}
        self.capped = {name for name, found in self.found.items() if len(found) > self.cap}
        self.out.rules["§5 there are too many positions"] += len(self.capped)
        for found in self.found.values():
            assert found, "a statement without a position"
        stand: dict[str, Position] = {}
        for s in self.statements:
            verdict, variances, stand[s.id] = self._verdict(s)
            self.out.verdicts[s.id] = (verdict, variances)
            if s in self.candidates and s.id not in self.out.dispositions:
                self.out.dispositions[s.id] = "contradicted" if verdict in ("discrepancy", "delay") else "confirmed"
                is_decided = verdict in ("discrepancy", "delay") or variances == [0]
                self.out.reasons[s.id] = None if is_decided else "undecided"
                if verdict == "delay":
                    self.out.reasons[s.id] = "in_flight"
        base = self._base()
        for m in self.moves:
            inside = base is not None and m.id in stand[base.id]
            self.out.dispositions[m.id] = "absorbed" if inside else "applied"
        if base is not None or self.moves:
            self._balance(base, stand)
            self._book(base, stand)

    def _reference(self, s: Fact) -> Fact | None:
        if s.measure == "available" or s.is_coarser or s.is_finer or s.is_part or not self.applied:
            return None
        earlier = [a for a in self.applied if order(a) < order(s)]
        reference = earlier[-1] if earlier else self.applied[0]
        return None if reference.id == s.id else reference

    def _verdict(self, s: Fact) -> tuple[str, list[int], Position]:
        positions, b = self.found, self._reference(s)
        if s.id in self.capped or (b is not None and b.id in self.capped):
            return "incomparable", [], self.default(s)
        variances: set[int] = set()
        matching: list[Position] = []
        if b is not None:
            for p in positions[s.id]:
                for q in positions[b.id]:
                    if (before(b, s) and not q <= p) or (before(s, b) and not p <= q):
                        self.out.rules[f"§6 {'Q inside P' if before(b, s) else 'P inside Q'} bars a pair"] += 1
                        continue
                    found = {
                        said - (stood + held - base_held)
                        for held, base_held in zip(self.totals(p), self.totals(q), strict=True)
                        for said in s.amounts
                        for stood in b.amounts
                    }
                    variances |= found
                    if 0 in found:
                        matching.append(p)
        stands = max(matching, key=lambda p: (len(p), self._descending(p))) if matching else self.default(s)
        verdict = "incomparable" if not variances else "match" if 0 in variances else "discrepancy"
        self.out.rules["§5 k* is one of several that match"] += len(set(matching)) > 1
        self.out.rules["§5 k* is the last of equally many"] += len({p for p in matching if len(p) == len(stands)}) > 1
        self.out.rules["§5 no position matches"] += verdict == "discrepancy" and len(positions[s.id]) > 1
        self.out.rules["§6 a match is decided"] += variances == {0}
        self.out.rules["§6 a match is undecided"] += 0 in variances and len(variances) > 1
        self.out.rules["§6 the hull holds 0, the set does not"] += verdict == "discrepancy" and min(
            variances
        ) < 0 < max(variances)
        self.out.rules["§6 compared with the first applied, which is later"] += b is not None and order(s) < order(b)
        self.out.rules["§1 several unit factors"] += len(s.amounts) > 1
        if verdict == "discrepancy" and b is not None:
            explained_by = explanation(s, b, variances, self.told.evidence, self.told.counted)
            if explained_by is None:
                explained_by = self.told.pushes.explanation(
                    s, variances, in_flight(s, b, self.told.evidence, self.told.counted)
                )
            if explained_by is not None:
                verdict, self.out.explained_by[s.id] = "delay", explained_by
                self.out.rules["§6 several facts in flight explain"] += len(explained_by) > 1
        return verdict, sorted(variances), stands

    def _descending(self, position: Position) -> list[int]:
        return sorted((self.rank[name] for name in position), reverse=True)

    def _base(self) -> Fact | None:
        last = [a for a in self.applied if not any(before(a, other) for other in self.applied)]
        base = max(last, key=lambda a: (a.start, a.end, a.role == PRIMARY, order(a)), default=None)
        self.out.rules["§5 a primary wins a tie"] += bool(last) and max(last, key=order) is not base
        self.out.rules["§5 the last in order is before another"] += bool(last) and self.applied[-1] not in last
        return base

    def _outside(self, s: Fact) -> list[int]:
        """What stands outside its positions under each choice; where they are too many, every movement in or out."""
        if s.id not in self.capped:
            everything = self.totals(frozenset(m.id for m in self.moves))
            return [
                moved - held for p in self.found[s.id] for moved, held in zip(everything, self.totals(p), strict=True)
            ]
        after = self.booked(m.id for m in self.moves if before(s, m))
        loose = [m for m in self.moves if not before(m, s)]
        may = [self.booked([m.id]) for m in loose if not before(s, m)]
        low, high = after + sum(d for d in may if d < 0), after + sum(d for d in may if d > 0)
        for name in self.choices[0]:
            alternatives = range(max(choice[name] for choice in self.choices) + 1)
            shifts = [[self.total([m.id], {name: n}) - self.booked([m.id]) for m in loose] for n in alternatives]
            low += min(sum(min(shift, 0) for shift in each) for each in shifts)
            high += max(sum(max(shift, 0) for shift in each) for each in shifts)
        return [low, high]

    def _balance(self, base: Fact | None, stand: dict[str, Position]) -> None:
        everything = frozenset(m.id for m in self.moves)
        low = high = None
        quantity = self.booked(everything)
        if base is not None:
            quantity = base.amounts[0] + self.booked(everything) - self.booked(stand[base.id])
            witnesses = [a for a in self.applied if a is base or not before(a, base)]
            results = [said + outside for a in witnesses for outside in self._outside(a) for said in a.amounts]
            low, high = min(results), max(results)
            own = [said + outside for outside in self._outside(base) for said in base.amounts]
            self.out.rules["§5 the bounds are wider than the base alone"] += (low, high) != (min(own), max(own))
            self.out.rules["§5 the bounds are apart"] += low != high
        self.out.rules["§5 there is no base"] += base is None
        self.out.rules["§5 the balance is negative"] += quantity < 0
        item, location, measure, lot = self.key
        self.out.balances.append(
            {
                "item": item,
                "location": location,
                "measure": measure,
                "lot": lot or None,
                "quantity": quantity,
                "lo": low,
                "hi": high,
                "base_fact": base.id if base else None,
            }
        )

    def _book(self, base: Fact | None, stand: dict[str, Position]) -> None:
        booked = [a for a in self.applied if a is not base] + ([base] if base else [])
        opened: Position = stand[booked[0].id] if booked else frozenset()
        for earlier, now in zip([None, *booked], booked, strict=False):
            if earlier is None:
                self._enter(now, "opening", now.amounts[0])
            else:
                expected = earlier.amounts[0] + self.booked(stand[now.id]) - self.booked(stand[earlier.id])
                self._enter(now, "reconciling", now.amounts[0] - expected)
                self.out.rules["§5 an entry reconciles"] += now.amounts[0] != expected
        for m in self.moves:
            if m.id not in opened:
                self._enter(m, "movement", self.booked([m.id]))

    def _enter(self, fact: Fact, entry: str, quantity: int) -> None:
        self.out.ledger.append({"fact": fact.id, "entry": entry, "quantity": quantity})
