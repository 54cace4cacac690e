"""Every document, written by the twin as the standard says, is read as it was meant; careless ones are told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import pytest

from syncline.edi import Reading, SetReading, read_file
from syncline.twin.edi import KINDS, Habits, build

SEED = 9
Stock = tuple[str | None, ...]


def stock(rows: Iterable[tuple[Stock, str | None]]) -> dict[Stock, Decimal]:
    """What the rows add up to; a document may tell one movement in parts, and none as zero."""
    total: dict[Stock, Decimal] = {}
    for key, quantity in rows:
        total[key] = total.get(key, Decimal(0)) + Decimal(quantity or "")
    return {key: units for key, units in total.items() if units or key[0] == "balance"}


def told(read: SetReading) -> dict[Stock, Decimal]:
    return stock(
        ((fact.kind, fact.item_ref, fact.location_ref, _measure(fact.status_ref), fact.uom, fact.lot), fact.quantity)
        for fact in read.facts
        # A receipt ends what was in transit; the twin says only what is in the house.
        if not (fact.status_ref == "in_transit" and (fact.quantity or "").startswith("-"))
    )


def _measure(status: str | None) -> str | None:
    return "unmapped" if status and ":" in status else status


@pytest.mark.parametrize("part", range(4))
def test_what_the_twin_means_is_what_is_read(part: int) -> None:
    kinds: Counter[str] = Counter()
    for number in range(part * 40, part * 40 + 40):
        built = build(SEED, number, habits=Habits())
        reading = read_file(built.content, source="acme", file=built.name)
        assert [str(found) for found in reading.findings if found.severity != "note"] == [], (SEED, number)
        meant = [each for each in built.sets if each.type != "TA1"]
        assert [each.verdict for each in reading.sets] == ["accepted"] * len(meant)
        for read, each in zip(reading.sets, meant, strict=True):
            kinds[each.type] += 1
            facts = (
                ((fact.kind, fact.item, fact.location, fact.measure, fact.unit, fact.lot or None), fact.quantity)
                for fact in each.facts
            )
            assert told(read) == stock(facts), (SEED, number, each.type, each.control)
    assert set(kinds) == set(KINDS) - {"TA1"}


def test_careless_files_are_judged_as_their_labels_say() -> None:
    judged: Counter[tuple[str, str]] = Counter()
    for number in range(150):
        built = build(11, number, habits=Habits.all(0.08))
        reading = read_file(built.content, source="acme", file=built.name)
        found = verdicts(reading)
        for each in built.sets:
            if each.type != "TA1" and found.get((each.type, each.control)):
                judged[each.verdict, found[each.type, each.control].pop(0)] += 1
    assert judged["fine", "rejected"] == judged["tolerable", "rejected"] == 0
    assert judged["defective", "rejected"] > 50
    # A count of lines that only its document has (850, 856) is not checked: many count otherwise.
    assert judged["defective", "accepted"] + judged["defective", "tolerated"] <= 5


def verdicts(reading: Reading) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for each in reading.sets:
        found.setdefault((each.taken.type, each.taken.control), []).append(each.verdict)
    return found
