"""The shop: compare-and-set line by line, replays, and orders that move the version."""

from __future__ import annotations

from typing import Any

import pytest

PUT = ("PUT", "/shop/v1/availability")


def line(reference: str, quantity: int, version: str, sku: str = "SKU-0001") -> dict[str, Any]:
    return {"reference": reference, "sku": sku, "location": "DC1", "quantity": quantity, "if_version": version}


@pytest.fixture
def shop(serve: Any) -> Any:
    return serve(at_minutes=0.001).api("shop")


def test_set_needs_the_current_version(shop: Any) -> None:
    first = shop.send(*PUT, "k1", [line("a", 7, "1")]).json()["lines"][0]
    assert (first["result"], first["version"], first["available_after"]) == ("set", "2", 7)
    stale = shop.send(*PUT, "k2", [line("b", 9, "1")]).json()["lines"][0]
    assert (stale["result"], stale["version"], stale["available_after"]) == ("stale", "2", 7)
    assert shop.send(*PUT, "k3", [line("c", 9, "2")]).json()["lines"][0]["result"] == "set"


def test_each_line_stands_for_itself(shop: Any) -> None:
    lines = [
        line("a", 7, "1"),
        line("b", 7, "5", "SKU-0002"),
        line("c", 7, "1", "SKU-9999"),
        line("d", -1, "1", "SKU-0003"),
    ]
    results = shop.send(*PUT, "k", lines).json()["lines"]
    assert [each["result"] for each in results] == ["set", "stale", "refused", "refused"]
    assert [each["code"] for each in results] == [None, "version_moved", "unknown_item", "invalid_quantity"]


def test_a_replay_changes_nothing_also_after_the_number_moved_on(shop: Any) -> None:
    first = shop.send(*PUT, "k1", [line("a", 7, "1")]).json()["lines"][0]
    shop.send(*PUT, "k2", [line("b", 9, "2")])
    again = shop.send(*PUT, "k1", [line("a", 7, "1")]).json()["lines"][0]
    assert again == {**first, "result": "replayed"}
    changes = shop.get("/shop/v1/changes", after=240).json()["changes"]
    assert [(change["kind"], change["reference"], change["available_after"]) for change in changes] == [
        ("set", "a", 7), ("set", "b", 9),
    ]  # fmt: skip


def test_keys_and_references_are_not_reused(shop: Any) -> None:
    shop.send(*PUT, "k1", [line("a", 7, "1")])
    assert shop.send(*PUT, "k1", [line("b", 7, "1")]).json()["error"]["code"] == "key_reused"
    assert shop.send(*PUT, "k2", [line("a", 8, "2")]).json()["lines"][0]["code"] == "reference_reused"


@pytest.mark.parametrize("wrong", [{"quantity": "7"}, {"if_version": 1}, {"reference": ""}, {"colour": "red"}])
def test_a_malformed_document_is_refused_whole(shop: Any, wrong: dict[str, Any]) -> None:
    answer = shop.send(*PUT, "k", [{**line("a", 7, "1"), **wrong}])
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert shop.get("/shop/v1/changes", after=240).json() == {"changes": [], "has_more": False}


def test_orders_take_what_is_shown_and_move_the_version(serve: Any) -> None:
    served = serve(at_minutes=110)
    changes = served.api("shop").get("/shop/v1/changes", limit=1000).json()["changes"]
    assert [change["position"] for change in changes] == list(range(1, len(changes) + 1))
    orders = [change for change in changes if change["kind"] == "order"]
    attempts = [attempt for attempt in served.twin.serving.world.orders.attempts if attempt.taken]
    assert [-order["delta"] for order in orders] == [attempt.taken for attempt in attempts]
    assert len({order["order_line"] for order in orders}) == len(orders) > 50
    allocated = {
        each["order_line"]
        for posted in served.twin.serving.world.books.logs["DC1"].records()
        for each in posted.body["lines"]
        if each.get("reason") == "order"
    }
    assert allocated <= {order["order_line"] for order in orders if order["location"] == "DC1"}
    shown: dict[tuple[str, str], int] = {}
    for change in changes:
        key = (change["sku"], change["location"])
        shown[key] = shown.get(key, 0) + change["delta"]
        assert change["available_after"] == shown[key] >= 0
