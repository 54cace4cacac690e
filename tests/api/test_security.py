"""Who may call, what a request may cost, and what an answer tells."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import requests
from fastapi import FastAPI
from fastapi.routing import APIRoute
from tests.api.conftest import Api, served
from tests.exceptions.conftest import after

from syncline.api.app import create_app
from syncline.api.keys import ApiKey, hashed, keys_of, new_key, recognised
from syncline.api.limits import BODY_BYTES_MAX, BodyLimit
from syncline.api.warehouses import Warehouses
from syncline.connections import Connection
from syncline.errors import ConfigurationError, RetryableError
from syncline.warehouse.connect import connect_dsn

PUBLIC = {"/health"}


def _no_warehouse(role: str) -> None:
    raise AssertionError(role)


def routes() -> list[APIRoute]:
    limited = create_app(Warehouses(_no_warehouse), list, after)  # type: ignore[arg-type]
    assert isinstance(limited, BodyLimit)
    app = limited._app
    assert isinstance(app, FastAPI)
    return [route for route in app.routes if isinstance(route, APIRoute)]


def test_every_route_declares_its_authentication() -> None:
    found = routes()
    assert len(found) >= 5
    for route in found:
        declared = [each.call for each in route.dependant.dependencies if hasattr(each.call, "scopes")]
        assert bool(declared) != (route.path in PUBLIC), route.path


@pytest.mark.parametrize("key", [None, "wrong", "old"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/exceptions"),
        ("GET", "/v1/exceptions/1"),
        ("POST", "/v1/exceptions/1/changes"),
        ("GET", "/openapi.json"),
    ],
)
def test_without_a_good_key_nothing_is_told(api: Api, key: str | None, method: str, path: str) -> None:
    answer = api.call(method, path, key)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == {"error": {"code": "unauthorized", "message": "No valid API key."}}


@pytest.mark.parametrize("said", ["Basic {}", "{}", "Bearer", "Bearer  {}", "Bearer {} x", "bearer\t{}"])
def test_only_a_bearer_key_lets_in(api: Api, said: str) -> None:
    headers = {"Authorization": said.format(api.texts["all"])}
    assert requests.get(api.url + "/v1/exceptions", headers=headers, timeout=20).status_code == 401


def test_a_scope_lets_do_its_own_and_nothing_else(api: Api) -> None:
    number = api.desk.find(after())
    assert api.call("GET", "/v1/exceptions", "reader").status_code == 200
    assert api.call("GET", "/v1/exceptions", "worker").status_code == 403
    assert api.change(number, "take", key="reader").status_code == 403
    for action, more in (("accept", {"note": "n"}), ("correct", {}), ("write off", {"quantity": -1, "note": "n"})):
        refused = api.change(number, action, key="worker", **more)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert api.change(number, "take", key="worker").status_code == 200
    assert [what for what, *_ in api.desk.history(number)] == ["opened", "acknowledged"]


def test_a_withdrawn_key_is_out_at_once(api: Api) -> None:
    assert api.call("GET", "/v1/exceptions").status_code == 200
    api.keys[:] = [key for key in api.keys if key.name != "all"]
    assert api.call("GET", "/v1/exceptions").status_code == 401


def test_a_key_ends_when_it_says(api: Api) -> None:
    assert api.call("GET", "/v1/exceptions", "old").status_code == 401
    api.now[0] = after(-1)
    assert api.call("GET", "/v1/exceptions", "old").status_code == 200


def _raw(url: str, request: bytes) -> bytes:
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as connection:
        connection.sendall(request)
        told = b""
        while chunk := connection.recv(65536):
            told += chunk
            if b"\r\n\r\n" in told:
                break
    return told


@pytest.mark.parametrize("declares", [True, False])
def test_a_large_body_is_refused_before_it_is_read(api: Api, declares: bool) -> None:
    number = api.desk.find(after())
    body = b" " * (BODY_BYTES_MAX + 1)
    path = f"/v1/exceptions/{number}/changes"
    place = urlsplit(api.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    headers = {"Authorization": f"Bearer {api.texts['all']}", "Content-Type": "application/json"}
    sent = body if declares else iter([body[:9000], body[9000:]])
    connection.request("POST", path, sent, headers, encode_chunked=not declares)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_length_that_is_none_is_refused(api: Api) -> None:
    told = _raw(api.url, b"POST /v1/exceptions/1/changes HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    assert b" 413 " in told.split(b"\r\n")[0]


def test_health_asks_for_no_key_and_tells_nothing(api: Api) -> None:
    answer = api.call("GET", "/health", None)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


def test_without_a_warehouse_it_says_so_and_no_address(warehouse_dsn: Callable[[str], str]) -> None:
    text, digest = new_key()
    key = ApiKey("a", digest, frozenset(["exceptions:read"]))
    gone = warehouse_dsn("bi").rpartition("/")[0] + "/gone"
    app = create_app(Warehouses(lambda _: connect_dsn(gone)), lambda: [key], after)
    with served(app) as url:
        assert requests.get(f"{url}/health", timeout=20).status_code == 503
        answer = requests.get(f"{url}/v1/exceptions", headers={"Authorization": f"Bearer {text}"}, timeout=20)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "127.0.0.1" not in answer.text
    assert "syncline_bi" not in answer.text


def test_keys_that_cannot_be_read_tell_the_caller_nothing() -> None:
    broken = Connection("syncline_api", "http", extra={"keys": [{"name": "a", "hash": "secret", "scopes": ["x"]}]})
    app = create_app(Warehouses(_no_warehouse), lambda: keys_of(broken), after)  # type: ignore[arg-type]
    with served(app) as url:
        answer = requests.get(f"{url}/v1/exceptions", headers={"Authorization": "Bearer x"}, timeout=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "not_configured")
    assert "secret" not in answer.text


def test_only_so_many_connections_are_open_at_once(warehouse_dsn: Callable[[str], str]) -> None:
    warehouse = Warehouses(lambda role: connect_dsn(warehouse_dsn(role)), at_once=1, wait_s=0.05)
    with warehouse("bi"), pytest.raises(RetryableError, match="Too many"), warehouse("bi"):
        pass
    with warehouse("bi") as conn:
        assert conn.execute("show statement_timeout").fetchone() == ("15s",)


def test_the_schema_names_routes_and_how_to_log_in(api: Api) -> None:
    schema = api.call("GET", "/openapi.json", "reader").json()
    assert set(schema["paths"]) == {
        "/health", "/v1/exceptions", "/v1/exceptions/{number}", "/v1/exceptions/{number}/changes",
    }  # fmt: skip
    assert schema["components"]["securitySchemes"] == {
        "HTTPBearer": {
            "type": "http", "scheme": "bearer", "description": "An API key: `syncline api key` makes one.",
        }
    }  # fmt: skip


GOOD = {"name": "a", "hash": hashed("x"), "scopes": ["exceptions:read"]}


@pytest.mark.parametrize(
    "keys",
    [
        {"a": 1},
        ["x"],
        [{**GOOD, "name": ""}],
        [{**GOOD, "name": "a b"}],
        [{**GOOD, "hash": "x" * 64}],
        [{**GOOD, "scopes": []}],
        [{**GOOD, "scopes": ["everything"]}],
        [{**GOOD, "expires_at": "tomorrow"}],
        [{**GOOD, "expires_at": "2027-01-01T00:00:00"}],
        [{**GOOD, "key": "syncline_text"}],
        [GOOD, {**GOOD, "name": "b"}],
        [GOOD, {**GOOD, "hash": hashed("y")}],
    ],
)
def test_keys_that_are_not_as_they_must_be_are_refused(keys: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        keys_of(Connection("syncline_api", "http", extra={"keys": keys}))
    assert hashed("x") not in str(caught.value)


def test_a_key_is_known_by_its_hash_only() -> None:
    text, digest = new_key()
    assert text not in digest
    assert len(text) > 40
    key = ApiKey("a", digest, frozenset())
    assert recognised([key], text, after()) is key
    assert recognised([key], digest, after()) is None
    assert recognised([key], "", after()) is None
