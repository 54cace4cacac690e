"""Evidence of an answer holds what the partner said, and nothing that we sent to prove who we are."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from syncline.heard import EXCERPT_MAX, listening, redacted
from syncline.partner_http import CallFailed, HeaderAuth, PartnerHttp

SECRET = "s3cr3t-of-ours-0815"


class Echo(BaseHTTPRequestHandler):
    """A debug page, as frameworks make them: an error that prints every header of the request."""

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        headers = "".join(f"<li>{name}: {value}</li>" for name, value in self.headers.items())
        page = {
            "/debug": f"<html><h1>Oops</h1>{headers}</html>",
            "/long": "x" * (EXCERPT_MAX - 6) + f" {SECRET} " + "y" * 9000,
            "/json": '{"access_token": "abc.def", "error": "nope", "password":"p w", "n": "a\\u0000b"}',
        }[self.path].encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


@pytest.fixture
def http() -> Iterator[PartnerHttp]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    client = PartnerHttp(f"http://127.0.0.1:{server.server_port}", HeaderAuth("X-Shop-Access", SECRET))
    yield client
    client.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["/debug", "/long", "/json"])
def test_the_last_answer_is_kept_without_secrets(http: PartnerHttp, path: str) -> None:
    with listening() as ear:
        http.call("GET", path, timeout_s=5, bytes_max=100_000)
    assert 0 < len(ear.text) <= EXCERPT_MAX
    assert not any(SECRET[:length] in ear.text for length in (len(SECRET), 8))
    assert "abc.def" not in ear.text
    assert "p w" not in ear.text
    assert {"/debug": "Oops", "/long": "xxx", "/json": "nope"}[path] in ear.text


def test_who_does_not_listen_keeps_nothing_and_silence_is_empty(http: PartnerHttp) -> None:
    http.call("GET", "/debug", timeout_s=5, bytes_max=100_000)
    silent = PartnerHttp("http://127.0.0.1:9", HeaderAuth("X", SECRET))
    with listening() as ear, pytest.raises(CallFailed):
        silent.call("GET", "/", timeout_s=2, bytes_max=100)
    assert ear.text == ""


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {0}", "authorization=Basic {0}", '{{"client_secret":"{0}"}}', "api_key={0}&x=1",
        "Set-Cookie: {0}; Path=/", "<b>X-Auth-Token:</b> {0}",
    ],
)  # fmt: skip
def test_what_is_called_a_secret_is_taken_out_though_we_never_sent_it(text: str) -> None:
    assert "hidden" not in redacted(text.format("hidden"), ["hidden"] if "<b>" in text else [])


def test_the_plain_form_of_a_basic_login_is_known_as_well() -> None:
    login = base64.b64encode(b"user:word").decode()
    assert login not in redacted(f"you sent {login}", [f"Basic {login}", login])
