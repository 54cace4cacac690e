"""The truth on cases computed by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.twin.edi.examples import ADJUSTED, RECEIVED, SHIPPED, answered, moved, ordered, receipt, statement

from syncline.twin.edi.facts import Fact, expected
from syncline.twin.edi.model import Document, Stated

WHEN = "2026-11-02T14:30"


def told(document: Document) -> list[tuple[str, str, str, str]]:
    """(item, location, measure, quantity) of every fact."""
    return [(fact.item, fact.location, fact.measure, fact.quantity) for fact in expected(document)]


def test_a_short_945_with_a_substitute() -> None:
    """10 of 10, 7 of 10, 4 of B3 for A3, none of 6: what left is what is gone, of the item that left."""
    assert expected(SHIPPED) == [
        Fact("movement", "A1", "DC", "on_hand", "-10", "EA", "L7", WHEN, "original"),
        Fact("movement", "A2", "DC", "on_hand", "-7", "EA", "", WHEN, "original"),
        Fact("movement", "B3", "DC", "on_hand", "-4", "EA", "", WHEN, "original"),
    ]


def test_a_944_with_damages() -> None:
    """90 good, 6 damaged and 4 short: 96 are there. 20 good and 1 + 2 + 3 in doubt: 26. 12, 2 of them too many: 12."""
    assert told(RECEIVED) == [
        ("A1", "DC", "on_hand", "96"),
        ("A1", "DC", "damaged", "6"),
        ("A2", "DC", "on_hand", "26"),
        ("A2", "DC", "quarantined", "6"),
        ("A3", "DC", "on_hand", "12"),
    ]


def test_a_947_moves_stock_or_its_status() -> None:
    assert told(ADJUSTED) == [
        ("A1", "DC", "on_hand", "-13"),
        ("A2", "DC", "on_hand", "2"),
        ("A3", "DC", "quarantined", "5"),
        ("A4", "DC", "quarantined", "-4"),
        ("A5", "DC", "damaged", "1"),
        ("A6", "DC", "on_hand", "-3"),
    ]
    lines = tuple(replace(line, is_contradicted=True) for line in ADJUSTED.lines[:1]) + ADJUSTED.lines[1:2]
    assert told(replace(ADJUSTED, lines=lines)) == [("A2", "DC", "on_hand", "2")]


def test_a_transfer_leaves_and_is_under_way() -> None:
    assert told(moved("943")) == [
        ("A1", "DC1", "on_hand", "-10"),
        ("A1", "DC2", "in_transit", "10"),
        ("A2", "DC1", "on_hand", "-3"),
        ("A2", "DC2", "in_transit", "3"),
    ]


@pytest.mark.parametrize(("kind", "units"), [("856", ("EA", "CA")), ("DESADV", ("PCE", "CT"))])
def test_announced_goods_are_under_way_to_us(kind: str, units: tuple[str, str]) -> None:
    assert expected(moved(kind)) == [
        Fact("movement", "A1", "DC2", "in_transit", "10", units[0], "L7", WHEN, "original"),
        Fact("movement", "A2", "DC2", "in_transit", "3", units[1], "", WHEN, "original"),
    ]


@pytest.mark.parametrize("kind", ["861", "RECADV"])
def test_received_goods(kind: str) -> None:
    """90 accepted, 6 damaged and 3 on hold are 99; 20 accepted and 5 sent back are 20."""
    assert told(receipt(kind)) == [
        ("A1", "DC", "on_hand", "99"),
        ("A1", "DC", "damaged", "6"),
        ("A1", "DC", "quarantined", "3"),
        ("A2", "DC", "on_hand", "20"),
        ("A3", "DC", "on_hand", "8"),
    ]


def test_a_statement_is_a_balance_for_each_number_about_stock() -> None:
    """Zero is a number; what is on order is none of stock; a code without a meaning stays to be seen."""
    document = statement("846")
    odd = replace(document.lines[1], stock=(*document.lines[1].stock, Stated("unmapped", Decimal(9))))
    assert expected(replace(document, lines=(document.lines[0], odd, document.lines[2]))) == [
        Fact("balance", "A1", "DC", "on_hand", "10", "EA", "L7", WHEN, "original"),
        Fact("balance", "A1", "DC", "quarantined", "2", "EA", "L7", WHEN, "original"),
        Fact("balance", "A2", "DC", "on_hand", "0", "CA", "", WHEN, "original"),
        Fact("balance", "A2", "DC", "unmapped", "9", "CA", "", WHEN, "original"),
        Fact("balance", "A3", "DC", "on_hand", "1.5", "KG", "LA", WHEN, "original"),
        Fact("balance", "A3", "DC", "damaged", "0.25", "KG", "LB", WHEN, "original"),
    ]


def test_when_and_purpose_are_those_that_are_sent() -> None:
    document = statement("846")
    assert {fact.when for fact in expected(replace(document, has_time=False))} == {"2026-11-02"}
    assert {fact.when for fact in expected(replace(document, zone="Z"))} == {"2026-11-02T14:30Z"}
    assert {fact.purpose for fact in expected(replace(document, purpose="cancel"))} == {"cancel"}


def test_demand_and_acknowledgments_say_nothing_of_stock() -> None:
    silent = [ordered("850"), ordered("940"), *(answered(kind, is_accepted=True) for kind in ("997", "999", "CONTRL"))]
    assert [expected(document) for document in [*silent, answered("TA1", is_accepted=True)]] == [[]] * 6
