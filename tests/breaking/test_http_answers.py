"""A partner's HTTP server does its worst: the call ends in time, in bounded memory, in a typed error."""

from __future__ import annotations

import gzip
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.breaking.raw_server import CLOSE, Call, RawServer, answer

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.registry import Source
from syncline.sources.wms_api import Page, WmsClient, open_client
from syncline.sources.wms_api.mapping import Key, facts_of
from syncline.targets.contract import Document, Line
from syncline.targets.erp.client import ErpClient
from syncline.targets.policy import TargetPolicy

START = Key(datetime(2026, 11, 2, tzinfo=UTC), "")
PAGE = b'{"events": [], "has_more": false}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TOKEN = "secret-token"
GIGABYTES_10 = 10 * 1000**3
Serve = Callable[..., RawServer]


@contextmanager
def wms(server: RawServer, scheme: str = "http", **limits: int) -> Iterator[WmsClient]:
    """A client that waits a second and tries once, unless ``limits`` say otherwise."""
    values = {"timeout_s": 1, "retries": 0, "page_limit": 100} | limits
    source = Source(name="dc1_wms", kind="wms_api", site="DC1", **values)
    connection = Connection("dc1_wms", scheme, f"{scheme}://127.0.0.1", server.port, password=TOKEN)
    with open_client(connection, source) as client:
        yield client


def erp(server: RawServer, **policy: Any) -> ErpClient:
    return ErpClient(server.url, TOKEN, TargetPolicy("erp", ErpClient.capabilities, **({"call_s": 1.0} | policy)))


def page(content: bytes, *headers: str) -> Callable[[Call], None]:
    return lambda call: call.send(answer(content, *headers))


def hang_before_headers(call: Call) -> None:
    call.hang()


def hang_in_headers(call: Call) -> None:
    call.send(HEAD)
    call.hang()


def hang_in_body(call: Call) -> None:
    call.send(answer(PAGE[:10], length=len(PAGE)))
    call.hang()


def drip_status(call: Call) -> None:
    call.drip(b"HTTP/1.1 200 OK and this reason has no end")


def drip_headers(call: Call) -> None:
    call.send(HEAD)
    call.drip(b"X-Filler: 1\r\n")


def drip_body(call: Call) -> None:
    call.send(HEAD + b"Content-Length: 1000000\r\n\r\n")
    call.drip(b" ")


def drip_body_without_length(call: Call) -> None:
    call.send(HEAD + b"Connection: close\r\n\r\n" + PAGE)  # already a page: only the deadline says it has not ended
    call.drip(b" ")


def drip_chunk(call: Call) -> None:
    call.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFF\r\n")
    call.drip(b" ")


SLOW = [
    hang_before_headers, hang_in_headers, hang_in_body, drip_status, drip_headers, drip_body, drip_body_without_length,
    drip_chunk,
]  # fmt: skip


@pytest.mark.parametrize("talk", SLOW)
def test_a_slow_answer_ends_at_the_deadline_of_the_whole_call(serve: Serve, talk: Callable[[Call], None]) -> None:
    server = serve(talk)
    with wms(server) as client, pytest.raises(PartnerUnavailable, match="nothing whole within 1 s") as caught:
        client.page(START)
    assert caught.value.retry_after_s is None
    assert "the next run asks again" in caught.value.next_step
    assert caught.value.fields == {"source": "dc1_wms"}


@pytest.mark.parametrize("talk", SLOW)
def test_a_slow_target_is_silent_and_what_it_did_is_unknown(serve: Serve, talk: Callable[[Call], None]) -> None:
    server = serve(talk)
    client = erp(server)
    with pytest.raises(PartnerUnavailable, match="nothing whole within 1 s"):
        client.changes(0, 10)
    sent = client.send(Document((Line("c1", "SKU-0001", "DC1", -5, None),)), 1.0)
    client.close()
    assert (sent.status_code, sent.silent, sent.lines["c1"].outcome) == (None, True, "unknown")


def test_a_slow_tls_handshake_ends_at_the_deadline(serve: Serve) -> None:
    # A handshake record that announces 16 kB, and then a byte now and then.
    server = serve(
        hang_before_headers, on_connect=lambda call: (call.send(b"\x16\x03\x03\x40\x00"), call.drip(b"\x02"))
    )
    with wms(server, "https") as client, pytest.raises(PartnerUnavailable, match="nothing whole within 1 s"):
        client.page(START)


def test_the_next_call_has_a_deadline_of_its_own(serve: Serve) -> None:
    server = serve(hang_in_body, page(PAGE), drip_headers, page(PAGE))
    with wms(server, retries=1) as client:
        assert client.page(START).records.events == []
        assert client.page(START).records.events == []
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (lambda call: call.send(answer(PAGE, length=len(PAGE) + 50)) or CLOSE, "no answer"),
        (lambda call: CLOSE, "no answer"),
        (lambda call: call.send(b"\x15\x03\x03\x00\x02\x02\x50") or CLOSE, "no answer"),  # a TLS alert on a plain port
        (lambda call: call.send(HEAD + b"X-Long: " + b"x" * 1_000_000 + b"\r\n\r\n") or CLOSE, "no answer"),
        (lambda call: call.send(HEAD + b"X-Many: x\r\n" * 100_000 + b"\r\n") or CLOSE, "no answer"),
        (lambda call: call.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n") or CLOSE, "no answer"),
    ],
    ids=["length too long", "closed", "TLS alert", "one long header", "many headers", "bad chunk"],
)
def test_what_is_cut_or_no_http_is_asked_again_later(serve: Serve, talk: Any, why: str) -> None:
    server = serve(talk)
    with wms(server, timeout_s=5) as client, pytest.raises(PartnerUnavailable, match=why) as caught:
        client.page(START)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "headers", "why"),
    [
        (PAGE, ["Content-Encoding: gzip"], "compressed"),
        (gzip.compress(b" " * 50_000_000), ["Content-Encoding: gzip"], "compressed"),
        (PAGE, ["Content-Encoding: br"], "compressed"),
        (b"<html>sign in</html>", ["Content-Type: text/html"], "'text/html'"),
        (b"", [], "not JSON .*0 bytes"),
        (b"[" * 100_000, [], "not JSON"),
        (b'{"events": [' + b'{"a":' * 100_000 + b"1", [], "not JSON"),
        (b'{"events": [], "has_more": false, "x": "\xff\xfe"}', [], "not JSON"),
        (b'{"events": [1], "events": [], "has_more": false}', [], "one of its keys twice"),
        (b'{"events": [], "has_more": NaN}', [], "`has_more`"),
    ],
    ids=["gzip lie", "gzip bomb", "br", "html", "empty", "deep list", "deep objects", "no UTF-8", "twice", "NaN"],
)
def test_what_is_no_page_is_refused_and_the_cursor_stays(
    serve: Serve, content: bytes, headers: list[str], why: str
) -> None:
    server = serve(page(content, *headers))
    with wms(server, retries=1, timeout_s=5) as client, pytest.raises(PartnerContractBroken, match=why) as caught:
        client.page(START)
    assert len(server.requests) == 2
    assert "cursor has not moved" in caught.value.message
    assert "Show the answer" in caught.value.next_step


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + PAGE, PAGE.decode().encode("utf-16")], ids=["BOM", "UTF-16"])
def test_another_unicode_form_of_a_page_is_a_page(serve: Serve, content: bytes) -> None:
    with wms(serve(page(content))) as client:
        assert client.page(START).records.events == []


def test_no_content_is_no_page(serve: Serve) -> None:
    server = serve(lambda call: call.send(b"HTTP/1.1 204 No Content\r\n\r\n"))
    with wms(server) as client, pytest.raises(PartnerContractBroken, match="answered 204") as caught:
        client.page(START)
    assert "only a 200 has a page" in caught.value.next_step


def test_bytes_behind_a_short_length_are_never_the_next_answer(serve: Serve) -> None:
    hidden = answer(b'{"events": [{"event_id": "smuggled"}], "has_more": false}')
    server = serve(lambda call: call.send(answer(PAGE + hidden, length=len(PAGE))), page(PAGE))
    with wms(server) as client:
        assert client.page(START).records.events == []
        assert client.page(START).records.events == []
    assert len(server.requests) == 2


def events_of(serve: Serve, *records: str) -> list[Any]:
    content = b'{"events": [' + ", ".join(records).encode() + b'], "has_more": false}'
    with wms(serve(page(content)), timeout_s=5) as client:
        found: Page = client.page(START)
    return list(found.records.events)


def event(quantity: str, **more: str) -> str:
    text = json.dumps({
        "event_id": "E-1", "type": "inventory.received", "version": 1, "site": "DC1", "sequence": 1,
        "transaction_id": "T-1", "posted_at": "2026-11-02T10:00:00Z",
        "lines": [{"line": 1, "sku": "A", "uom": "EA", "quantity": 0, "condition": "good", "reason": "purchase"}],
    })  # fmt: skip
    return text.replace('"quantity": 0', quantity, 1)


@pytest.mark.parametrize(
    "quantity",
    [
        '"quantity": NaN', '"quantity": Infinity', '"quantity": -Infinity', '"quantity": 1e400', '"quantity": 5.0',
        f'"quantity": {"9" * 6_000}', '"quantity": 99999999999999999999', '"quantity": 5, "quantity": 50',
        '"quantity":5,"quantity" :50', '"quantity":5,"quantit\\u0079":50',
    ],
)  # fmt: skip
def test_a_number_that_can_be_read_two_ways_is_not_read(serve: Serve, quantity: str) -> None:
    """It costs its own record, and no other of the page."""
    broken, good = events_of(serve, event(quantity), event('"quantity": 7').replace("E-1", "E-2"))
    (fault,) = facts_of(broken, 0, "DC1")
    assert fault.fault_code in ("event_breaks_schema", "event_not_object")
    assert fault.quantity is None
    assert [fact.quantity for fact in facts_of(good, 1, "DC1")] == ["7"]


def test_a_key_said_twice_is_found_whatever_else_the_page_holds(serve: Serve) -> None:
    for whole in ('{"a":1,"a":2}', '{"lines":[{"b":1,"b":2}]}', '{"lines":[{}],"x":{"c":1,"c":1}}'):
        for other in ('{"lines":[{}],"d":":"}', "1", '"ab"', '{"lines":[]}', '{"lines":["xy"]}', '{"lines":{"e":1}}'):
            assert "RepeatedKey" in repr([type(each) for each in deep(events_of(serve, whole, other))])


def deep(value: Any) -> Iterator[Any]:
    yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    for each in inside:
        yield from deep(each)


def elsewhere(other: RawServer) -> Callable[[Call], None]:
    return lambda call: call.send(answer(b"", f"Location: {other.url}/x", status="302 Found"))


def test_a_redirect_is_not_followed_and_the_token_stays_here(serve: Serve) -> None:
    other = serve(page(PAGE))
    server = serve(elsewhere(other))
    with wms(server, retries=3) as client, pytest.raises(ConfigurationError, match=r"redirect \(302\)") as caught:
        client.page(START)
    target = erp(server)
    with pytest.raises(PartnerContractBroken, match="302"):
        target.changes(0, 10)
    assert target.send(Document((Line("c1", "A", "DC1", 1, None),)), 1.0).lines["c1"].outcome == "unknown"
    target.close()
    assert len(server.requests) == 3
    assert other.connections == 0
    assert TOKEN not in str(caught.value) + caught.value.next_step


def test_a_redirect_to_itself_is_one_request(serve: Serve) -> None:
    server = serve(lambda call: call.send(answer(b"", "Location: /wms/v1/DC1/events", status="307 Again")))
    with wms(server, retries=3) as client, pytest.raises(ConfigurationError, match="redirect"):
        client.page(START)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["Retry-After: 7"], 7.0),
        (["Retry-After: 1000000000"], 3600.0),
        (["Retry-After: " + "9" * 4000], 3600.0),
        (["Retry-After: -5"], None),
        (["Retry-After: 1.5"], None),
        (["Retry-After: \xb2"], None),
        (["Retry-After: soon"], None),
        (["Retry-After: Mon, 02 Nov 2026 10:02:00 GMT", "Date: Mon, 02 Nov 2026 10:00:00 GMT"], 120.0),
        (["Retry-After: Mon, 02 Nov 2026 09:58:00 GMT", "Date: Mon, 02 Nov 2026 10:00:00 GMT"], None),
        (["Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", "Date: Mon, 02 Nov 2026 10:00:00 GMT"], 3600.0),
        (["Retry-After: Mon, 02 Nov 2026 10:02:00 GMT"], None),
        (["Retry-After: Mon, 99 Nov 99999 10:02:00 GMT", "Date: x"], None),
    ],
)
def test_an_absurd_retry_after_is_bounded_or_ignored(serve: Serve, headers: list[str], expected: float | None) -> None:
    server = serve(lambda call: call.send(answer(b"", *headers, status="429 Slow down")))
    with wms(server) as client, pytest.raises(PartnerUnavailable, match="answered 429") as caught:
        client.page(START)
    assert caught.value.retry_after_s == expected
    target = erp(server)
    waited = target.send(Document((Line("c1", "A", "DC1", 1, None),)), 1.0)
    target.close()
    assert waited.lines["c1"].outcome == "not_executed"
    assert waited.retry_after_s == (None if expected is None else min(expected, 300.0))


def endless(head: bytes) -> Callable[[Call], None]:
    def talk(call: Call) -> None:
        call.send(head)
        chunk = b" " * 1_000_000
        for _ in range(GIGABYTES_10 // len(chunk)):
            call.send(chunk)

    return talk


MEASURE = """
import json, resource, sys
from datetime import UTC, datetime
from syncline.connections import Connection
from syncline.errors import SynclineError
from syncline.registry import Source
from syncline.sources.wms_api import open_client
from syncline.sources.wms_api.mapping import Key

def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

source = Source(name="dc1_wms", kind="wms_api", site="DC1", timeout_s=60, retries=0)
before = peak_kb()
with open_client(Connection("dc1_wms", "http", "127.0.0.1", int(sys.argv[1]), password="x"), source) as client:
    try:
        client.page(Key(datetime(2026, 11, 2, tzinfo=UTC), ""))
        told = "a page"
    except SynclineError as error:
        told = f"{type(error).__name__}: {error.message}"
print(json.dumps([told, peak_kb() - before]))
"""


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (HEAD + b"Content-Length: 10000000000\r\n\r\n", "PartnerContractBroken: .*longer than 16777216 bytes"),
        (HEAD + b"Connection: close\r\n\r\n", "PartnerContractBroken: .*longer than 16777216 bytes"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "ConfigurationError: .*redirect"),
        (b"HTTP/1.1 503 Busy\r\nContent-Type: text/html\r\n\r\n", "PartnerUnavailable: .*answered 503"),
        (b"HTTP/1.1 404 No\r\nContent-Type: application/json\r\n\r\n", "PartnerContractBroken: .*answered 404"),
        (HEAD + b"X: ", "PartnerUnavailable: .*no answer"),
    ],
    ids=["length", "no length", "redirect", "busy", "not found", "header"],
)
def test_ten_gigabytes_are_cut_off_in_bounded_memory(serve: Serve, head: bytes, expected: str) -> None:
    server = serve(endless(head))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(server.port)], capture_output=True, text=True, timeout=120, check=True
    )
    told, grown_kb = json.loads(done.stdout)
    assert pytest.approx(0, abs=80_000) == grown_kb, "the limit of a page is 16 MiB"
    assert re.match(expected, told), told


@pytest.fixture
def certified(tmp_path: Path) -> ssl.SSLContext:
    """A server certificate that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=36_500))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_that_proves_nothing_needs_a_person(serve: Serve, certified: ssl.SSLContext) -> None:
    server = serve(page(PAGE), tls=certified)
    with wms(server, "https", retries=2) as client, pytest.raises(ConfigurationError, match="certificate") as caught:
        client.page(START)
    assert "certificate" in caught.value.message
    assert "Ask the partner" in caught.value.next_step
    assert server.requests == []
    assert server.connections == 1


def test_tls_spoken_to_a_plain_port_is_no_answer(serve: Serve) -> None:
    server = serve(page(PAGE), on_connect=lambda call: call.send(answer(b"plain", status="400 Bad")))
    with wms(server, "https") as client, pytest.raises(PartnerUnavailable, match="no answer"):
        client.page(START)
