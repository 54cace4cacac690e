"""What is SAP's own: the CSRF session, locks by message, references in texts, stock by type, batch and unit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from requests.auth import HTTPBasicAuth
from tests.targets.contract.standin import StandIn, stocked
from tests.targets.contract.standin_sap_s4 import KEYS, OPTIONS, PASSWORD, USER, adapter_at, opened, target
from tests.targets.contract.tampering import between
from tests.targets.contract.telling import TIMEOUT_S, document, line, outcomes, reference

from syncline.clock import Clock
from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken
from syncline.registry import Target
from syncline.targets.adapters import open_adapter
from syncline.targets.contract import Document, Line
from syncline.targets.http import Answer, TargetHttp
from syncline.targets.sap_s4.answers import read_posted
from syncline.targets.sap_s4.client import UNCONFIRMED, SapClient
from syncline.targets.sap_s4.options import SapOptions
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.sap_s4 import System, build
from syncline.twin.vendors.serving import served

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "targets" / "sap_s4.md"
ONE, TWO, QUOTED = KEYS
LINES = Document(tuple(Line(letter * 64, "M1", "1710/171A", 5) for letter in "ab"))
ALONE = Document(LINES.lines[:1])


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with opened(Book(), VendorFaults()) as standin:
        yield standin
        standin.adapter.close()


@contextmanager
def basic(**options: Any) -> Iterator[tuple[SapClient, Book, System]]:
    """Logged in by user and password."""
    book = Book()
    stocked(book, KEYS)
    app = build(book, VendorFaults(), USER, PASSWORD, batches=options.pop("batches", frozenset()))
    with served(app) as base_url:
        adapter = adapter_at(base_url, True, login="basic", **options)
        yield adapter, book, app.state.system
        adapter.close()


def a_document(changes: dict[tuple[str, str], int], name: str = "first") -> Document:
    return Document(tuple(Line(reference((name, key)), *key, change) for key, change in sorted(changes.items())))


def error(status: int, code: str, text: str, *details: tuple[str, str]) -> Answer:
    inner = {"errordetails": [{"code": code, "message": text} for code, text in details]}
    body = {"error": {"code": code, "message": {"lang": "en", "value": text}, "innererror": inner}}
    return Answer(status, body, None)


def posted(number: Any = "4900000001", year: Any = "2026", status: int = 201) -> Answer:
    return Answer(status, {"d": {"MaterialDocument": number, "MaterialDocumentYear": year}}, None)


def test_user_and_password_are_enough() -> None:
    with basic() as (adapter, book, _):
        assert outcomes(adapter.send(a_document({ONE: 5, TWO: -7}), TIMEOUT_S)) == ["applied"]
        assert (book.numbers[ONE], book.numbers[TWO]) == (105, 93)
        assert not [each for each in adapter.check() if not each.is_well]


def test_a_wrong_password_is_told_by_each_call(standin: StandIn) -> None:
    stranger = adapter_at(standin.base_url, False, login="basic")
    with pytest.raises(ConfigurationError, match="refuses our login"):
        stranger.show([ONE])
    answer = stranger.send(a_document({ONE: 5}), TIMEOUT_S)
    stranger.close()
    assert [(each.outcome, each.code) for each in answer.lines.values()] == [("not_executed", "login_refused")]
    assert not standin.faults.count


def test_one_token_serves_until_it_is_refused(standin: StandIn) -> None:
    with between(standin.base_url) as proxy:
        adapter = adapter_at(proxy.base_url, True, login="basic")
        calls = []
        for name in ("first", "second", "third"):
            if name == "third":
                assert standin.expire_login
                standin.expire_login()
            proxy.begin(-1, None)
            assert outcomes(adapter.send(a_document({ONE: 1}, name), TIMEOUT_S)) == ["applied"]
            calls.append(len(proxy.answers))
        adapter.close()
    assert calls == [2, 1, 3]  # fetch and post; post; refused post, fetch and post
    assert standin.book.numbers[ONE] == 103


def test_a_token_refused_twice_is_not_asked_for_again(standin: StandIn) -> None:
    with between(standin.base_url) as proxy:
        adapter = adapter_at(proxy.base_url, True, login="basic")
        proxy.begin(-1, None)
        # Somebody else's token, which fits no session of ours: the first post and the one after it are refused.
        adapter._gateway.fetch_token = lambda *_: "a-token-of-nobody"  # type: ignore[method-assign]
        answer = adapter.send(a_document({ONE: 1}), TIMEOUT_S)
        adapter.close()
    assert outcomes(answer) == ["not_executed"]
    assert {each.code for each in answer.lines.values()} == {"csrf"}
    assert len(proxy.answers) == 2
    assert standin.book.numbers[ONE] == 100


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (posted(), "applied"),
        (posted(status=200), "unknown"),
        (posted(number=4900000001), "unknown"),
        (posted(year="26"), "unknown"),
        (Answer(201, {"d": {}}, None), "unknown"),
        (Answer(201, None, None), "unknown"),
        (error(400, "M3/024", "Valuation data for material M1 is locked by the user X"), "not_executed"),
        (error(400, "/IWBEP/CX_MGW_BUSI", "", ("M3/023", "Plant data of M1 are locked by user X")), "not_executed"),
        (error(400, "M3/024", "Something else in this release"), "refused"),
        (error(400, "ZZ/001", "The period is locked by the controller"), "refused"),
        (error(400, "M7/021", "Deficit of SL Unrestricted-use 5 EA : M1"), "refused"),
        (error(404, "005", "No service found"), "refused"),
        (error(500, "M3/024", "Valuation data for material M1 is locked by the user X"), "unknown"),
        (Answer(400, None, None), "unknown"),
        (Answer(400, {"error": "no"}, None), "unknown"),
        (Answer(403, None, None, {"X-CSRF-Token": "Required"}), "not_executed"),
        (Answer(403, None, None), "unknown"),
        (Answer(401, None, None, {"WWW-Authenticate": "Basic realm=SAP"}), "not_executed"),
        (Answer(401, None, None), "unknown"),
        (Answer(429, None, 3.0), "unknown"),
        (Answer(503, None, None), "unknown"),
    ],
)
def test_an_answer_proves_what_its_form_says(answer: Answer, outcome: str) -> None:
    assert outcomes(read_posted(ALONE, answer, ())) == [outcome]
    # Of two lines the fault is one's, and we are not told whose.
    assert outcomes(read_posted(LINES, answer, ())) == ["not_executed" if outcome == "refused" else outcome]


def test_a_declared_status_is_not_executed() -> None:
    answer = read_posted(ALONE, Answer(429, None, 3.0), {429})
    assert outcomes(answer) == ["not_executed"]
    assert answer.retry_after_s == 3.0


def test_stock_must_not_go_below_zero(standin: StandIn) -> None:
    answer = standin.adapter.send(document(standin, {ONE: -101}), TIMEOUT_S)
    assert [(each.outcome, each.code) for each in answer.lines.values()] == [("refused", "M7/021")]
    assert standin.book.numbers[ONE] == 100


def test_what_has_not_the_form_of_a_key_is_not_sent(standin: StandIn) -> None:
    stranger = replace(line(standin, ONE, 5, "other"), location="1710")
    answer = standin.adapter.send(Document((stranger,)), TIMEOUT_S)
    assert outcomes(answer) == ["refused"]
    assert not standin.faults.count
    assert standin.adapter.show([("M1", "1710"), ("M1", "1710/171A' or '1' eq '1"), ONE]).keys() == {ONE}


def test_batches_are_summed_and_other_stock_does_not_count() -> None:
    with basic(batches=frozenset({ONE[0]})) as (adapter, book, _):
        book.set(ONE, 31)
        shown = adapter.show(KEYS)
        assert {key: each.quantity for key, each in shown.items()} == {ONE: 31, TWO: 100, QUOTED: 100}


def test_a_batch_that_stands_twice_is_not_summed(standin: StandIn) -> None:
    with between(standin.base_url) as proxy:
        adapter = adapter_at(proxy.base_url, True, login="basic")
        adapter.show([ONE])
        body = json.loads(proxy.answers[-1])
        body["d"]["results"] *= 2
        proxy.begin(0, lambda *_: (200, "application/json", json.dumps(body).encode()))
        with pytest.raises(PartnerContractBroken, match="twice"):
            adapter.show([ONE])
        adapter.close()


def test_a_further_page_that_was_not_asked_for_is_not_ignored(standin: StandIn) -> None:
    with between(standin.base_url) as proxy:
        adapter = adapter_at(proxy.base_url, True, login="basic")
        proxy.begin(0, lambda *_: (200, "application/json", b'{"d": {"results": [], "__next": "more"}}'))
        with pytest.raises(PartnerContractBroken):
            adapter.show([ONE])
        adapter.close()


def test_another_unit_is_not_read_as_ours() -> None:
    with basic(unit="CAR") as (adapter, book, _):
        with pytest.raises(PartnerContractBroken, match="counted in EA, not in CAR"):
            adapter.show([ONE])
        assert outcomes(adapter.send(a_document({ONE: 5}), TIMEOUT_S)) == ["refused"]
        assert book.numbers[ONE] == 100


def test_what_is_counted_in_another_unit_is_never_applied() -> None:
    """A material that SAP counts in cartons: the entry unit is taken, and what it did is not known in ours."""
    with basic() as (adapter, _, system):
        sent = a_document({ONE: 5})
        system.base_units[ONE[0]] = "CAR"
        answer = adapter.send(sent, TIMEOUT_S)
        assert outcomes(answer) == ["unknown"]
        assert {each.code for each in answer.lines.values()} == {"posted_otherwise"}
        for look in (lambda: adapter.find(sent.lines), lambda: adapter.show([ONE])):
            with pytest.raises(PartnerContractBroken, match="is counted in CAR, not in EA"):
                look()


@pytest.mark.parametrize(
    "changed",
    [{"Material": "M2"}, {"QuantityInEntryUnit": "6"}, {"EntryUnit": "CAR"}, {"StorageLocation": "171B"},
     {"QuantityInEntryUnit": "5.5"}, {"MaterialBaseUnit": "CAR"}],
)  # fmt: skip
def test_success_for_something_else_proves_nothing(changed: dict[str, str]) -> None:
    row = {"Material": "M1", "Plant": "1710", "StorageLocation": "171A", "QuantityInEntryUnit": "5.000",
           "EntryUnit": "EA", "MaterialBaseUnit": "EA"}  # fmt: skip
    for items, outcome in (([row], "applied"), ([row | changed], "unknown"), ([], "unknown"), ("no rows", "unknown")):
        answer = posted()
        answer.body["d"]["to_MaterialDocumentItem"] = {"results": items}
        assert outcomes(read_posted(ALONE, answer, (), "EA")) == [outcome]


def test_many_keys_are_shown_in_several_calls(standin: StandIn) -> None:
    keys = [(f"M{number}", "1710/171A") for number in range(45)]
    standin.book.numbers.update({key: number for number, key in enumerate(keys)})
    shown = standin.adapter.show(keys)
    assert [shown[key].quantity for key in keys] == list(range(45))


def test_a_line_is_found_whatever_it_is_asked_with(standin: StandIn) -> None:
    sent = document(standin, {ONE: 5, TWO: -7, QUOTED: 2})
    standin.adapter.send(sent, TIMEOUT_S)
    other = line(standin, ONE, 5, "never sent")
    for asked in (sent.lines[:1], sent.lines[1:], (sent.lines[2], other), sent.lines):
        found = standin.adapter.find(asked)
        assert set(found) == {each.reference for each in asked if each != other}
        assert all(found[each.reference][0].quantity == each.quantity for each in asked if each != other)


def test_a_document_whose_item_texts_were_not_kept_is_found_by_its_header() -> None:
    with basic() as (adapter, _, system):
        sent = a_document({ONE: 5, TWO: -7})
        adapter.send(sent, TIMEOUT_S)
        for item in system.documents[0]["items"]:
            item["text"] = ""
        found = adapter.find(sent.lines)
        assert {each.reference: found[each.reference][0].quantity for each in sent.lines} == {
            each.reference: each.quantity for each in sent.lines
        }


def test_a_double_effect_is_found_twice() -> None:
    with basic() as (adapter, book, _):
        sent = a_document({ONE: 5})
        adapter.send(sent, TIMEOUT_S)
        adapter.send(sent, TIMEOUT_S)  # SAP knows no key: the flow must not do this
        assert book.numbers[ONE] == 110
        assert len(adapter.find(sent.lines)[sent.lines[0].reference]) == 2


def test_many_lines_are_found_in_several_calls(standin: StandIn) -> None:
    keys = [(f"M{number}", "1710/171A") for number in range(45)]
    standin.book.numbers.update(dict.fromkeys(keys, 100))
    sent = a_document(dict.fromkeys(keys, 3))
    assert outcomes(standin.adapter.send(sent, TIMEOUT_S)) == ["applied"]
    assert set(standin.adapter.find(sent.lines)) == {each.reference for each in sent.lines}


@pytest.mark.parametrize(
    ("now", "posted_on"),
    [
        (datetime(2026, 11, 22, 22, 59, tzinfo=UTC), "2026-11-22T00:00:00"),
        (datetime(2026, 11, 22, 23, 1, tzinfo=UTC), "2026-11-23T00:00:00"),
    ],
)
def test_it_is_posted_on_the_plants_day(now: datetime, posted_on: str) -> None:
    book = Book()
    stocked(book, KEYS)
    app = build(book, VendorFaults(), USER, PASSWORD)
    with served(app) as base_url:
        http = TargetHttp("sap", base_url, HTTPBasicAuth(USER, PASSWORD))
        still = Clock(now, rate=1e-9)
        adapter = SapClient("sap", http, SapOptions.model_validate(OPTIONS), clock=still)
        adapter.send(a_document({ONE: 5}), TIMEOUT_S)
        adapter.close()
    assert app.state.system.documents[0]["PostingDate"] == posted_on


@pytest.mark.parametrize("part", ["host", "login", "password"])
def test_a_missing_part_of_the_connection_is_named(part: str) -> None:
    connection = Connection("sap", "http", host="http://127.0.0.1:1", login=USER, password=PASSWORD)
    with pytest.raises(ConfigurationError, match=rf"^Target sap: connection 'sap' has no {part}\. Next: "):
        open_adapter(target(), replace(connection, **{part: ""}))


@pytest.mark.parametrize(
    ("changed", "name"),
    [({"unit": None}, "unit"), ({"increase": "5520"}, "increase"), ({"client": "1"}, "client"),
     ({"time_zone": "Mars/Olympus"}, "time_zone"), ({"time_zone": "../etc/passwd"}, "time_zone"),
     ({"login": "saml"}, "login"), ({"token_path": "https://elsewhere/token"}, "token_path"),
     ({"units": "EA"}, "units")],
)  # fmt: skip
def test_a_bad_option_is_named(changed: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_adapter(target(**changed), Connection("sap", "http", host="x", login=USER, password=PASSWORD))
    told = str(refused.value)
    assert told.startswith(f"Target sap: option '{name}': ")
    assert "\n" not in told
    assert refused.value.next_step


def test_a_password_may_hold_any_sign() -> None:
    book = Book()
    stocked(book, KEYS)
    with served(build(book, VendorFaults(), USER, "pässwörd-€")) as base_url:
        adapter = open_adapter(target(), Connection("sap", "http", host=base_url, login=USER, password="pässwörd-€"))
        assert isinstance(adapter, SapClient)
        assert adapter.show([ONE])[ONE].quantity == 100
        adapter.close()


def test_the_page_says_what_is_not_confirmed_and_its_example_can_be_opened() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [told for told in UNCONFIRMED if f"- {told}\n" not in page] == []
    (entry,) = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])["targets"]
    away = Connection("sap", "http", host="sap.example.com", schema="https", login=USER, password=PASSWORD)
    open_adapter(Target(**entry), away).close()


def test_a_password_goes_over_https_only() -> None:
    away = Connection("sap", "http", host="sap.example.com", login=USER, password=PASSWORD)
    with pytest.raises(ConfigurationError, match="no https address in host"):
        open_adapter(target(), away)
