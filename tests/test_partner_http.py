"""A compressed body, for callers that ask for one: bounded by what comes out of it, and whole or refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import pytest
from tests.breaking.raw_server import RawServer, answer

from syncline.partner_http import Answer, CallFailed, NoAuth, PartnerHttp

BODY = b'{"rows": [' + b"1," * 5000 + b"1]}"
GZIP = "Content-Encoding: gzip"
BYTES_MAX = 20_000


@pytest.fixture
def call() -> Iterator[Callable[[bytes], Answer]]:
    servers: list[RawServer] = []

    def made(told: bytes) -> Answer:
        servers.append(RawServer(lambda each: each.send(told)))
        http = PartnerHttp(servers[-1].url, NoAuth())
        try:
            return http.call("GET", "/", timeout_s=5, bytes_max=BYTES_MAX, headers={"Accept-Encoding": "gzip"})
        finally:
            http.close()

    yield made
    for server in servers:
        server.close()


def test_what_was_asked_for_is_read(call: Callable[[bytes], Answer]) -> None:
    assert call(answer(gzip.compress(BODY), GZIP)).content == BODY
    assert call(answer(BODY)).content == BODY


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BODY, "cannot be read"),
        (gzip.compress(BODY)[:-9], "cut short"),
        (gzip.compress(BODY) + b"more", "cut short"),
        (gzip.compress(b" " * 50_000_000), "longer than"),
        (gzip.compress(b" " * (BYTES_MAX + 1)), "longer than"),
    ],
    ids=["a lie", "cut", "more behind it", "bomb", "a byte too long"],
)
def test_what_is_not_whole_is_refused(call: Callable[[bytes], Answer], content: bytes, why: str) -> None:
    with pytest.raises(CallFailed, match=why):
        call(answer(content, GZIP))


def test_its_largest_is_read(call: Callable[[bytes], Answer]) -> None:
    assert len(call(answer(gzip.compress(b" " * BYTES_MAX), GZIP)).content) == BYTES_MAX


def test_another_compression_is_refused(call: Callable[[bytes], Answer]) -> None:
    with pytest.raises(CallFailed, match="not asked for"):
        call(answer(BODY, "Content-Encoding: br"))
