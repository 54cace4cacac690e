"""A target's own names: both ways, fixed by the first try, taken over when nothing is under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.targets.conftest import Loop
from tests.targets.naming import call, named, open_exceptions

from syncline.errors import ConfigurationError
from syncline.targets.cycle import run_push
from syncline.targets.names import Names

A, B, NOBODY = ("A", "DC1"), ("B", "DC1"), ("C", "DC1")


def test_a_name_is_one_reference_and_a_reference_one_name() -> None:
    names = Names({"A": "900", "B": "C"})
    assert [names.ref(each) for each in ("A", "B", "D")] == ["900", "C", "D"]
    assert [names.name(each) for each in ("900", "C", "D")] == ["A", "B", "D"]
    assert names.ref("C") is None, "B has that reference"
    assert (names.name("A"), names.name("B")) == ("?A", "?B"), "ours are called otherwise there"
    assert names.ref("?A") is None
    required = Names({"A": "900"}, required=True)
    assert (required.ref("A"), required.ref("D"), required.name("D")) == ("900", None, "?D")
    with pytest.raises(ConfigurationError, match="'A' and 'B' share the reference '900'"):
        Names({"A": "900", "B": "900"})


def readings(loop: Loop) -> dict[tuple[str, str], int]:
    return {
        (item, location): quantity
        for item, location, quantity in loop.owner.execute(
            "select distinct on (item, location) item, location, quantity from ops.target_readings "
            "order by item, location, reading_no desc"
        ).fetchall()
    }


def in_use(loop: Loop) -> dict[str, str]:
    return dict(loop.owner.execute("select name, ref from ops.target_names where kind = 'item'").fetchall())


def cycle(loop: Loop, times: int = 1) -> None:
    for _ in range(times):
        loop.push()
        loop.release()


@pytest.fixture
def erp(make_loop: Callable[..., Loop]) -> Loop:
    """Ours A and B at DC1, the ERP's 900 and 901 at W1."""
    loop = named(make_loop("erp", {("900", "W1"): 10, ("901", "W1"): 20}, {A: 13, B: 20}))
    call(loop, {"A": "900", "B": "901"}, {"DC1": "W1"})
    return loop


def test_a_correction_is_said_and_told_in_the_targets_names(erp: Loop) -> None:
    cycle(erp, 3)
    assert erp.book.numbers == {("900", "W1"): 13, ("901", "W1"): 20}
    assert erp.states() == {"applied": 1}
    assert readings(erp) == {A: 13, B: 20}
    told = erp.owner.execute("select item, location, delta from ops.target_changes where correction_id is not null")
    assert told.fetchall() == [("A", "DC1", 3)]


def test_request_and_latency_are_kept(erp: Loop) -> None:
    cycle(erp, 3)
    row = erp.owner.execute(
        "select d.request, a.latency_ms, a.correction_id from ops.push_attempts a join ops.push_documents d using "
        "(document_id)"
    ).fetchone()
    assert row is not None
    line = {"reference": row[2], "item": "900", "location": "W1", "quantity": 3, "expected_version": None, "shown": 10}
    assert row[0] == {"lines": [line]}
    assert 0 <= row[1] < 2000
    assert "token" not in str(row[0])


def test_a_try_repeats_its_reference_whatever_is_configured_since(erp: Loop) -> None:
    cycle(erp)
    erp.book.faults = ["lost_applied"]  # executed as 900, and the answer is lost
    erp.book.before_document.append(lambda book: call(erp, {"A": "902", "B": "901"}, {"DC1": "W1"}))
    erp.book.change(("902", "W1"), 50, "opening")
    erp.push()
    lines = [line for document in erp.book.documents for line in document if line["reference"]]
    assert [(line["item"], line["delta"]) for line in lines] == [("900", 3)] * len(lines)
    assert erp.book.numbers == {("900", "W1"): 13, ("901", "W1"): 20, ("902", "W1"): 50}
    cycle(erp, 4)
    assert erp.book.numbers == {("900", "W1"): 13, ("901", "W1"): 20, ("902", "W1"): 13}
    assert all(count == 1 for count in erp.book.effects.values())
    assert readings(erp)[A] == 13


@pytest.mark.parametrize("fault", ["locked", "lost", "lost_applied"])
def test_a_second_try_is_the_same_body(erp: Loop, fault: str) -> None:
    cycle(erp)
    erp.policy = replace(erp.policy, run_s=0.1)  # one try a run
    erp.book.faults = [fault]
    erp.push()
    call(erp, {"A": "902", "B": "901"}, {"DC1": "W2"})
    erp.book.change(("902", "W2"), 50, "opening")
    for _ in range(8):
        erp.sleep(40)
        erp.push()
    bodies = {(line["reference"], line["item"], line["location"]) for each in erp.book.documents for line in each}
    ((_, item, location),) = bodies
    assert (item, location) == ("900", "W1")
    assert erp.book.numbers[("900", "W1")] == 13
    assert erp.states() == {"applied": 1}


def test_what_is_new_waits_while_a_name_changes_under_what_is_sent(erp: Loop) -> None:
    """An unproven try keeps its name in use: B's correction at the same place is not sent by either."""
    erp.truth[B] = 25
    cycle(erp)
    erp.policy = replace(erp.policy, run_s=0.1, lines_max=1)
    erp.book.faults = ["lost_applied", "broken", "broken", "broken"]
    erp.book.before_document.append(lambda book: call(erp, {"A": "900", "B": "901"}, {"DC1": "W2"}))
    erp.push()
    assert erp.owner.execute("select item, reason from ops.outbox where state = 'held'").fetchall() == [
        ("B", "no reference")
    ]
    assert open_exceptions(erp.owner, "target.no_reference") == ["erp B DC1"]
    erp.book.faults = []
    for key, quantity in ((("900", "W2"), 1), (("901", "W2"), 2)):
        erp.book.change(key, quantity, "opening")
    for _ in range(6):
        erp.sleep(40)
        cycle(erp)
    assert {key: erp.book.numbers[key] for key in (("900", "W2"), ("901", "W2"))} == {
        ("900", "W2"): 13, ("901", "W2"): 25,
    }  # fmt: skip
    assert erp.book.numbers[("901", "W1")] == 20, "nothing was sent by the old name after it was given up"
    assert open_exceptions(erp.owner, "target.no_reference") == []


def test_a_change_taken_back_lets_go_what_it_held(erp: Loop) -> None:
    cycle(erp)
    client: Any = erp.client()  # its run uses the names, so nobody takes others over meanwhile
    call(erp, {"A": "902", "B": "901"}, {"DC1": "W1"})
    assert run_push(erp.publisher, client, erp.policy, erp.clock, "test", erp.sleep)["sent"] == 0
    assert erp.states() == {"held": 1}
    erp.release()
    assert erp.states() == {"held": 1}, "the push alone knows whether it can be said"
    client.close()
    call(erp, {"A": "900", "B": "901"}, {"DC1": "W1"})
    erp.push()
    assert erp.book.numbers[("900", "W1")] == 13
    assert open_exceptions(erp.owner, "target.no_reference") == []


def test_two_names_that_swap_their_references_swap_their_numbers(erp: Loop) -> None:
    erp.truth = {A: 13, B: 21}
    cycle(erp, 3)
    call(erp, {"A": "901", "B": "900"}, {"DC1": "W1"})
    cycle(erp, 3)
    assert erp.book.numbers == {("900", "W1"): 21, ("901", "W1"): 13}
    assert readings(erp) == {A: 13, B: 21}
    assert erp.states()["applied"] == 4


def test_a_reference_nobody_named_is_kept_under_a_mark_and_told_once(erp: Loop) -> None:
    erp.policy = replace(erp.policy, references_required=True)
    erp.book.change(("NEW-SKU", "W1"), 5, "opening")
    cycle(erp, 2)
    erp.book.change(("NEW-SKU", "W1"), 2, "outside")
    erp.book.change(("900", "W9"), 4, "outside")
    cycle(erp, 2)
    assert open_exceptions(erp.owner, "target.unknown_reference") == ["erp item NEW-SKU", "erp location W9"]
    assert readings(erp) == {A: 13, B: 20, ("?NEW-SKU", "DC1"): 7, ("A", "?W9"): 4}
    row = erp.owner.execute("select position from ops.target_cursors").fetchone()
    assert row == (len(erp.book.changes),)
    # Named later, its number is known at once: the list does not tell it again.
    erp.truth[NOBODY] = 9
    call(erp, {"A": "900", "B": "901", "C": "NEW-SKU"}, {"DC1": "W1"})
    cycle(erp, 3)
    assert open_exceptions(erp.owner, "target.unknown_reference") == ["erp location W9"]
    assert erp.book.numbers[("NEW-SKU", "W1")] == 9


def test_a_key_without_a_reference_is_not_sent_until_it_has_one(erp: Loop) -> None:
    erp.policy = replace(erp.policy, references_required=True)
    cycle(erp)
    call(erp, {"B": "901"})
    erp.truth[A] = 14
    cycle(erp, 3)
    assert erp.book.numbers[("900", "W1")] == 10
    assert erp.book.documents == []
    assert open_exceptions(erp.owner, "target.no_reference") == ["erp A DC1"]
    states = erp.owner.execute("select state, reason from ops.outbox where state <> 'dead'").fetchall()
    assert states in ([], [("held", "no reference")])
    call(erp, {"A": "900", "B": "901"})
    cycle(erp, 3)
    assert erp.book.numbers[("900", "W1")] == 14
    assert open_exceptions(erp.owner, "target.no_reference") == []


def test_what_was_read_by_another_name_is_read_again_before_anything_is_sent(make_loop: Callable[..., Loop]) -> None:
    loop = named(make_loop("erp", {("A", "DC1"): 10, ("900", "DC1"): 70}, {A: 13}))
    cycle(loop)  # 3 to add to A is pending
    assert loop.states() == {"pending": 1}
    call(loop, {"A": "900"}, {})
    cycle(loop, 3)
    assert loop.book.numbers == {("A", "DC1"): 10, ("900", "DC1"): 13}


def test_names_stay_while_another_run_uses_them(erp: Loop) -> None:
    cycle(erp)
    other: Any = erp.client()
    call(erp, {"A": "902", "B": "901"}, {"DC1": "W1"})
    second = named(replace(erp, publisher=erp.owner))
    assert second.push()["sent"] == 0
    assert in_use(erp) == {"A": "900", "B": "901"}
    other.close()
    erp.push()
    assert in_use(erp) == {"A": "902", "B": "901"}


def test_nothing_is_sent_from_a_reading_of_another_reference(erp: Loop) -> None:
    """The new reference has not been told of yet: there is a number to be computed from, and it is not its own."""
    cycle(erp)
    call(erp, {"A": "905", "B": "901"}, {"DC1": "W1"})
    erp.push()
    assert erp.states() == {"dead": 1}, "what was computed by the old name and not sent gives way"
    erp.truth[A] = 15
    erp.release()
    erp.push()
    assert erp.book.documents == []
    held = erp.owner.execute("select reason from ops.outbox where state <> 'dead'").fetchall()
    assert held == [("no reference",)]
    erp.book.change(("905", "W1"), 50, "opening")
    cycle(erp, 4)
    assert (erp.book.numbers[("905", "W1")], erp.book.numbers[("900", "W1")]) == (15, 10)
    assert open_exceptions(erp.owner, "target.no_reference") == []


def test_names_stay_while_a_try_by_them_is_open(erp: Loop) -> None:
    cycle(erp)
    erp.policy = replace(erp.policy, run_s=0.1)
    erp.book.faults = ["lost", "broken", "broken", "broken", "broken"]
    erp.push()
    call(erp, {"A": "902", "B": "901"}, {"DC1": "W1"})
    erp.push()
    assert erp.states().keys() <= {"unknown", "pending"}
    assert in_use(erp) == {"A": "900", "B": "901"}
    erp.book.faults = []
    for _ in range(4):
        erp.sleep(40)
        erp.push()
    assert erp.states() == {"applied": 1}
    assert in_use(erp) == {"A": "902", "B": "901"}
    assert open_exceptions(erp.owner, "push.reference_mismatch") == []
    assert set(readings(erp)) >= {A, B}
