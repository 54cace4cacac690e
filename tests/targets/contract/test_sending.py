"""What an adapter answers to a document is true, whatever goes wrong on the way."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from tests.targets.contract.standin import STOCKED, StandIn
from tests.targets.contract.telling import (
    TIMEOUT_S,
    always,
    assert_true,
    changed,
    document,
    line,
    outcomes,
    settled,
    several,
    until,
)

from syncline.targets.contract import Capabilities, Document

UNEXECUTED = ("lost_request", "server_error")
EXECUTED = ("lost_answer", "cut_body", "error_after")


def needs(standin: StandIn, name: str, *, other_than: object = False) -> None:
    """Skip where the capability is not declared."""
    if getattr(standin.capabilities, name) == other_than:
        pytest.skip(f"declares {name} {other_than}")


def test_declares_what_the_contract_knows(standin: StandIn) -> None:
    assert isinstance(standin.capabilities, Capabilities)
    for name, is_declared in {
        "find": standin.capabilities.finds,
        "changes": standin.capabilities.lists_changes,
        "poll": standin.capabilities.answers_later,
    }.items():
        assert hasattr(standin.adapter, name) == is_declared, name


def test_one_effect_for_one_document(standin: StandIn) -> None:
    keys = several(standin)
    before = dict(standin.book.numbers)
    sent = document(standin, {key: number for number, key in enumerate(keys, 3)})
    answer = settled(standin, sent)
    assert outcomes(answer) == ["applied"]
    assert changed(standin, before) == {key: number for number, key in enumerate(keys, 3)}
    assert [effect.delta for effect in standin.book.effects] == list(range(3, 3 + len(keys)))
    assert all(effect.reference for effect in standin.book.effects)


@pytest.mark.parametrize("change", [-STOCKED, -1, 1, 10**9 - STOCKED])
def test_small_and_large_numbers(standin: StandIn, change: int) -> None:
    key = standin.keys[0]
    answer = settled(standin, document(standin, {key: change}))
    assert outcomes(answer) == ["applied"]
    assert standin.book.numbers[key] == STOCKED + change
    assert standin.adapter.show([key])[key].quantity == STOCKED + change


def test_large_delta(standin: StandIn) -> None:
    if standin.capabilities.writes == "set":
        pytest.skip("writes set")
    key = standin.keys[0]
    assert outcomes(settled(standin, document(standin, {key: 10**9}))) == ["applied"]
    assert standin.book.numbers[key] == STOCKED + 10**9


def test_repeated_with_its_key_it_has_one_effect(standin: StandIn) -> None:
    needs(standin, "key", other_than="none")
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), -7))
    settled(standin, sent)
    for _ in range(2):
        again = settled(standin, sent)
        assert set(outcomes(again)) <= {"applied", "replayed"}
    assert changed(standin, before) == dict.fromkeys(several(standin), -7)


@pytest.mark.parametrize("fault", EXECUTED)
def test_unknown_and_then_repeated_it_has_one_effect(standin: StandIn, fault: str) -> None:
    needs(standin, "key", other_than="none")
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), 5))
    with always(standin, fault):
        assert outcomes(standin.adapter.send(sent, TIMEOUT_S)) == ["unknown"]
    assert set(outcomes(settled(standin, sent))) <= {"applied", "replayed"}
    assert changed(standin, before) == dict.fromkeys(several(standin), 5)


def test_late_and_repeated_it_has_one_effect(standin: StandIn) -> None:
    needs(standin, "key", other_than="none")
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), 5))
    with always(standin, "late"):
        assert outcomes(standin.adapter.send(sent, TIMEOUT_S)) == ["unknown"]
    settled(standin, sent)
    time.sleep(2 * standin.faults.late_s)  # the first request has been executed by now
    assert changed(standin, before) == dict.fromkeys(several(standin), 5)


def test_a_key_with_another_body_is_refused(standin: StandIn) -> None:
    needs(standin, "key", other_than="none")
    if not standin.refuses_another_body:
        pytest.skip("the vendor executes another body under the same key")
    key = standin.keys[0]
    before = dict(standin.book.numbers)
    sent = document(standin, {key: 5})
    settled(standin, sent)
    other = Document((replace(sent.lines[0], quantity=sent.lines[0].quantity + 1),))
    assert not set(outcomes(settled(standin, other))) & {"applied", "replayed", "accepted", "not_executed"}
    assert changed(standin, before) == {key: 5}


def test_stale(standin: StandIn) -> None:
    needs(standin, "compare", other_than="none")
    key = standin.keys[0]
    sent = document(standin, {key: 5})
    standin.book.add(key, -1)
    assert outcomes(settled(standin, sent)) == ["stale"]
    assert standin.book.numbers[key] == STOCKED - 1
    assert outcomes(settled(standin, document(standin, {key: 5}, "second"))) == ["applied"]
    assert standin.book.numbers[key] == STOCKED + 4


@pytest.mark.parametrize("fault", UNEXECUTED)
def test_nothing_came_back_and_nothing_was_done(standin: StandIn, fault: str) -> None:
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), 5))
    with always(standin, fault):
        answer = standin.adapter.send(sent, TIMEOUT_S)
    assert outcomes(answer) == ["unknown"]
    assert answer.silent
    assert not changed(standin, before)


@pytest.mark.parametrize("fault", EXECUTED)
def test_nothing_came_back_and_it_was_done(standin: StandIn, fault: str) -> None:
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), 5))
    with always(standin, fault):
        assert outcomes(standin.adapter.send(sent, TIMEOUT_S)) == ["unknown"]
    assert until(lambda: changed(standin, before)) is not None


def test_nothing_comes_back_and_it_is_done_later(standin: StandIn) -> None:
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), 5))
    with always(standin, "late"):
        assert outcomes(standin.adapter.send(sent, TIMEOUT_S)) == ["unknown"]
    assert until(lambda: changed(standin, before) == dict.fromkeys(several(standin), 5))


@pytest.mark.parametrize("lines", [1, 3])
def test_throttled(standin: StandIn, lines: int) -> None:
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin)[:lines], 5))
    with shaped(standin, "throttled"):
        answer = standin.adapter.send(sent, TIMEOUT_S)
    assert outcomes(answer) == ["not_executed"]
    assert answer.retry_after_s is not None
    assert answer.retry_after_s > 0
    assert not changed(standin, before)
    assert outcomes(settled(standin, sent)) == ["applied"]  # the same again, once the target lets us


@pytest.mark.parametrize("lines", [1, 3])
def test_locked(standin: StandIn, lines: int) -> None:
    """Alone, too: a refused line among others may be told not executed, a locked one is so by itself."""
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin)[:lines], 5))
    with shaped(standin, "locked"):
        answer = standin.adapter.send(sent, TIMEOUT_S)
    assert outcomes(answer) == ["not_executed"]
    assert not changed(standin, before)
    assert outcomes(settled(standin, sent)) == ["applied"]


def test_an_error_inside_a_good_status(standin: StandIn) -> None:
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), 5))
    with shaped(standin, "partial"):
        answer = settled(standin, sent)
    assert outcomes(answer) not in (["applied"], ["replayed"])
    assert_true(standin, before, sent, answer)


def shaped(standin: StandIn, fault: str) -> AbstractContextManager[None]:
    """``always`` with a fault that the vendor's API has."""
    if fault not in standin.shaped:
        pytest.skip(f"this API has no answer for {fault}")
    return always(standin, fault)


def test_an_unknown_item_is_refused(standin: StandIn) -> None:
    before = dict(standin.book.numbers)
    sent = Document((line(standin, standin.unknown_key, 5),))
    answer = settled(standin, sent)
    assert outcomes(answer) == ["refused"]
    assert all(each.code for each in answer.lines.values())
    assert not changed(standin, before)


def test_an_unknown_item_among_others(standin: StandIn) -> None:
    needs(standin, "lines_max", other_than=1)
    before = dict(standin.book.numbers)
    sent = document(standin, {standin.keys[0]: 5, standin.unknown_key: 5, standin.keys[1]: 5})
    answer = settled(standin, sent)
    assert_true(standin, before, sent, answer)
    refused = next(each for each in sent.lines if (each.item, each.location) == standin.unknown_key)
    assert answer.lines[refused.reference].outcome in ("refused", "not_executed")
    if standin.capabilities.is_atomic:
        # The good ones among them must not be told refused: they go again, without the bad one.
        good = [each for each in sent.lines if each != refused]
        assert {answer.lines[each.reference].outcome for each in good} == {"not_executed"}
        assert not changed(standin, before)


def test_accepted_and_answered_later(standin: StandIn) -> None:
    needs(standin, "answers_later")
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), 5))
    answer = standin.adapter.send(sent, TIMEOUT_S)
    assert outcomes(answer) == ["accepted"]
    assert answer.job
    assert standin.adapter.poll(answer.job, sent) is None
    later = until(lambda: standin.adapter.poll(answer.job, sent))
    assert outcomes(later) == ["applied"]  # type: ignore[arg-type]
    assert changed(standin, before) == dict.fromkeys(several(standin), 5)


def test_an_expired_login_is_renewed_inside_the_call(standin: StandIn) -> None:
    if standin.expire_login is None:
        pytest.skip("each call carries the login")
    before = dict(standin.book.numbers)
    key = standin.keys[0]
    assert outcomes(settled(standin, document(standin, {key: 5}))) == ["applied"]
    second = document(standin, {key: 2}, "second")
    standin.expire_login()  # all that reading and sending were logged in with
    assert outcomes(settled(standin, second)) == ["applied"]
    standin.expire_login()
    assert standin.adapter.show([key])[key].quantity == STOCKED + 7
    assert changed(standin, before) == {key: 7}


def test_a_wrong_login_executes_nothing(standin: StandIn) -> None:
    before = dict(standin.book.numbers)
    sent = document(standin, dict.fromkeys(several(standin), 5))
    stranger = standin.adapter_at(standin.base_url, False)
    answer = stranger.send(sent, TIMEOUT_S)
    stranger.close()
    assert outcomes(answer) == ["not_executed"]
    assert not changed(standin, before)
    assert not standin.book.effects


def test_nobody_listens(standin: StandIn, unused_url: str) -> None:
    sent = document(standin, dict.fromkeys(several(standin), 5))
    lost = standin.adapter_at(unused_url, True)
    answer = lost.send(sent, TIMEOUT_S)
    lost.close()
    assert set(outcomes(answer)) <= {"unknown", "not_executed"}
    assert set(answer.lines) == {each.reference for each in sent.lines}
