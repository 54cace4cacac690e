"""Answers that no contract promises: an adapter says ``unknown`` or raises what the flow knows, and never guesses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from tests.targets.contract.standin import STOCKED, StandIn
from tests.targets.contract.tampering import Proxy, Tamper, between
from tests.targets.contract.telling import TIMEOUT_S, always, document, outcomes, several, until

from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.targets.contract import DocumentAnswer

KNOWN = (PartnerContractBroken, PartnerUnavailable, ConfigurationError)
SEED = 20261122
MUTATIONS = 25
WRONG: tuple[Any, ...] = (
    None, True, -1, 1.5, 10**30, "", "x" * 5000, "1e9", "\x00", [], [[]], {}, {"a": None}, [None, 7], float("nan"),
)  # fmt: skip


def whole(status: int, content_type: str, body: bytes) -> Tamper:
    return lambda *_: (status, content_type, body)


BODIES: dict[str, Tamper] = {
    "html": whole(200, "text/html", b"<html><body>Log in</body></html>"),
    "10 MB": whole(200, "application/json", b'{"a":"' + b"x" * 10_000_000 + b'"}'),
    "empty": whole(200, "application/json", b""),
    "null": whole(200, "application/json", b"null"),
    "list": whole(200, "application/json", b"[]"),
    "object": whole(200, "application/json", b"{}"),
    "text": whole(200, "application/json", b'"yes"'),
    "number": whole(200, "application/json", b"7"),
    "deep": whole(200, "application/json", b"[" * 50_000),
    "not utf-8": whole(200, "application/json", b'{"a": "\xff\xfe"}'),
    "redirect": whole(302, "text/html", b""),
    "gone": whole(410, "application/json", b"{}"),
    "teapot": whole(418, "text/plain", b"short and stout"),
    "bad gateway": whole(502, "text/html", b"<html>502</html>"),
    "400 without a word": whole(400, "application/json", b"{}"),
    "403 of a proxy": whole(403, "text/html", b"<html>blocked</html>"),
    "404 of a proxy": whole(404, "text/html", b"<html>no such page</html>"),
}


@contextmanager
def behind(standin: StandIn) -> Iterator[tuple[Proxy, Callable[[], Any]]]:
    """A proxy, and how to open an adapter behind it."""
    with between(standin.base_url) as proxy:
        yield proxy, lambda: standin.adapter_at(proxy.base_url, True)


def calls_of(proxy: Proxy, opened: Callable[[], Any], call: Callable[[Any], object]) -> list[bytes]:
    """The answers that ``call`` is made of when nothing is tampered with."""
    proxy.begin(-1, None)
    adapter = opened()
    call(adapter)
    adapter.close()
    return list(proxy.answers)


def told(proxy: Proxy, opened: Callable[[], Any], call: Callable[[Any], object], at: int, tamper: Tamper) -> object:
    """What ``call`` of a fresh adapter gives when its answer ``at`` is replaced; an error that is known counts."""
    proxy.begin(at, tamper)
    adapter = opened()
    try:
        return call(adapter)
    except KNOWN as error:
        return error
    finally:
        adapter.close()


@pytest.mark.parametrize("name", BODIES)
def test_send_proves_nothing_from_nonsense(standin: StandIn, name: str) -> None:
    keys = several(standin)
    with behind(standin) as (proxy, opened):
        answers = calls_of(proxy, opened, sending(standin, keys, "honest"))
        for at in range(len(answers)):
            answer = told(proxy, opened, sending(standin, keys, (name, at)), at, BODIES[name])
            assert isinstance(answer, DocumentAnswer), answer
            is_last = at == len(answers) - 1
            assert not set(outcomes(answer)) & ({"applied", "replayed", "accepted"} if is_last else set()), at
            if is_last and name != "403 of a proxy":
                # It was executed: only the answer was replaced.
                assert outcomes(answer) == ["unknown"], at


def sending(standin: StandIn, keys: list[tuple[str, str]], name: object) -> Callable[[Any], DocumentAnswer]:
    sent = document(standin, dict.fromkeys(keys, 1), name)
    return lambda adapter: adapter.send(sent, TIMEOUT_S)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", BODIES)
def test_reading_believes_no_nonsense(standin: StandIn, name: str) -> None:
    sent = document(standin, dict.fromkeys(several(standin), 1))
    with behind(standin) as (proxy, opened):
        for call in reading(standin, sent):
            for at in range(len(calls_of(proxy, opened, call))):
                result = told(proxy, opened, call, at, BODIES[name])
                assert isinstance(result, KNOWN), (at, result)


def reading(standin: StandIn, sent: Any) -> list[Callable[[Any], object]]:
    """Calls that only read."""
    calls: list[Callable[[Any], object]] = [lambda adapter: adapter.show(list(standin.keys))]
    if standin.capabilities.lists_changes:
        calls.append(lambda adapter: adapter.changes(0, 100))
    if standin.capabilities.finds:
        calls.append(lambda adapter: adapter.find(sent.lines))
    return calls


def test_a_wrong_type_anywhere_raises_nothing_else(standin: StandIn) -> None:
    rng = Random(SEED)
    keys = several(standin)
    sent = document(standin, dict.fromkeys(keys, 1), "found")
    standin.adapter.send(sent, TIMEOUT_S)
    with behind(standin) as (proxy, opened):
        for call in reading(standin, sent):
            for at, tamper in mutations(rng, calls_of(proxy, opened, call)):
                told(proxy, opened, call, at, tamper)
        answers = calls_of(proxy, opened, sending(standin, keys, "honest"))
        for number, (at, tamper) in enumerate(mutations(rng, answers)):
            answer = told(proxy, opened, sending(standin, keys, number), at, tamper)
            assert isinstance(answer, DocumentAnswer)


def mutations(rng: Random, answers: list[bytes]) -> list[tuple[int, Tamper]]:
    """(number of the answer, replacement): one place of it each, up to ``MUTATIONS`` drawn from all."""
    all_of_them = []
    for at, answer in enumerate(answers):
        try:
            body = json.loads(answer)
        except ValueError:
            continue
        for path in paths(body):
            all_of_them += [(at, replaced(path, wrong)) for wrong in WRONG]
    return rng.sample(all_of_them, min(MUTATIONS, len(all_of_them)))


def paths(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(body, dict | list):
        for step in body if isinstance(body, dict) else range(len(body)):
            yield from paths(body[step], (*path, step))


def replaced(path: tuple[Any, ...], wrong: Any) -> Tamper:
    def tamper(status: int, content_type: str, body: bytes) -> tuple[int, str, bytes]:
        whole_body = json.loads(body)
        place, at = {"": whole_body}, ""
        for step in path:
            place, at = place[at], step  # type: ignore[assignment]
        place[at] = wrong
        top = wrong if not path else whole_body
        return status, content_type, json.dumps(top).encode()

    return tamper


@pytest.mark.parametrize("wrong", [1.5, "1.5", "twelve", "", "1e400", "NaN", 10**30])
def test_a_number_that_is_none_is_not_shown(standin: StandIn, wrong: Any) -> None:
    """Every place where the number stands, one at a time: shown as it is, left out or refused, never another number."""
    key = standin.keys[0]
    standin.book.set(key, 424242)
    with behind(standin) as (proxy, opened):

        def call(adapter: Any) -> object:
            return adapter.show([key])

        for at, body in enumerate(calls_of(proxy, opened, call)):
            for path in places(body, 424242):
                result = told(proxy, opened, call, at, replaced(path, wrong))
                if not isinstance(result, KNOWN):
                    assert result in ({}, standin.adapter.show([key])), (path, result)


def places(body: bytes, number: int) -> list[tuple[Any, ...]]:
    """Where in an answer ``number`` stands, as a number or as text."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return []
    found = []
    for path in paths(parsed):
        value = parsed
        for step in path:
            value = value[step]
        if not isinstance(value, bool | dict | list) and str(value).split(".")[0] == str(number):
            found.append(path)
    return found


def test_hostile_answers_and_faults_leave_the_adapter_usable(standin: StandIn) -> None:
    key = standin.keys[0]
    sent = document(standin, {key: 1})
    with always(standin, "cut_body"):
        standin.adapter.send(sent, TIMEOUT_S)
    until(lambda: standin.adapter.show([key])[key].quantity == STOCKED + 1)  # some take effect later
