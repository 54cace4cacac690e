"""Each event type becomes the facts of the contract; whatever breaks it becomes one fault."""

from __future__ import annotations

import random
from typing import Any

import pytest
from loopback_wms import event

from syncline.sources.wms_api.mapping import facts_of, key_of

BASE = {"line": 1, "sku": "SKU-0001", "uom": "EA"}


def told(kind: str, *lines: dict[str, Any], **changes: Any) -> list[tuple[Any, ...]]:
    facts = facts_of(event(7, kind=kind, lines=[BASE | line for line in lines], **changes), 3, "DC1")
    assert [fact.fault_detail for fact in facts if fact.fault_code] == []
    return [(fact.kind, fact.status_ref, fact.quantity, fact.event_key) for fact in facts]


def received(condition: str) -> dict[str, Any]:
    return {"quantity": 5, "condition": condition, "reason": "return"}


def moved(left: str, entered: str) -> dict[str, Any]:
    return {"quantity": 4, "from_bin": "A", "to_bin": "B", "from_condition": left, "to_condition": entered}


@pytest.mark.parametrize(
    ("kind", "line", "changes", "expected"),
    [
        ("inventory.received", received("good"), {}, [("on_hand", "5")]),
        ("inventory.received", received("damaged"), {}, [("on_hand", "5"), ("damaged", "5")]),
        ("inventory.received", received("hold"), {}, [("on_hand", "5"), ("quarantined", "5")]),
        ("inventory.moved", moved("good", "good"), {}, []),
        ("inventory.moved", moved("hold", "hold"), {}, []),
        ("inventory.moved", moved("good", "hold"), {}, [("quarantined", "4")]),
        ("inventory.moved", moved("hold", "damaged"), {}, [("quarantined", "-4"), ("damaged", "4")]),
        ("inventory.moved", moved("damaged", "good"), {}, [("damaged", "-4")]),
        ("inventory.adjusted", {"delta": -3, "measure": "damaged", "reason": "scrap"}, {"mode": "delta"},
         [("damaged", "-3")]),
        ("shipment.confirmed", {"quantity": 5, "released": 6, "order_line": "O-1/1"}, {"shipment_id": "S-1"},
         [("on_hand", "-5"), ("allocated", "-6")]),
        ("shipment.confirmed", {"quantity": 0, "released": 0, "order_line": "O-1/1"}, {"shipment_id": "S-1"},
         [("on_hand", "0"), ("allocated", "0")]),
    ],
)  # fmt: skip
def test_movements(kind: str, line: dict[str, Any], changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert told(kind, line, **changes) == [("movement", *pair, "T-7/1") for pair in expected]


def test_a_count_is_a_balance_that_says_so() -> None:
    line = {"counted": 0, "measure": "on_hand"}
    assert told("inventory.adjusted", line, mode="count") == [("balance", "on_hand", "0", "T-7/1")]
    counted = facts_of(event(7, kind="inventory.adjusted", lines=[BASE | line], mode="count"), 3, "DC1")
    delta = {"delta": 1, "measure": "on_hand"}
    adjusted = facts_of(event(7, kind="inventory.adjusted", lines=[BASE | delta], mode="delta"), 3, "DC1")
    assert [fact.reason for fact in counted + adjusted] == ["count", None]


@pytest.mark.parametrize(("delta", "key"), [(2, "alloc:O-1/1"), (-2, "T-7/1")])
def test_an_allocation_carries_the_key_of_its_order_line(delta: int, key: str) -> None:
    line = {"delta": delta, "measure": "allocated", "reason": "order", "order_line": "O-1/1"}
    assert told("inventory.adjusted", line, mode="delta") == [("movement", "allocated", str(delta), key)]


def test_keys_order_and_lineage_of_a_fact() -> None:
    fact = facts_of(event(7, minute=1, sandbox=True), 3, "DC1")[0]
    assert (fact.item_ref, fact.location_ref, fact.uom, fact.recorded) == (
        "SKU-0001", "DC1", "EA", "2026-11-02T10:01:00.000Z"
    )  # fmt: skip
    assert (fact.line_key, fact.sequence, fact.is_test, fact.correlation_id) == ("DC1-00000007/1", 7, True, "T-7")
    assert fact.position == "events[3].lines[1]"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "inventory.vanished"}, "event_type_unknown"),
        ({"type": None}, "event_type_unknown"),
        ({"type": ["inventory.received"]}, "event_type_unknown"),
        ({"version": 3}, "event_version_unknown"),
        ({"version": True}, "event_version_unknown"),
        ({"version": [1]}, "event_version_unknown"),
        ({"version": 2}, "event_breaks_schema"),
        ({"site": "DC9"}, "site_mismatch"),
        ({"site": 1}, "event_breaks_schema"),
        ({"lines": []}, "event_breaks_schema"),
        ({"lines": [BASE | received("good") | {"quantity": 0}]}, "event_breaks_schema"),
        ({"lines": [BASE | received("good") | {"quantity": "5"}]}, "event_breaks_schema"),
        ({"lines": [BASE | received("good") | {"quantity": 10**30}]}, "event_breaks_schema"),
        ({"lines": [BASE | received("good") | {"sku": "a\x00b"}]}, "event_breaks_schema"),
        ({"lines": [BASE | received("good") | {"sku": "\ud800"}]}, "event_breaks_schema"),
        ({"lines": [BASE | received("lost")]}, "event_breaks_schema"),
        ({"lines": [BASE | received("good")] * 2}, "line_repeated"),
        ({"posted_at": "2026-11-02T10:00:00"}, "event_breaks_schema"),
        ({"posted_at": "2026-02-30T10:00:00Z"}, "posted_at_unreadable"),
        ({"posted_at": "0001-01-01T00:00:00+14:00"}, "posted_at_unreadable"),
        ({"event_id": ""}, "event_breaks_schema"),
        ({"event_id": "x\ny"}, "event_breaks_schema"),
    ],
)
def test_a_broken_record_is_one_fault(changes: dict[str, Any], code: str) -> None:
    (fact,) = facts_of(event(7, **changes), 3, "DC1")
    assert (fact.fault_code, fact.kind, fact.position) == (code, None, "events[3]")
    assert fact.fault_detail is not None
    assert fact.fault_detail.isprintable()
    assert fact.fault_detail.isascii()


@pytest.mark.parametrize("mode", ["delta", "count"])
def test_an_adjustment_has_the_number_of_its_mode(mode: str) -> None:
    other = {"delta": {"counted": 3}, "count": {"delta": 3, "reason": "r"}}[mode]
    line = BASE | {"measure": "on_hand"} | other
    (fact,) = facts_of(event(7, kind="inventory.adjusted", mode=mode, lines=[line]), 0, "DC1")
    assert fact.fault_code == "event_breaks_schema"


@pytest.mark.parametrize("record", [None, 1, "x", [], [[]], {}, {"type": {}}])
def test_anything_else_is_one_fault(record: Any) -> None:
    (fact,) = facts_of(record, 0, "DC1")
    assert fact.fault_code
    assert key_of(record) is None


def test_two_broken_records_are_two_faults_and_one_read_again_is_the_same() -> None:
    faults = [facts_of(event(n, version=9), n, "DC1")[0] for n in (1, 2)]
    assert faults[0].line_key != faults[1].line_key
    assert facts_of(event(1, version=9), 9, "DC1")[0].line_key == faults[0].line_key


def test_no_mutation_of_a_record_escapes() -> None:
    rng = random.Random(7)
    junk = [None, -1, 0, 10**400, "", "x" * 500, "\x00", "\ud800", [], {}, True, [{}], "1.5"]
    for _ in range(3000):
        record: Any = event(7)
        for _ in range(rng.randint(1, 3)):
            place = rng.choice([record, record["lines"][0]] if isinstance(record.get("lines"), list) and record["lines"]
                               and isinstance(record["lines"][0], dict) else [record])  # fmt: skip
            name = rng.choice([*place, "unknown"])
            if rng.random() < 0.3:
                place.pop(name, None)
            else:
                place[name] = rng.choice(junk)
        facts = facts_of(record, 0, "DC1")
        assert facts
        assert all(fact.fault_code or (fact.quantity or "").lstrip("-").isdigit() for fact in facts)
