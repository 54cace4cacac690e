"""An item that is sold no more: its stock stays, what moves counts, a channel shows 0 only where its rule says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.decisions.lane import KEY, Lane, at, movement, told_id

from syncline.config import apply
from syncline.decisions import propose_accept
from syncline.landing import Fact


def discontinue(lane: Lane, end: datetime | None, now: datetime, rule: str = "") -> None:
    for row in lane.seeds["items"]:
        if row["item"] == KEY[0]:
            row["discontinued_from"] = end.isoformat() if end else "infinity"
    for row in lane.seeds["channel_rules"]:
        row["discontinued"] = rule
    apply(lane.owner, lane.seeds, now, "test")


def other_item(number: int, minute: int) -> Fact:
    return movement(number, 5, minute)._replace(item_ref="SKU-0002")


def wanted(lane: Lane) -> dict[Any, Any]:
    return dict(lane.rows("select target, wanted from canonical.candidate_corrections where item = %s", KEY[0]))


def test_stock_stays_when_the_item_left_every_feed(lane: Lane) -> None:
    assert lane.batch(at(9, 2))
    for hour in range(10, 14):  # every feed speaks of other items only
        lane.tell(at(hour, 30), other_item(hour, hour))
        lane.tell(at(hour, 31), other_item(hour + 50, hour)._replace(kind="balance"), source="acme_3pl")
    assert lane.batch(at(14))
    assert lane.rows("select item, quantity from canonical.balances where item = %s", KEY[0]) == [(KEY[0], 100)]
    discontinue(lane, at(14), at(14, 1))
    lane.tell(at(15), other_item(99, 59))
    assert lane.batch(at(15, 1))
    assert lane.rows("select quantity from canonical.balances where item = %s", KEY[0]) == [(100,)]
    assert lane.is_its_rebuild()


def test_what_moves_after_its_end_counts_and_asks_for_a_person(lane: Lane) -> None:
    assert lane.batch(at(9, 2))
    discontinue(lane, at(10, 5), at(9, 30))
    before, after = movement(2, -1, minute=1), movement(3, -2, minute=10)
    lane.tell(at(10, 15), before, after)
    assert lane.batch(at(10, 16))
    assert (lane.on_hand(), lane.open_exceptions()) == (97, ["discontinued_item_moved"])
    ((number, detail),) = lane.rows("select exception_id, detail from ops.exceptions where state <> 'resolved'")
    assert detail == f"1 movements since it was discontinued, first {told_id(after)}"
    assert wanted(lane) == {"erp": 97, "shop": 94}, "no channel rule says zero: it shows what is there"

    lane.decide(lambda c: propose_accept(c, [], by="anna", at=at(11), why="last sale", exception_id=number))
    assert lane.batch(at(11, 1))
    assert (lane.on_hand(), lane.open_exceptions()) == (97, [])
    # Sold again: nothing to ask, whatever was accepted.
    lane.tell(at(11, 2), movement(4, -1, minute=20))
    assert lane.batch(at(11, 3))
    assert lane.open_exceptions() == ["discontinued_item_moved"]
    discontinue(lane, None, at(11, 4))
    assert lane.batch(at(11, 5))
    assert lane.open_exceptions() == []


def test_a_channel_shows_zero_from_the_end_on_where_its_rule_says_so(lane: Lane) -> None:
    assert lane.batch(at(9, 2))
    discontinue(lane, at(12), at(9, 30), rule="zero")
    assert lane.batch(at(9, 31))
    assert wanted(lane) == {"erp": 100, "shop": 97}
    assert not lane.batch(at(11, 59))
    assert lane.batch(at(12)), "the lane wakes at the end, though nothing was told"
    assert wanted(lane) == {"erp": 100, "shop": 0}
    assert lane.corrections() == {"shop": (0, "pending", None)}
    discontinue(lane, None, at(12, 1), rule="zero")
    assert lane.batch(at(12, 2))
    assert wanted(lane)["shop"] == 97
