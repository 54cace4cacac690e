"""What is Shopify's own: compare by value, keys of documents, points, versions. The rest is the contract suite's."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.targets.shopify.conftest import BERLIN, ITEMS, PARIS, TOKEN, Served, document, entry, line

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerUnavailable
from syncline.targets.adapters import open_adapter
from syncline.targets.contract import Budget, DocumentAnswer
from syncline.targets.shopify.client import UNCONFIRMED


def told(answer: DocumentAnswer) -> dict[str, tuple[str, str]]:
    """Outcome and code by reference."""
    return {reference: (each.outcome, each.code) for reference, each in answer.lines.items()}


def test_another_version_is_not_spoken_to(shopify: Served) -> None:
    shopify.shop.versions = ("2027-01",)  # ours is gone: Shopify serves another one instead of failing
    adapter = shopify.open()
    with pytest.raises(ConfigurationError, match=r"2027-01.*2026-10"):
        adapter.show([("501", BERLIN)])
    answer = adapter.send(document(line("501", 90)), 5)
    assert told(answer) == {line("501", 90).reference: ("not_executed", "not_begun")}
    assert not shopify.faults.count  # no mutation was sent
    assert [check for check in adapter.check() if not check.is_well]


def test_the_version_is_asked_for_once(shopify: Served) -> None:
    adapter = shopify.open()
    adapter.send(document(line("501", 90)), 5)
    shopify.shop.points = shopify.shop.points_max = 13.0  # enough for a mutation, and not for a query before it
    shopify.shop.restored_per_s = 0.0
    assert told(adapter.send(document(line("502", 90)), 5)) == {line("502", 90).reference: ("applied", "")}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (line("999", 5), "INVALID_INVENTORY_ITEM"),
        (line("501", 5, location="9999"), "INVALID_LOCATION"),
        (line("502", 5, location=PARIS), "ITEM_NOT_STOCKED_AT_LOCATION"),
        (line("503", 10**9 + 1), "INVALID_QUANTITY_TOO_HIGH"),
        (line("503", -(10**9) - 1), "INVALID_QUANTITY_TOO_LOW"),
    ],
)
def test_one_refused_line_stops_the_others(shopify: Served, bad: Any, code: str) -> None:
    good = line("501", 90)
    adapter = shopify.open()
    answer = told(adapter.send(document(good, bad), 5))
    assert answer == {good.reference: ("not_executed", "document_refused"), bad.reference: ("refused", code)}
    assert not shopify.shop.book.effects
    assert told(adapter.send(document(good), 5)) == {good.reference: ("applied", "")}


def test_stale_names_its_line(shopify: Served) -> None:
    shopify.shop.book.add(("502", BERLIN), -1)
    lines = [line(item, 90) for item in ITEMS]
    answer = told(shopify.open().send(document(*lines), 5))
    assert answer[lines[1].reference] == ("stale", "CHANGE_FROM_QUANTITY_STALE")
    assert answer[lines[0].reference] == answer[lines[2].reference] == ("not_executed", "document_refused")


def test_a_key_whose_attempt_failed_is_spent(shopify: Served) -> None:
    adapter, sent = shopify.open(), document(line("501", 90))
    shopify.shop.book.add(("501", BERLIN), -1)
    assert told(adapter.send(sent, 5)) == {sent.lines[0].reference: ("stale", "CHANGE_FROM_QUANTITY_STALE")}
    shopify.shop.book.add(("501", BERLIN), 1)  # the compare would hold now
    assert told(adapter.send(sent, 5)) == {sent.lines[0].reference: ("stale", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")}
    assert shopify.shop.book.numbers["501", BERLIN] == 100


def test_the_same_document_at_the_same_time_has_one_effect(shopify: Served) -> None:
    sent = document(line("501", 90), line("502", 80))
    shopify.shop.slow_s = 0.6
    answers: list[DocumentAnswer] = []
    first = threading.Thread(target=lambda: answers.append(shopify.open().send(sent, 5)))
    first.start()
    time.sleep(0.3)
    second = shopify.open().send(sent, 5)
    first.join()
    # The second proves nothing: the same request is running, and it does take effect.
    assert set(told(second).values()) == {("unknown", "IDEMPOTENCY_CONCURRENT_REQUEST")}
    assert set(told(answers[0]).values()) == {("applied", "")}
    assert [effect.delta for effect in shopify.shop.book.effects] == [-10, -20]
    assert set(told(shopify.open().send(sent, 5)).values()) == {("applied", "")}
    assert len(shopify.shop.book.effects) == 2


def test_a_key_with_another_body_is_our_fault(shopify: Served) -> None:
    adapter, sent = shopify.open(), document(line("501", 90))
    adapter.send(sent, 5)
    other = document(replace(sent.lines[0], quantity=91, shown=90))
    assert told(adapter.send(other, 5)) == {sent.lines[0].reference: ("refused", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")}
    assert shopify.shop.book.numbers["501", BERLIN] == 90


def test_a_forgotten_key_is_caught_by_the_compare(shopify: Served) -> None:
    adapter, sent = shopify.open(), document(line("501", 90))
    adapter.send(sent, 5)
    shopify.shop.forget_keys()
    assert told(adapter.send(sent, 5)) == {sent.lines[0].reference: ("stale", "CHANGE_FROM_QUANTITY_STALE")}
    assert len(shopify.shop.book.effects) == 1


def test_a_forgotten_key_doubles_a_delta(shopify: Served) -> None:
    """Why the retention is declared, and counted from the first try."""
    adapter, sent = shopify.open(writes="delta"), document(line("501", -5))
    adapter.send(sent, 5)
    adapter.send(sent, 5)
    assert shopify.shop.book.numbers["501", BERLIN] == 95
    shopify.shop.forget_keys()
    adapter.send(sent, 5)
    assert shopify.shop.book.numbers["501", BERLIN] == 90
    assert adapter.capabilities.key_retention_s is not None
    assert adapter.capabilities.key_retention_s < 86_400


def test_deltas_go_without_compare(shopify: Served) -> None:
    adapter = shopify.open(writes="delta")
    assert (adapter.capabilities.writes, adapter.capabilities.compare) == ("delta", "none")
    assert (shopify.open().capabilities.writes, shopify.open().capabilities.compare) == ("set", "value")
    shopify.shop.book.add(("501", BERLIN), -3)  # a sale since we looked
    lines = [line("501", -5, shown=None), line("502", 8)]
    assert set(told(adapter.send(document(*lines), 5)).values()) == {("applied", "")}
    assert shopify.shop.book.numbers["501", BERLIN] == 92
    high = line("503", 10**9)
    assert told(adapter.send(document(high), 5)) == {high.reference: ("refused", "INVALID_QUANTITY_TOO_HIGH")}


def test_a_line_that_changes_nothing_is_not_listed_and_has_its_effect(shopify: Served) -> None:
    """Recorded so: a zero is left out of the changes, and alone it has no group."""
    adapter = shopify.open()
    same, other = line("501", 100), line("502", 90)
    assert set(told(adapter.send(document(same, other), 5)).values()) == {("applied", "")}
    assert set(told(adapter.send(document(line("503", 100)), 5)).values()) == {("applied", "")}


def test_a_set_without_compare_is_not_sent(shopify: Served) -> None:
    blind, good = line("501", 90, shown=None), line("502", 90)
    answer = told(shopify.open().send(document(blind, good), 5))
    assert answer == {
        blind.reference: ("refused", "not_shown"), good.reference: ("not_executed", "not_sent"),
    }  # fmt: skip
    assert not shopify.faults.count


def test_ids_are_numbers_or_gids(shopify: Served) -> None:
    gids = ("gid://shopify/InventoryItem/501", f"gid://shopify/Location/{PARIS}")
    keys = [("501", BERLIN), ("501", PARIS), gids, ("SKU-1", BERLIN), ("gid://shopify/Product/501", BERLIN)]
    adapter = shopify.open()
    shown = {key: each.quantity for key, each in adapter.show(keys).items()}
    assert shown == {("501", BERLIN): 100, ("501", PARIS): 7, gids: 7}
    sent = document(line(gids[0], 9, shown=7, location=gids[1]))
    assert set(told(adapter.send(sent, 5)).values()) == {("applied", "")}
    assert shopify.shop.book.numbers["501", PARIS] == 9
    named = line("SKU-1", 3)
    assert told(adapter.send(document(named), 5)) == {named.reference: ("refused", "no_id")}


@pytest.mark.parametrize("status", [200, 429])
def test_throttled_waits_as_long_as_the_points_need(shopify: Served, status: int) -> None:
    shop, adapter = shopify.shop, shopify.open()
    adapter.show([("501", BERLIN)])
    shop.throttled_status = status
    shop.points, shop.points_max, shop.restored_per_s = 3.0, 3.0, 2.0
    answer = adapter.send(document(line("501", 90)), 5)
    assert set(told(answer).values()) == {("not_executed", "throttled")}
    assert answer.retry_after_s == pytest.approx((13 - 3) / 2)
    assert answer.budget == Budget(left=3.0, restored_per_s=2.0, cost=13.0)
    shop.points = shop.points_max = 2000.0
    answer = adapter.send(document(line("501", 90)), 5)
    assert set(told(answer).values()) == {("applied", "")}
    assert answer.budget is not None
    assert (answer.budget.cost, answer.budget.restored_per_s) == (13.0, 2.0)


def test_reading_goes_at_the_pace_of_the_bucket(shopify: Served) -> None:
    shop = shopify.shop
    shop.book.numbers |= {(str(number), BERLIN): number for number in range(10_000, 10_220)}
    keys = [(str(number), BERLIN) for number in range(10_000, 10_220)]
    shop.points, shop.points_max, shop.restored_per_s = 310.0, 310.0, 400.0
    began_s = time.monotonic()
    shown = shopify.open().show(keys)
    assert {key: each.quantity for key, each in shown.items()} == {key: int(key[0]) for key in keys}
    assert time.monotonic() - began_s > 0.7  # 310 points, then 301 again: not at once
    shop.points, shop.restored_per_s = 310.0, 1.0
    with pytest.raises(PartnerUnavailable) as tired:
        shopify.open().show(keys)
    assert tired.value.retry_after_s is not None
    assert tired.value.retry_after_s > 200


def test_rights_are_looked_at(shopify: Served) -> None:
    assert all(check.is_well for check in shopify.open().check())
    assert [check.told for check in shopify.open().check() if check.name == "unconfirmed"] == list(UNCONFIRMED)
    shopify.shop.scopes = ("read_inventory", "read_products")
    lacking = [check for check in shopify.open().check() if not check.is_well]
    assert [check.name for check in lacking] == ["rights"]
    assert "write_inventory, read_locations" in lacking[0].told


@pytest.mark.parametrize(
    ("options", "connection", "wrong"),
    [
        ({"writes": "both"}, {}, "writes"),
        ({"quantity_name": "committed"}, {}, "quantity_name"),
        ({"reason": "Because I can\n"}, {}, "reason"),
        ({"api_version": "2025-01"}, {}, "api_version"),
        ({}, {"password": ""}, "password"),
        ({}, {"password": "two\nlines"}, "password"),
        ({}, {"host": ""}, "host"),
        ({}, {"host": "shop.example", "schema": ""}, "https"),
    ],
)
def test_what_is_missing_is_one_line(options: dict[str, Any], connection: dict[str, Any], wrong: str) -> None:
    whole = {"host": "shop.example", "schema": "https", "password": TOKEN} | connection
    target = entry() if not options else entry().model_copy(update={"options": options})
    with pytest.raises(ConfigurationError) as error:
        open_adapter(target, Connection("shop_de", "http", **whole))
    text = str(error.value)
    assert "shop_de" in text
    assert wrong in text
    assert "Next: " in text
    assert "\n" not in text
    assert TOKEN not in text


def test_opens_by_kind(shopify: Served) -> None:
    adapter = open_adapter(entry(), Connection("shop_de", "http", host=shopify.url, password=TOKEN))
    assert adapter.check()[0].is_well
    adapter.close()


def test_style_and_option_are_one() -> None:
    delta = entry(writes="delta").model_copy(update={"style": "set"})
    with pytest.raises(ConfigurationError, match="style is 'set'"):
        open_adapter(delta, Connection("shop_de", "http", host="https://shop.example", password=TOKEN))
