"""Every way an HTTP partner misbehaves ends in time, in a typed error, or in the right page."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import pytest
from loopback_wms import DAY, WmsServer, body, event

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable
from syncline.registry import Source
from syncline.sources import api_pages
from syncline.sources.wms_api import WmsClient, open_client
from syncline.sources.wms_api.mapping import Key

START = Key(DAY, "")
PAGE = b'{"events": [], "has_more": false}'


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: body(handler, b'{"error": {"code": "busy", "message": "x"}}', code, **headers)


def raw(content: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: body(handler, content, **headers)


def hang(server: WmsServer) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: server.stopping.wait(10) and None


def drip(server: WmsServer) -> Callable[[BaseHTTPRequestHandler], None]:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        while not server.stopping.wait(0.1):
            handler.wfile.write(b" ")

    return reply


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 1_000_000)


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    body(handler, PAGE[:10], Content_Length="500")


def slam(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


def test_a_page_is_asked_for_with_key_and_token(wms: WmsServer, client: WmsClient) -> None:
    wms.events = [event(1), event(2)]
    page = client.page(Key(datetime(2026, 11, 2, 9, 0, 0, 123000, UTC), "DC1-7"))
    assert [item.event_id for item in page.records.events] == ["DC1-00000001", "DC1-00000002"]
    assert page.records.has_more is False
    assert wms.requests == [{"posted_from": "2026-11-02T09:00:00.123000Z", "after_id": "DC1-7", "limit": "100"}]
    assert wms.authorization == ["Bearer secret-token"]
    assert "secret-token" not in page.name


@pytest.mark.parametrize(
    "reply", [status(500), status(503), status(429, Retry_After="0"), slam, cut_short, raw(b"<html>"), raw(b'{"a": 1}')]
)
def test_a_passing_trouble_is_asked_again(wms: WmsServer, client: WmsClient, reply: object) -> None:
    wms.replies = [reply, reply]  # type: ignore[list-item]
    wms.events = [event(1)]
    assert len(client.page(START).records.events) == 1
    assert len(wms.requests) == 3


def test_retry_after_is_honoured(wms: WmsServer, client: WmsClient) -> None:
    wms.replies = [status(429, Retry_After="1")]
    began_s = time.monotonic()
    client.page(START)
    assert time.monotonic() - began_s >= 1


def test_a_long_retry_after_gives_the_slot_back(wms: WmsServer, client: WmsClient) -> None:
    wms.replies = [status(429, Retry_After="3600")]
    with pytest.raises(PartnerUnavailable) as caught:
        client.page(START)
    assert caught.value.retry_after_s == 3600
    assert len(wms.requests) == 1


@pytest.mark.parametrize("code", [500, 429])
def test_lasting_trouble_is_retryable(wms: WmsServer, client: WmsClient, code: int) -> None:
    wms.replies = [status(code, Retry_After="0")] * 3
    with pytest.raises(PartnerUnavailable, match=f"answered {code}"):
        client.page(START)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (raw(b"<html>hello</html>", Content_Type="text/html"), "text/html"),
        (raw(b"not json"), "not JSON"),
        (raw(b"[" * 100_000), "not JSON"),
        (raw(b"\xff\xfe\x00"), "not JSON"),
        (raw(b"[]"), "no list `events`"),
        (raw(b'{"events": [], "has_more": 1}'), "`has_more`"),
        (raw(b'{"events": [' + b"1," * 100 + b'1], "has_more": false}'), "101 events"),
        (raw(PAGE, Content_Encoding="gzip"), "compressed"),
    ],
)
def test_what_is_never_a_page_is_refused_after_all_tries(
    wms: WmsServer, client: WmsClient, reply: object, expected: str
) -> None:
    wms.replies = [reply] * 3  # type: ignore[list-item]
    with pytest.raises(PartnerContractBroken, match=expected) as caught:
        client.page(START)
    assert "cursor has not moved" in str(caught.value)
    assert len(wms.requests) == 3


def test_an_endless_body_is_cut_at_the_cap(wms: WmsServer, client: WmsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_pages, "PAGE_BYTES_MAX", 3_000_000)
    wms.replies = [endless] * 3
    with pytest.raises(PartnerContractBroken, match="longer than 3000000 bytes"):
        client.page(START)


@pytest.mark.parametrize("make", [hang, drip])
def test_a_hanging_or_dripping_answer_ends_in_time(
    wms: WmsServer, source: Source, make: Callable[[WmsServer], Callable[[BaseHTTPRequestHandler], None]]
) -> None:
    wms.replies = [make(wms)]
    connection = Connection("dc1_wms", "http", host="127.0.0.1", port=wms.port, password="secret-token")
    began_s = time.monotonic()
    with (
        open_client(connection, source.model_copy(update={"retries": 0})) as impatient,
        pytest.raises(PartnerUnavailable),
    ):
        impatient.page(START)
    assert time.monotonic() - began_s < 3


@pytest.mark.parametrize(
    ("reply", "error", "expected"),
    [
        (status(401), ConfigurationError, "token is refused"),
        (status(302, Location="http://127.0.0.1:1/?token=x"), ConfigurationError, "redirect"),
        (status(404), PartnerContractBroken, r"answered 404 \(busy\)"),
        (status(422), PartnerContractBroken, r"answered 422 \(busy\)"),
    ],
)
def test_a_refusal_is_not_repeated(
    wms: WmsServer, client: WmsClient, reply: object, error: type[Exception], expected: str
) -> None:
    wms.replies = [reply]  # type: ignore[list-item]
    with pytest.raises(error, match=expected) as caught:
        client.page(START)
    assert len(wms.requests) == 1
    assert "secret-token" not in str(caught.value)


def test_nobody_listening_is_retryable_and_keeps_the_secret(source: Source) -> None:
    connection = Connection("dc1_wms", "http", host="127.0.0.1", port=1, password="secret-token")
    with (
        open_client(connection, source.model_copy(update={"retries": 0})) as nowhere,
        pytest.raises(PartnerUnavailable, match="no answer") as caught,
    ):
        nowhere.page(START)
    assert "secret-token" not in repr(caught.value) + str(caught.value)


def test_one_absurd_number_does_not_cost_the_page(wms: WmsServer, client: WmsClient) -> None:
    wms.replies = [raw(b'{"events": [{"sequence": ' + b"9" * 6000 + b'}, {"sequence": 1.0}], "has_more": false}')]
    first, second = client.page(START).records.events
    assert isinstance(first["sequence"], str)
    assert second["sequence"] == "1.0"
