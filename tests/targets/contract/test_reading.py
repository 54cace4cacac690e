"""What an adapter shows, finds and lists is what the target's book says, and checking it changes nothing."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from tests.targets.contract.standin import STOCKED, StandIn
from tests.targets.contract.telling import TIMEOUT_S, always, document, outcomes, settled, several, until

from syncline.errors import ConfigurationError, PartnerUnavailable, SynclineError
from syncline.targets.contract import Check, Found, Shown


def needs(standin: StandIn, name: str) -> None:
    """Skip where the capability is not declared."""
    if not getattr(standin.capabilities, name):
        pytest.skip(f"does not declare {name}")


def test_shows_the_books_numbers(standin: StandIn) -> None:
    for number, key in enumerate(standin.keys):
        standin.book.set(key, (0, 10**9, 17)[number % 3])
    shown = standin.adapter.show([*standin.keys, standin.unknown_key])
    assert set(shown) == set(standin.keys)
    assert all(isinstance(each, Shown) and type(each.quantity) is int for each in shown.values())
    assert {key: each.quantity for key, each in shown.items()} == {
        key: (0, 10**9, 17)[number % 3] for number, key in enumerate(standin.keys)
    }


def test_shows_nothing_for_no_keys(standin: StandIn) -> None:
    assert standin.adapter.show([]) == {}


def test_a_version_moves_with_the_number(standin: StandIn) -> None:
    if standin.capabilities.compare != "version":
        pytest.skip("does not compare versions")
    key = standin.keys[0]
    first = standin.adapter.show([key])[key].version
    standin.book.add(key, 1)
    standin.book.add(key, -1)
    second = standin.adapter.show([key])[key].version
    assert first
    assert second
    assert first != second


def test_finds_a_reference_once_it_took_effect(standin: StandIn) -> None:
    needs(standin, "finds")
    sent = document(standin, {key: -number for number, key in enumerate(several(standin), 2)})
    assert not any(standin.adapter.find(sent.lines).values())
    settled(standin, sent)
    found = standin.adapter.find(sent.lines)
    for each in sent.lines:
        (effect,) = found[each.reference]
        assert isinstance(effect, Found)
        assert (effect.item, effect.location) == (each.item, each.location)
        assert effect.quantity == each.quantity
        assert effect.document


@pytest.mark.parametrize("fault", ["lost_request", "server_error"])
def test_does_not_find_what_was_not_done(standin: StandIn, fault: str) -> None:
    needs(standin, "finds")
    sent = document(standin, dict.fromkeys(several(standin), 5))
    with always(standin, fault):
        standin.adapter.send(sent, TIMEOUT_S)
    assert not any(standin.adapter.find(sent.lines).values())


def test_finds_what_was_done_late(standin: StandIn) -> None:
    needs(standin, "finds")
    sent = document(standin, dict.fromkeys(several(standin), 5))
    with always(standin, "late"):
        standin.adapter.send(sent, TIMEOUT_S)
    assert not any(standin.adapter.find(sent.lines).values())
    until(lambda: standin.book.effects)
    until(lambda: all(standin.adapter.find(sent.lines).get(each.reference) for each in sent.lines))


def test_lists_ours_and_others_changes(standin: StandIn) -> None:
    needs(standin, "lists_changes")
    key = standin.keys[0]
    before = standin.adapter.changes(0, 500)
    last = before.changes[-1].position if before.changes else 0
    sent = document(standin, {key: 5})
    settled(standin, sent)
    standin.book.add(key, -2)
    page = standin.adapter.changes(last, 500)
    assert [(each.delta, each.reference) for each in page.changes] == [(5, sent.lines[0].reference), (-2, None)]


def test_check_is_well_and_changes_nothing(standin: StandIn) -> None:
    before = dict(standin.book.numbers)
    checks = standin.adapter.check()
    assert all(isinstance(each, Check) for each in checks)
    assert [each for each in checks if not each.is_well] == []
    assert {each.name for each in checks} - {"unconfirmed"}
    assert all("\n" not in each.told for each in checks)
    assert standin.book.numbers == before
    assert not standin.book.effects
    assert not sum(standin.faults.count.values())  # no writing call was made


def test_check_says_that_the_login_is_wrong(standin: StandIn) -> None:
    stranger = standin.adapter_at(standin.base_url, False)
    checks = stranger.check()
    stranger.close()
    assert [each for each in checks if not each.is_well]


def test_a_wrong_login_reads_nothing(standin: StandIn) -> None:
    stranger = standin.adapter_at(standin.base_url, False)
    with pytest.raises(ConfigurationError) as refused:
        stranger.show(list(standin.keys))
    stranger.close()
    assert refused.value.next_step


def test_nobody_listens(standin: StandIn, unused_url: str) -> None:
    lost = standin.adapter_at(unused_url, True)
    with pytest.raises(PartnerUnavailable):
        lost.show(list(standin.keys))
    assert [each for each in lost.check() if not each.is_well]
    lost.close()


def test_no_secret_is_told(standin: StandIn, unused_url: str) -> None:
    told = [repr(standin.adapter), str(standin.adapter)]

    def hear(call: Callable[[], object]) -> None:
        try:
            told.append(repr(call()))
        except SynclineError as error:
            told.extend((repr(error), str(error), repr(error.fields), *traceback.format_exception(error)))

    sent = document(standin, {standin.keys[0]: 1})
    for adapter in (
        standin.adapter,
        standin.adapter_at(standin.base_url, False),
        standin.adapter_at(unused_url, True),
    ):
        told.append(repr(adapter))
        hear(adapter.check)
        hear(lambda adapter=adapter: adapter.show(list(standin.keys)))  # type: ignore[misc]
        hear(lambda adapter=adapter: adapter.send(sent, TIMEOUT_S))  # type: ignore[misc]
        if standin.capabilities.finds:
            hear(lambda adapter=adapter: adapter.find(sent.lines))  # type: ignore[misc]
        if adapter is not standin.adapter:
            adapter.close()
    assert standin.secrets
    for secret in standin.secrets:
        assert not [text for text in told if secret in text]


def test_reading_goes_on_after_a_failed_write(standin: StandIn) -> None:
    key = standin.keys[0]
    sent = document(standin, {key: 5})
    with always(standin, "lost_request"):
        assert outcomes(standin.adapter.send(sent, TIMEOUT_S)) == ["unknown"]
    assert standin.adapter.show([key])[key].quantity == STOCKED
