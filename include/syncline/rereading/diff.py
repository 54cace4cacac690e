"""A plan in the words of the stock it is about: which line says what now, and what it said before."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from syncline.landing import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from syncline.rereading.plan import Plan

# Every field of a fact, in its order; raw.facts names its columns alike.
_STORED = (
    f"select distinct on (fact_id) {', '.join(Fact._fields)} from raw.facts where fact_id = any(%s) order by fact_id"
)
# What a line may say otherwise without another quantity or stock key.
_ALSO = ("kind", "recorded", "event_key", "cancel", "sequence", "is_test", "correlation_id", "correction_id",
         "balance_after", "serves", "is_final", "due", "owner", "snapshot_id", "reason")  # fmt: skip
Line = tuple[str | None, str | None, int]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a document that says something else: ``change`` is `vanishes`, `appears` or `changes`.

    ``old`` and ``new``: item, location, code and lot as the source writes them (the crosswalks judge them in the
    batch), and the quantity with its unit; or the fault code. ``also``: other fields that differ.
    """

    change: str
    line_key: str
    old: str | None
    new: str | None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """A plan in figures, every fact counted once, and its changes by line."""

    documents: int
    documents_joined: int
    documents_changed: int
    stay: int
    change: int
    vanish: int
    appear: int
    changes: tuple[Change, ...]

    def as_json(self, changes_max: int) -> dict[str, Any]:
        """JSON-able, with the first ``changes_max`` changes."""
        shown = [asdict(change) for change in self.changes[:changes_max]]
        return {**asdict(self), "changes": shown, "changes_left_out": len(self.changes) - len(shown)}


def difference(conn: psycopg.Connection, plan: Plan) -> Difference:
    """What ``plan`` changes. ``conn`` may read raw.facts."""
    rows = conn.execute(_STORED, [sorted(plan.vanished)])
    old = _by_line(Fact(*row) for row in rows)
    new = _by_line(plan.appeared.values())
    changes = []
    for line in sorted(old.keys() | new.keys(), key=lambda line: tuple(str(part) for part in line)):
        before, after = old.get(line, []), new.get(line, [])
        for index in range(max(len(before), len(after))):
            changes.append(_change(before[index : index + 1], after[index : index + 1]))
    kinds = [change.change for change in changes]
    return Difference(
        len(plan.documents), plan.joined, len(plan.changed), plan.stays,
        kinds.count("changes"), kinds.count("vanishes"), kinds.count("appears"), tuple(changes),
    )  # fmt: skip


def _by_line(facts: Iterable[Fact]) -> dict[Line, list[Fact]]:
    found: dict[Line, list[Fact]] = {}
    for fact in sorted(facts, key=lambda fact: tuple(str(part) for part in fact)):
        found.setdefault((fact.line_key, fact.status_ref, fact.revision), []).append(fact)
    return found


def _change(before: list[Fact], after: list[Fact]) -> Change:
    line = str((before or after)[0].line_key)
    old, new = (_said(facts[0]) if facts else None for facts in (before, after))
    if not before or not after:
        return Change("vanishes" if before else "appears", line, old, new)
    also = tuple(name for name in _ALSO if getattr(before[0], name) != getattr(after[0], name))
    return Change("changes", line, old, new, also)


def _said(fact: Fact) -> str:
    if fact.fault_code:
        return f"fault {fact.fault_code}"
    key = "/".join(part for part in (fact.item_ref, fact.location_ref, fact.status_ref, fact.lot) if part)
    return f"{key}: {fact.quantity} {fact.uom or ''}".rstrip()
