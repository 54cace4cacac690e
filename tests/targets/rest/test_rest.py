"""The description of a REST API: what is refused before a call, what is sent, and what its answers prove."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.breaking.raw_server import RawServer, answer
from tests.targets.contract import standin_rest_delta, standin_rest_set
from tests.targets.contract.standin_rest_delta import KEYS, SECRET, connected
from tests.targets.contract.telling import outcomes, reference

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken
from syncline.registry import Registry, Target
from syncline.targets.adapters import open_adapter
from syncline.targets.contract import Capabilities, Document, Line
from syncline.targets.http import Answer
from syncline.targets.rest.options import Write
from syncline.targets.rest.results import read_answer
from syncline.targets.rest.template import MISSING, Unsendable, at, filled, filled_path, names_in
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.rest import CLIENT, build
from syncline.twin.vendors.serving import served

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "targets" / "rest.md"
TIMEOUT_S = 5.0
DELTA, SET = standin_rest_delta.OPTIONS, standin_rest_set.OPTIONS
FIRST = Line(reference("first"), "A-1", "DC1", 5, expected_version='"7"', shown=3)
SECOND = Line(reference("second"), "A-2", "DC1", -5)


def changed(options: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """``options`` with another value under a dotted path; None takes it away."""
    made = copy.deepcopy(options)
    *steps, last = path.split(".")
    place = made
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return made


@contextmanager
def talking(*answers: bytes) -> Iterator[RawServer]:
    server = RawServer(*[lambda call, each=each: call.send(each) for each in answers])  # type: ignore[misc]
    try:
        yield server
    finally:
        server.close()


def test_a_placeholder_alone_keeps_its_type() -> None:
    template = {"n": "{quantity}", "t": "urn:{item}:{quantity}", "l": ["{version}", 1, True, None, "{items}"]}
    assert filled(template, {"quantity": -5, "item": "A", "items": ["x", "y"]}) == {
        "n": -5, "t": "urn:A:-5", "l": [None, 1, True, None, ["x", "y"]],
    }  # fmt: skip
    assert names_in(template) == {"quantity", "item", "version", "items"}


def test_a_value_is_not_filled_again() -> None:
    assert filled({"a": "x{item}"}, {"item": "{location}", "location": "leak"}) == {"a": "x{location}"}


@pytest.mark.parametrize(
    "template",
    ["{", "a}b", "{item.__class__}", "{item!r}", "{0}", "{{item}}", {"{item}": 1}, 1.5, "x" * 501, [0] * 300,
     [[[[[[[[[[1]]]]]]]]]]],
)  # fmt: skip
def test_what_is_no_template(template: Any) -> None:
    with pytest.raises(ValueError, match=r"template|placeholder"):
        names_in(template)


def test_an_address_keeps_its_steps() -> None:
    assert filled_path("/s/{location}/{item}", {"location": "D C", "item": "a/b?c#ü"}) == "/s/D%20C/a%2Fb%3Fc%23%C3%BC"
    for bad in ("..", ".", ""):
        with pytest.raises(Unsendable):
            filled_path("/s/{item}", {"item": bad})


def test_places() -> None:
    body = {"error": {"code": "x"}, "rows": [{"id": 1}]}
    assert (at(body, "error.code"), at(body, "rows.0.id"), at(body, ".")) == ("x", 1, body)
    for nowhere in ("error.code.x", "rows.1", "rows.-1", "none"):
        assert at(body, nowhere) is MISSING


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (changed(DELTA, "auth", {"kind": "ntlm"}), "auth.kind"),
        (changed(DELTA, "auth", {"kind": "header"}), "`header` belongs to kind header"),
        (changed(DELTA, "auth.token_path", None), "`token_path` belongs to kind oauth2"),
        (changed(DELTA, "headers", {"Authorization": "x"}), "secrets belong into the connection"),
        (changed(DELTA, "write.path", "v1/x"), "write.path"),
        (changed(DELTA, "write.line.id", "{refrence}"), "line has no placeholder {refrence}"),
        (changed(DELTA, "write.line.id", "{reference"), "brace that is no placeholder"),
        (changed(DELTA, "write.line.id", None), "write sends no {reference}"),
        (changed(DELTA, "write.line.change", None), "write sends no {quantity}"),
        (changed(DELTA, "write.line", None), "`line` belongs to a document with {lines}"),
        (changed(DELTA, "write.results", None), "declare `result` for the whole document"),
        (changed(DELTA, "write.results.outcomes", {"booked": "done"}), "write.results.outcomes.booked"),
        (changed(DELTA, "write.errors", [{"status": 404, "outcome": "refused"}]), "a proxy answers a bare status"),
        (changed(DELTA, "write.errors", [{"status": 200, "code": "x", "outcome": "stale"}]), "need `error_code`"),
        (changed(DELTA, "capabilities.compare", "version"), "compare belongs to writes set"),
        (changed(DELTA, "capabilities.key", "document"), "write has no `key_header`"),
        (changed(DELTA, "capabilities.finds", True), "capabilities.finds"),
        (changed(DELTA, "read.params", {"site": "{location}"}), "{items} for lists"),
        (changed(DELTA, "read.item", None), "needs `item`"),
        (changed(DELTA, "find.params", {"id": "all"}), "find has {reference}"),
        (changed(DELTA, "reference_digits", 8), "reference_digits"),
        (changed(DELTA, "check", None), "check"),
        (changed(SET, "write.version_header", None), "compare version: write sends no {version}"),
        (changed(SET, "read.version", None), "compare version: read has no `version`"),
        (changed(SET, "write.result", {"code": "x"}), "a status proves nothing"),
        (changed(SET, "capabilities.lines_max", 2), "lines_max above 1"),
        (changed(SET, "read.error_code", None), "`absent` needs `error_code`"),
        (changed(SET, "capabilities.writes", "delta"), "compare belongs to writes set"),
        (changed(SET, "surprise", 1), "surprise"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_one_line(options: dict[str, Any], told: str) -> None:
    style = "delta" if options["auth"].get("kind") != "basic" else "set"
    with pytest.raises(ConfigurationError, match=re.escape(told)) as error:
        connected("http://127.0.0.1:1", SECRET, options, style)
    assert "nobody" in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.next_step


def test_style_and_secrets_are_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="style is set"):
        connected("http://127.0.0.1:1", SECRET, DELTA, "set")
    with pytest.raises(ConfigurationError, match="has no password"):
        connected("http://127.0.0.1:1", "", DELTA, "delta")
    with pytest.raises(ConfigurationError, match="no https address in host"):
        connected("http://stock.example", SECRET, DELTA, "delta")
    with pytest.raises(ConfigurationError, match="a header can hold"):
        connected("http://127.0.0.1:1", "two words", changed(DELTA, "auth", {"kind": "bearer"}), "delta")


def test_tokens_come_from_another_server_over_https_too() -> None:
    target = Target.model_validate(
        {"name": "nobody", "kind": "rest", "conn_id": "nobody", "style": "delta", "sole_writer": False, "life_s": 30,
         "options": DELTA}
    )  # fmt: skip
    app, _ = build(Book(), VendorFaults(), SECRET)
    with served(app) as tokens, served(app) as base_url:
        for url, is_well in ((tokens, True), ("http://login.example", False)):
            connection = Connection(
                "nobody", "http", base_url, login=CLIENT, password=SECRET, extra={"token_base_url": url}
            )
            if not is_well:
                with pytest.raises(ConfigurationError, match=r"extra\.token_base_url"):
                    open_adapter(target, connection)
                continue
            adapter = open_adapter(target, connection)
            assert all(check.is_well for check in adapter.check())
            adapter.close()


def test_the_pages_example_is_what_the_suite_runs() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    depot, window = Registry.model_validate({"sources": [], **yaml.safe_load(example)}).targets
    assert depot.options == DELTA
    locked = {"status": 423, "outcome": "not_executed"}
    assert window.options == changed(SET, "write.errors", [e for e in SET["write"]["errors"] if e != locked])
    connection = Connection("x", "http", "stock.example", schema="https", login="a", password="b")
    assert open_adapter(depot, connection).capabilities == Capabilities("delta", key="line", finds=True, lines_max=50)
    assert open_adapter(window, connection).capabilities == Capabilities("set", compare="version")


@pytest.mark.parametrize(
    "auth", [{"kind": "bearer"}, {"kind": "header", "header": "X-Api-Key"}, {"kind": "basic"}],
    ids=lambda auth: auth["kind"],
)  # fmt: skip
def test_each_kind_of_login(auth: dict[str, str]) -> None:
    app, _ = build(Book(dict.fromkeys(KEYS, 3)), VendorFaults(), SECRET)
    with served(app) as base_url:
        for secret, is_well in ((SECRET, True), ("wrong", False)):
            adapter = connected(base_url, secret, changed(DELTA, "auth", auth), "delta")
            assert [check.is_well for check in adapter.check() if check.name == "version"] == [is_well]
            sent = Document((Line(reference(auth), *KEYS[0], 1),))
            assert outcomes(adapter.send(sent, TIMEOUT_S)) == ["applied" if is_well else "not_executed"]
            adapter.close()


def test_another_version_is_told() -> None:
    app, _ = build(Book(), VendorFaults(), SECRET)
    with served(app) as base_url:
        adapter = connected(base_url, SECRET, changed(DELTA, "check.is", "2019-01"), "delta")
        (version, *_) = adapter.check()
        adapter.close()
    assert (version.is_well, version.told) == (False, "version 2026-03, declared is 2019-01")


def test_what_goes_over_the_wire() -> None:
    options = changed(changed(SET, "write.key_header", "Idempotency-Key"), "headers", {"Api-Version": "1.0"})
    options = changed(changed(options, "capabilities.key", "document"), "reference_digits", 32)
    with talking(answer(b'{"sku": "A-1", "site": "DC1", "onHand": "5.00"}')) as server:
        adapter = connected(server.url, SECRET, options, "set")
        sent = Document((FIRST,))
        assert outcomes(adapter.send(sent, TIMEOUT_S)) == ["applied"]
        adapter.close()
        head = server.requests[0].decode()
    assert head.startswith("PUT /v1/stock/DC1/A-1 HTTP/1.1")
    for header in ("Api-Version: 1.0", 'If-Match: "7"', f"Idempotency-Key: {sent.key[:32]}"):
        assert f"\r\n{header}\r\n" in head
    assert base64.b64encode(f"syncline:{SECRET}".encode()).decode() in head


def test_without_a_version_nothing_is_sent() -> None:
    with talking(answer(b"{}")) as server:
        adapter = connected(server.url, SECRET, SET, "set")
        told = adapter.send(Document((SECOND,)), TIMEOUT_S)
        adapter.close()
        assert not server.requests
    assert [(each.outcome, each.code) for each in told.lines.values()] == [("refused", "no_expected_version")]


def test_a_version_in_a_header_is_shown() -> None:
    options = changed(changed(SET, "read.version", None), "read.version_header", "ETag")
    row = b'{"sku": "A-1", "site": "DC1", "onHand": 4}'
    with talking(answer(row, 'ETag: "12"'), answer(row)) as server:
        adapter = connected(server.url, SECRET, options, "set")
        assert adapter.show([("A-1", "DC1")])["A-1", "DC1"].version == '"12"'
        with pytest.raises(PartnerContractBroken, match="without a version"):
            adapter.show([("A-1", "DC1")])
        adapter.close()


def test_a_look_up_that_does_not_filter_is_no_proof() -> None:
    row = b'{"rows": [{"id": "other", "sku": "A-1", "site": "DC1", "change": 5, "document": "d"}]}'
    options = changed(DELTA, "auth", {"kind": "bearer"})
    with talking(answer(row)) as server:
        adapter = connected(server.url, SECRET, options, "delta")
        with pytest.raises(PartnerContractBroken, match="does not filter"):
            adapter.find([FIRST])
        adapter.close()


def test_a_key_shown_twice_is_broken() -> None:
    row = b'{"sku": "A-1", "site": "DC1", "onHand": 4}'
    with talking(answer(b'{"rows": [' + row + b"," + row + b"]}")) as server:
        adapter = connected(server.url, SECRET, changed(DELTA, "auth", {"kind": "bearer"}), "delta")
        with pytest.raises(PartnerContractBroken, match="twice"):
            adapter.show([("A-1", "DC1")])
        adapter.close()


WORDS = Write.model_validate(
    DELTA["write"] | {"error_code": "error.code", "errors": [
        {"status": 200, "code": "LOCKED", "outcome": "not_executed", "retry_after_s": 9},
        {"status": 409, "code": "seen", "outcome": "replayed"},
        {"status": 422, "code": "bad_line", "outcome": "refused"},
    ]}
)  # fmt: skip


def told(status: int, body: Any, *lines: Line, not_executed: tuple[int, ...] = ()) -> list[str]:
    sent = Document(lines or (FIRST,))
    answered = read_answer(WORDS, frozenset(not_executed), sent, Answer(status, body, None), 64)
    return [answered.lines[each.reference].outcome for each in sent.lines]


def test_words_and_errors_prove_what_is_declared() -> None:
    first, second = ({"id": each.reference, "status": "booked"} for each in (FIRST, SECOND))
    assert told(200, {"results": [first, second]}, FIRST, SECOND) == ["applied", "applied"]
    assert told(200, {"results": [first]}, FIRST, SECOND) == ["applied", "unknown"]
    assert told(200, {"results": [first, first]}) == ["unknown"]
    assert told(200, {"results": [first | {"status": "queued"}]}) == ["unknown"]
    assert told(200, {"results": [first | {"status": True}]}) == ["unknown"]
    assert told(201, {"results": [first]}) == ["unknown"]
    assert told(200, {"error": {"code": "LOCKED"}, "results": [first]}) == ["not_executed"]
    assert told(409, {"error": {"code": "seen"}}, FIRST, SECOND) == ["replayed", "replayed"]
    assert told(422, {"error": {"code": "bad_line"}}) == ["refused"]
    assert told(422, {"error": {"code": "bad_line"}}, FIRST, SECOND) == ["not_executed", "not_executed"]
    assert told(422, {"error": {"code": "other"}}) == ["unknown"]
    assert told(401, None) == ["not_executed"]
    assert told(503, {}) == ["unknown"]
    assert told(503, {}, not_executed=(503,)) == ["not_executed"]


def test_the_wait_of_a_rule_is_kept() -> None:
    body = {"error": {"code": "LOCKED"}}
    assert read_answer(WORDS, frozenset(), Document((FIRST,)), Answer(200, body, None), 64).retry_after_s == 9.0
    assert read_answer(WORDS, frozenset(), Document((FIRST,)), Answer(200, body, 2.0), 64).retry_after_s == 2.0
