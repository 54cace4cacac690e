"""The oracle's `delay`: whole documents of evidence that the key's owner may still be about to post (semantics §6).

Written from the semantics page and ADR 0013 alone, like the rest of the oracle; it shares no code with the product.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tests.oracle.ordering import before, grouped, kept_order, order
from tests.oracle.reading import Fact


@dataclass(frozen=True)
class Flying:
    """A movement that is evidence; ``amount`` is what it adds to what its event was told to be before."""

    fact: Fact
    amount: int
    document: tuple[str, str]


def flying(evidence: Iterable[Fact]) -> list[Flying]:
    """What the evidence about one key tells: of each event one source, a revision by its difference; §2 order."""
    found = []
    for event in grouped(evidence, lambda f: f.event_key):
        speaker = min(event, key=lambda f: (-f.role, kept_order(f))).source
        own = [f for f in event if f.source == speaker]
        stated, document = 0, None
        for revision in sorted({f.revision for f in own}):
            telling = min((f for f in own if f.revision == revision), key=kept_order)
            document = document or (speaker, telling.line_key.split("/")[0])
            found.append(Flying(telling, telling.amounts[0] - stated, document))
            stated = telling.amounts[0]
    return sorted(found, key=lambda each: order(each.fact))


def explanation(
    statement: Fact, base: Fact, variances: Collection[int], evidence: list[Flying], counted: list[Fact]
) -> list[str] | None:
    """Ids of the facts that explain a discrepancy, in §2 order; None when nothing whole does."""
    known = in_flight(statement, base, evidence, counted)
    documents: dict[tuple[str, str], list[Flying]] = {}
    for each in known:
        documents.setdefault(each.document, []).append(each)
    for group in [*documents.values(), known]:
        if sum(each.amount for each in group) in variances:
            return [each.fact.id for each in group]
    return None


def in_flight(statement: Fact, base: Fact, evidence: list[Flying], counted: list[Fact]) -> list[Flying]:
    """What of the evidence the owner may still be about to post when the statement is made."""
    return [each for each in evidence if each.amount and _is_in_flight(each.fact, statement, base, counted)]


def _is_in_flight(fact: Fact, statement: Fact, base: Fact, counted: list[Fact]) -> bool:
    is_open = fact.owner_lag > 0 and fact.window_end + fact.owner_lag > statement.window_start
    is_told = any(
        (t.event_key, t.location, t.measure) == (fact.event_key, fact.location, fact.measure)
        and not (t.key == statement.key and before(statement, t))
        for t in counted
    )
    return is_open and not is_told and not before(statement, fact) and not before(fact, base)
