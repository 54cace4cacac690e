"""What is Amazon's own: accepted is not done, and a listing read back proves less than it seems to."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from tests.targets.amazon_sp.conftest import LOGIN, SKU, Served, document, entry, login_at

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.targets.adapters import open_adapter
from syncline.targets.amazon_sp.client import UNCONFIRMED, AmazonClient
from syncline.targets.amazon_sp.showing import numbers_of
from syncline.targets.contract import Budget, Document, DocumentAnswer
from syncline.twin.vendors.amazon_sp import issue

KEY = (SKU, "DEFAULT")


def told(answer: DocumentAnswer | None) -> tuple[str, str]:
    assert answer is not None
    (line,) = answer.lines.values()
    return line.outcome, line.code


def accepted(adapter: AmazonClient, sent: Document) -> str:
    answer = adapter.send(sent, 5)
    assert told(answer) == ("accepted", "ACCEPTED")
    assert answer.job is not None
    return answer.job


def test_what_was_submitted_is_not_what_is_in_effect(amazon: Served) -> None:
    amazon.seller.takes_s = 0.6
    adapter, sent = amazon.open(), document(90)
    job = accepted(adapter, sent)
    assert amazon.seller.listing(SKU, "attributes")["attributes"]["fulfillment_availability"][0]["quantity"] == 90
    assert adapter.poll(job, sent) is None
    assert adapter.show([KEY])[KEY].quantity == 100
    time.sleep(1.0)
    assert told(adapter.poll(job, sent)) == ("applied", "")
    assert adapter.show([KEY])[KEY].quantity == 90


def test_the_wanted_number_may_be_somebody_elses(amazon: Served) -> None:
    """100, we set 95; five are sold meanwhile: 95 is shown, and ours is still to come, over the next sale."""
    amazon.seller.takes_s = 1.0
    adapter, sent = amazon.open(sole_writer=False), document(95)
    job = accepted(adapter, sent)
    amazon.seller.book.add(KEY, -5)
    assert told(adapter.poll(job, sent)) == ("unknown", "number_of_others")
    amazon.seller.book.add(KEY, -1)
    time.sleep(1.3)
    assert amazon.seller.book.numbers[KEY] == 95


def test_a_number_that_was_there_before_proves_nothing(amazon: Served) -> None:
    adapter, sent = amazon.open(), document(100, shown=100)
    assert told(adapter.poll(accepted(adapter, sent), sent)) == ("unknown", "number_of_others")


def test_another_number_is_no_answer(amazon: Served) -> None:
    adapter, sent = amazon.open(), document(90)
    job = accepted(adapter, sent)
    time.sleep(0.5)
    amazon.seller.book.add(KEY, -1)
    assert adapter.poll(job, sent) is None


def test_an_issue_refuses_once_it_can_be_ours(amazon: Served) -> None:
    seller, sent = amazon.seller, document(90)
    seller.issues[SKU] = [issue("99001", "of a submission before ours")]
    adapter = amazon.open(refused_after_s=2)
    job = accepted(adapter, sent)
    assert adapter.poll(job, sent) is None  # ours may still be under way
    seller.book.set(KEY, 100)
    time.sleep(2.2)
    seller.book.set(KEY, 100)
    assert told(adapter.poll(job, sent)) == ("refused", "99001")
    seller.issues[SKU] = [issue("18155", "minimum price", "purchasable_offer")]
    assert adapter.poll(job, sent) is None  # of something else
    seller.issues[SKU] = [issue("99001", "look at this") | {"severity": "WARNING"}]
    assert adapter.poll(job, sent) is None
    seller.book.set(KEY, 90)
    seller.issues[SKU] = [issue("99001", "and yet the number is there")]
    assert told(adapter.poll(job, sent)) == ("applied", "")


def test_accepted_and_failed(amazon: Served) -> None:
    amazon.seller.will_fail.add(SKU)
    adapter, sent = amazon.open(refused_after_s=1), document(90)
    job = accepted(adapter, sent)
    time.sleep(1.5)
    assert told(adapter.poll(job, sent)) == ("refused", "99001")
    assert not amazon.seller.book.effects


def test_a_job_without_a_time_is_never_refused(amazon: Served) -> None:
    amazon.seller.issues[SKU] = [issue("99001", "no")]
    for job in ("abc/0", "nonsense", ""):
        assert amazon.open(refused_after_s=1).poll(job, document(90)) is None


def test_invalid_is_refused_at_once(amazon: Served) -> None:
    assert told(amazon.open().send(document(90, channel=""), 5)) == ("refused", "90000900")


def test_a_403_is_the_skus_when_the_same_login_reads_others(amazon: Served) -> None:
    amazon.seller.odd.add("ODD/1#2")
    amazon.seller.book.numbers["ODD/1#2", "DEFAULT"] = 5
    adapter = amazon.open()
    assert told(adapter.send(document(90, sku="ODD/1#2"), 5)) == ("refused", "sku_refused")
    assert told(adapter.send(document(90), 5)) == ("accepted", "ACCEPTED")


def test_a_403_is_the_logins_when_the_listing_can_be_read_or_nothing_can(amazon: Served) -> None:
    amazon.seller.read_only = True
    assert told(amazon.open().send(document(90), 5)) == ("not_executed", "Unauthorized")
    stranger = amazon.open(seller_id="A000000000000")
    assert told(stranger.send(document(90), 5)) == ("not_executed", "Unauthorized")


def test_a_listing_that_was_never_read_is_not_begun(amazon: Served) -> None:
    adapter = amazon.open()
    assert told(adapter.send(document(5, shown=None, sku="NEW"), 5)) == ("refused", "not_shown")
    assert not amazon.faults.count
    # It was there when it was read, and has been deleted since: Amazon accepts, and nothing proves an effect.
    sent = document(5, sku="GONE")
    job = accepted(adapter, sent)
    time.sleep(0.5)
    assert adapter.poll(job, sent) is None
    assert amazon.seller.begun == {"GONE"}
    assert not amazon.seller.book.effects


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (document(5, channel="AMAZON_EU"), "fba_is_read_only"),
        (document(-1), "negative"),
        (document(5, sku=".."), "no_sku"),
        (document(5, sku="a\nb"), "no_sku"),
        (document(5, sku=""), "no_sku"),
    ],
)
def test_what_is_not_sent(amazon: Served, sent: Document, why: str) -> None:
    assert told(amazon.open().send(sent, 5)) == ("refused", why)
    assert not amazon.faults.count


def test_one_line_a_call(amazon: Served) -> None:
    (line,) = document(5).lines
    two = Document((line, replace(line, reference="d" * 64, location="STORE")))
    answer = amazon.open().send(two, 5)
    assert {each.outcome for each in answer.lines.values()} == {"not_executed"}
    assert len(answer.lines) == 2
    assert not amazon.faults.count


def test_the_account_has_a_rate(amazon: Served) -> None:
    seller, adapter = amazon.seller, amazon.open()
    seller.rate, seller.burst = 0.25, 1.0
    accepted(adapter, document(90))
    answer = adapter.send(document(80), 5)
    assert told(answer) == ("not_executed", "QuotaExceeded")
    assert answer.retry_after_s == 4.0
    assert answer.budget == Budget(0.0, 0.25, 1.0)
    adapter.show([KEY])
    with pytest.raises(PartnerUnavailable) as tired:
        adapter.show([KEY])
    assert tired.value.retry_after_s == 4.0


def test_twenty_listings_in_one_request(amazon: Served) -> None:
    seller = amazon.seller
    keys = [(f"SKU {number}/#,"[: 8 + number % 2], "DEFAULT") for number in range(10, 55)]
    seller.book.numbers |= {key: int(key[0][4:6]) for key in keys}
    adapter = amazon.open()
    shown = adapter.show([*keys, ("SKU 10/", "STORE"), ("..", "DEFAULT"), ("NONE", "DEFAULT")])
    assert {key: each.quantity for key, each in shown.items()} == {key: seller.book.numbers[key] for key in keys}
    # 23 and two that are not there in lists; 22 have a comma.
    assert (seller.count["search"], seller.count["get"]) == (2, 22)


def test_pages_that_are_shorter_than_asked_for(amazon: Served) -> None:
    keys = [(f"P{number}", "DEFAULT") for number in range(9)]
    amazon.seller.book.numbers |= dict.fromkeys(keys, 7)
    amazon.seller.page_max = 4
    assert set(amazon.open().show(keys)) == set(keys)
    amazon.seller.page_max = 1
    with pytest.raises(PartnerContractBroken, match="pages"):
        amazon.open().show(keys)


def test_a_refusal_is_no_reason_for_another_token(amazon: Served) -> None:
    stranger = open_adapter(entry(seller_id="A000000000000"), login_at(amazon.url))
    answer = stranger.send(document(5), 5)
    assert told(answer) == ("not_executed", "Unauthorized")
    with pytest.raises(ConfigurationError, match="seller_id"):
        stranger.show([KEY])  # type: ignore[attr-defined]
    assert len(amazon.seller.tokens) == 1
    stranger.close()


def test_rights_and_what_is_unconfirmed(amazon: Served) -> None:
    checks = amazon.open().check()
    assert checks[0].is_well
    assert [check.told for check in checks[1:]] == list(UNCONFIRMED)
    elsewhere = open_adapter(entry(marketplace_id="ATVPDKIKX0DER"), login_at(amazon.url))
    assert [check.name for check in elsewhere.check() if not check.is_well] == ["read"]
    elsewhere.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"sku": SKU, "fulfillmentAvailability": [{"quantity": 5}]},
        {"sku": SKU, "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT", "quantity": "5"}]},
        {"sku": SKU, "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT", "quantity": 5.5}]},
        {"sku": SKU, "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT", "quantity": 5}] * 2},
        {"fulfillmentAvailability": []},
        [],
    ],
)
def test_listings_outside_of_the_model(wrong: Any) -> None:
    with pytest.raises(PartnerContractBroken):
        numbers_of("amazon_de", wrong)


def test_a_channel_without_a_number_shows_none() -> None:
    rows = [{"fulfillmentChannelCode": "AMAZON_EU"}, {"fulfillmentChannelCode": "DEFAULT", "quantity": 5.0}]
    assert numbers_of("amazon_de", {"sku": SKU, "fulfillmentAvailability": rows}) == {"DEFAULT": 5}


@pytest.mark.parametrize(
    ("options", "connection", "wrong"),
    [
        ({"seller_id": "../other"}, {}, "seller_id"),
        ({"marketplace_id": "de"}, {}, "marketplace_id"),
        ({"product_type": "shirt"}, {}, "product_type"),
        ({"refused_after_s": 0}, {}, "refused_after_s"),
        ({"refused_after_s": "300"}, {}, "refused_after_s"),
        ({"region": "eu"}, {}, "region"),
        ({}, {"login": ""}, "login"),
        ({}, {"password": ""}, "password"),
        ({}, {"extra": {"refresh_token": ""}}, "extra.refresh_token"),
        ({}, {"extra": {"refresh_token": 7}}, "extra.refresh_token"),
        ({}, {"extra": {"token_url": "http://api.example"}}, "extra.token_url"),
        ({}, {"host": "sellingpartnerapi-eu.amazon.com"}, "https"),
    ],
)
def test_what_is_missing_is_one_line(options: dict[str, Any], connection: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        open_adapter(entry(**options), login_at("https://amazon.example", **connection))
    text = str(error.value)
    assert "amazon_de" in text
    assert wrong in text
    assert "Next: " in text
    assert "\n" not in text
    assert not [secret for secret in LOGIN.values() if secret in text]


def test_a_missing_option_is_named() -> None:
    with pytest.raises(ConfigurationError, match="seller_id"):
        open_adapter(entry().model_copy(update={"options": {}}), login_at("https://amazon.example"))


def test_writes_no_deltas() -> None:
    with pytest.raises(ConfigurationError, match="style is 'delta'"):
        open_adapter(entry().model_copy(update={"style": "delta"}), login_at("https://amazon.example"))
