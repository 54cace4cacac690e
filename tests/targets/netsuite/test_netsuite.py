"""What is NetSuite's own: the signed login, the upsert that changes its record, errors by path, pages of SuiteQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.targets.contract.standin import StandIn
from tests.targets.contract.standin_netsuite import CERTIFICATE_ID, TARGET, connection, key_pair, opened
from tests.targets.contract.tampering import between
from tests.targets.contract.telling import TIMEOUT_S, document, line, outcomes

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken
from syncline.registry import Target
from syncline.targets.adapters import open_adapter
from syncline.targets.contract import Document, Line
from syncline.targets.http import Answer
from syncline.targets.netsuite.answers import read_saved
from syncline.targets.netsuite.client import UNCONFIRMED, NetSuiteClient
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults
from syncline.twin.vendors.netsuite import Client, build
from syncline.twin.vendors.serving import served

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "targets" / "netsuite.md"
ONE, TWO, THREE = ("20", "1"), ("21", "1"), ("21", "2")
LINES = Document(tuple(Line(letter * 64, "20", str(at), 5) for at, letter in enumerate("abc", 1)))
SAVED = {"Location": "https://demo123.suitetalk.api.netsuite.com/services/rest/record/v1/inventoryadjustment/647"}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with opened(Book(), VendorFaults()) as standin:
        yield standin
        standin.adapter.close()


def pem(key: Any, password: bytes | None = None) -> str:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    text: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    return text.decode()


@cache
def rsa_key(bits: int) -> Any:
    return rsa.generate_private_key(65537, bits)


def error(status: int, code: str, path: str = "", headers: dict[str, str] | None = None) -> Answer:
    row = {"detail": "why", "o:errorCode": code} | ({"o:errorPath": path} if path else {})
    return Answer(status, {"status": status, "o:errorDetails": [row]}, None, headers or {})


def test_a_key_with_another_body_is_not_saved(standin: StandIn) -> None:
    """An upsert would change the record, and take one of our effects for another."""
    sent = document(standin, {ONE: 5, TWO: 7})
    assert outcomes(standin.adapter.send(sent, TIMEOUT_S)) == ["applied"]
    assert outcomes(standin.adapter.send(sent, TIMEOUT_S)) == ["replayed"]
    other = Document((replace(sent.lines[0], quantity=6), sent.lines[1]))
    assert other.key == sent.key
    answer = standin.adapter.send(other, TIMEOUT_S)
    assert {(each.outcome, each.code) for each in answer.lines.values()} == {("unknown", "another_body")}
    assert standin.book.numbers == {ONE: 105, TWO: 107, THREE: 100}


def test_what_is_counted_in_another_unit_is_never_applied() -> None:
    entry = TARGET.model_copy(update={"options": {**TARGET.options, "unit": "1"}})
    book = Book(dict.fromkeys((ONE, TWO, THREE), 100))
    app = build(book, VendorFaults(), Client("client-1", CERTIFICATE_ID, key_pair("ours")[1]))
    first, second = Line("a" * 64, *ONE, 5), Line("b" * 64, *THREE, 1)
    with served(app) as base_url:
        adapter = open_adapter(entry, connection(base_url))
        sent = Document((first,))
        assert outcomes(adapter.send(sent, TIMEOUT_S)) == ["applied"]
        assert adapter.show([ONE])[ONE].quantity == 105  # type: ignore[attr-defined]
        app.state.account.units["20"] = "7"  # cartons
        refused = adapter.send(Document((replace(first, reference="c" * 64), second)), TIMEOUT_S)
        assert outcomes(refused) == ["not_executed", "refused"]
        with pytest.raises(PartnerContractBroken, match="item 20 is counted in unit 7, not in 1"):
            adapter.show([ONE])  # type: ignore[attr-defined]
        app.state.account.documents[sent.key]["rows"][0]["unit"] = "7"
        with pytest.raises(PartnerContractBroken, match="is counted in unit 7, not in 1"):
            adapter.find(sent.lines)  # type: ignore[attr-defined]
        assert outcomes(adapter.send(sent, TIMEOUT_S)) == ["unknown"]
        adapter.close()
    assert book.numbers == {ONE: 105, TWO: 100, THREE: 100}


def test_lines_pile_up_without_replace(standin: StandIn) -> None:
    """Why the parameter is sent: the stand-in does what is told of NetSuite."""
    sent = document(standin, {ONE: 5})
    standin.adapter.send(sent, TIMEOUT_S)
    path = f"/services/rest/record/v1/inventoryAdjustment/eid:{sent.key}"
    answer = standin.adapter._http.call("PUT", path, timeout_s=TIMEOUT_S, body=standin.adapter._body(sent))
    assert answer.status_code == 204
    assert standin.book.numbers[ONE] == 110


def test_an_error_that_names_a_line_refuses_that_line_alone(standin: StandIn) -> None:
    sent = document(standin, {ONE: 5, standin.unknown_key: 5, THREE: 5})
    answer = standin.adapter.send(sent, TIMEOUT_S)
    told = {(each.item, each.location): answer.lines[each.reference] for each in sent.lines}
    assert told[standin.unknown_key].outcome == "refused"
    assert told[standin.unknown_key].code == "INVALID_CONTENT"
    assert "9999" in told[standin.unknown_key].detail["why"]
    assert told[ONE].outcome == told[THREE].outcome == "not_executed"


def test_what_is_no_internal_id_is_not_sent(standin: StandIn) -> None:
    stranger = replace(line(standin, ONE, 5, "other"), item="SKU-20")
    answer = standin.adapter.send(Document((line(standin, ONE, 5), stranger)), TIMEOUT_S)
    assert [answer.lines[each.reference].outcome for each in (line(standin, ONE, 5), stranger)] == [
        "not_executed",
        "refused",
    ]
    assert not standin.faults.count
    assert standin.adapter.show([("SKU-20", "1"), ("20", "1) OR (1=1"), ONE]) == standin.adapter.show([ONE])


def test_finds_its_document_and_no_part_of_it(standin: StandIn) -> None:
    sent = document(standin, {ONE: 5, TWO: -7})
    standin.adapter.send(sent, TIMEOUT_S)
    found = standin.adapter.find(sent.lines)
    assert {found[each.reference][0].quantity for each in sent.lines} == {5, -7}
    assert {found[each.reference][0].document for each in sent.lines} == {"1000"}
    # The key is the whole document's, and nothing is claimed of another one.
    assert standin.adapter.find(sent.lines[:1]) == {}


def test_shows_more_than_a_page() -> None:
    keys = [(str(item), str(location)) for item in range(1, 131) for location in range(1, 13)]
    with opened(Book(), VendorFaults()) as standin:
        standin.book.numbers.update({key: number for number, key in enumerate(keys)})
        shown = standin.adapter.show(keys)
        standin.adapter.close()
    assert {key: each.quantity for key, each in shown.items()} == {key: number for number, key in enumerate(keys)}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(204, None, None, SAVED), "applied"),
        (Answer(204, None, None, {}), "unknown"),
        (Answer(204, None, None, {"Location": "https://elsewhere/services/rest/record/v1/customer/647"}), "unknown"),
        (Answer(200, {}, None, SAVED), "unknown"),
        (Answer(202, None, None, {"Location": "/services/rest/async/v1/job/5"}), "unknown"),
        (Answer(429, None, None), "unknown"),  # somebody's on the way: nobody says what became of the request
        (error(429, "CONCURRENCY_LIMIT_EXCEEDED"), "not_executed"),
        (error(400, "SSS_REQUEST_LIMIT_EXCEEDED"), "not_executed"),
        (error(400, "RCRD_HAS_BEEN_CHANGED"), "not_executed"),
        (error(401, "INVALID_LOGIN"), "not_executed"),
        (error(403, "INSUFFICIENT_PERMISSION"), "not_executed"),
        (error(500, "UNEXPECTED_ERROR"), "unknown"),
        (error(503, "CONCURRENCY_LIMIT_EXCEEDED"), "unknown"),
        (error(200, "INVALID_CONTENT"), "unknown"),
        (Answer(400, {"o:errorDetails": []}, None), "unknown"),
        (Answer(400, {"o:errorDetails": "none"}, None), "unknown"),
        (Answer(503, None, None), "unknown"),
    ],
)
def test_every_line_shares_an_answer_that_names_none(answer: Answer, outcome: str) -> None:
    assert outcomes(read_saved(LINES, answer)) == [outcome]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("inventory.items[1].item", ["not_executed", "refused", "not_executed"]),
        ("inventory.items[2]", ["not_executed", "not_executed", "refused"]),
        ("inventory.items[7].item", ["not_executed"] * 3),
        ("account", ["not_executed"] * 3),
        ("", ["not_executed"] * 3),
    ],
)
def test_a_refusal_is_that_lines_whose_path_it_names(path: str, expected: list[str]) -> None:
    answer = read_saved(LINES, error(400, "INVALID_CONTENT", path))
    assert [answer.lines[each.reference].outcome for each in LINES.lines] == expected
    alone = Document(LINES.lines[:1])
    assert outcomes(read_saved(alone, error(400, "INVALID_CONTENT", path))) == ["refused"]


def test_a_declared_status_is_not_executed() -> None:
    answer = read_saved(LINES, Answer(429, None, 7.0), {429})
    assert outcomes(answer) == ["not_executed"]
    assert answer.retry_after_s == 7.0


def test_an_rsa_key_signs_by_ps256() -> None:
    key = rsa_key(3072)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    book = Book({ONE: 4})
    with served(build(book, VendorFaults(), Client("client-1", CERTIFICATE_ID, public))) as base_url:
        adapter = opened_with(base_url, password=pem(key))
        assert adapter.show([ONE])[ONE].quantity == 4
        adapter.close()


@pytest.mark.parametrize("field", ["login", "certificate_id"])
def test_another_client_or_certificate_is_refused(standin: StandIn, field: str) -> None:
    changed: dict[str, Any] = {"login": "client-2"} if field == "login" else {"extra": {"certificate_id": "other"}}
    adapter = opened_with(standin.base_url, **changed)
    with pytest.raises(ConfigurationError, match="refuses our client"):
        adapter.show([ONE])
    adapter.close()


def opened_with(base_url: str, **changed: Any) -> NetSuiteClient:
    adapter = open_adapter(TARGET, replace(connection(base_url), **changed))
    assert isinstance(adapter, NetSuiteClient)
    return adapter


@pytest.mark.parametrize(
    "password",
    ["no key at all", pem(ec.generate_private_key(ec.SECP256K1())), pem(ec.generate_private_key(ec.SECP256R1()), b"x")],
    ids=["text", "another curve", "encrypted"],
)
def test_another_key_is_a_matter_of_configuration(password: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        opened_with("http://127.0.0.1:1", password=password)
    told = str(refused.value)
    assert "Target netsuite" in told
    assert "\n" not in told
    assert password.splitlines()[-1] not in told


def test_a_short_rsa_key_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="3072 bits"):
        opened_with("http://127.0.0.1:1", password=pem(rsa_key(2048)))


@pytest.mark.parametrize(
    ("changed", "part"),
    [({"host": ""}, "host"), ({"login": ""}, "login"), ({"password": ""}, "password"),
     ({"extra": {}}, "extra.certificate_id"), ({"extra": {"certificate_id": 5}}, "extra.certificate_id")],
)  # fmt: skip
def test_a_missing_part_of_the_connection_is_named(changed: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^Target netsuite: connection 'netsuite' has no {part}\. Next: "):
        open_adapter(TARGET, replace(connection("http://127.0.0.1:1"), **changed))


@pytest.mark.parametrize(
    ("options", "name"),
    [({}, "account"), ({"account": 540}, "account"), ({"account": "540; DROP"}, "account"),
     ({"account": "540", "memo": "x" * 41}, "memo"), ({"account": "540", "acount": "1"}, "acount")],
)  # fmt: skip
def test_a_bad_option_is_named(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_adapter(TARGET.model_copy(update={"options": options}), Connection("netsuite", "http", host="x"))
    told = str(refused.value)
    assert told.startswith(f"Target netsuite: option '{name}': ")
    assert "\n" not in told
    assert "DROP" not in told


def test_a_key_shown_twice_is_not_believed(standin: StandIn) -> None:
    row = {"item": "20", "location": "1", "quantityonhand": "1"}
    page = json.dumps({"hasMore": False, "items": [row, row]}).encode()
    with between(standin.base_url) as proxy:
        proxy.begin(1, lambda *_: (200, "application/json", page))  # 0 is the token
        adapter = opened_with(proxy.base_url)
        with pytest.raises(PartnerContractBroken, match="twice"):
            adapter.show([ONE])
        adapter.close()


def test_an_empty_page_that_promises_more_is_not_followed(standin: StandIn) -> None:
    with between(standin.base_url) as proxy:
        proxy.begin(1, lambda *_: (200, "application/json", b'{"hasMore": true, "items": []}'))
        adapter = opened_with(proxy.base_url)
        with pytest.raises(PartnerContractBroken, match="empty page"):
            adapter.show([ONE])
        adapter.close()


def test_the_page_says_what_is_not_confirmed_and_its_example_can_be_opened() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [told for told in UNCONFIRMED if f"- {told}\n" not in page] == []
    (entry,) = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])["targets"]
    open_adapter(Target(**entry), connection("http://127.0.0.1:1")).close()
