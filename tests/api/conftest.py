"""The API on a real server of 127.0.0.1, over a real warehouse."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import pytest
import requests
import uvicorn
from tests.exceptions.conftest import Desk, after

from syncline.api.app import create_app
from syncline.api.keys import SCOPES, ApiKey, new_key
from syncline.api.warehouses import Warehouses
from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.warehouse.connect import connect_dsn


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Base URL of ``app`` while the block runs."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, server_header=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass
class Api:
    """``keys`` are those of now; ``call`` sends a request with the key of that name."""

    url: str
    desk: Desk
    keys: list[ApiKey]
    texts: dict[str, str]
    now: list[datetime] = field(default_factory=lambda: [after(1)])

    def call(self, method: str, path: str, key: str | None = "all", **more: Any) -> requests.Response:
        headers = more.pop("headers", {})
        if key is not None:
            headers = {"Authorization": f"Bearer {self.texts[key]}"} | headers
        return requests.request(method, self.url + path, headers=headers, timeout=20, **more)

    def change(self, number: int, action: str, key: str = "all", **more: Any) -> requests.Response:
        headers = more.pop("headers", {})
        body = {"action": action, **more}
        return self.call("POST", f"/v1/exceptions/{number}/changes", key, json=body, headers=headers)


@pytest.fixture
def api(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[Api]:
    apply(warehouse, read_folder(project_root() / "dbt_project" / "seeds"), after(-4), "test")
    keys, texts = [], {}
    for name, scopes in {
        "all": tuple(SCOPES), "reader": ("exceptions:read",), "worker": ("exceptions:work",), "old": tuple(SCOPES),
    }.items():  # fmt: skip
        texts[name], digest = new_key()
        expires = after() if name == "old" else after(days=900)
        keys.append(ApiKey(name, digest, frozenset(scopes), expires))
    texts["wrong"] = texts["all"][:-1] + ("A" if texts["all"][-1] != "A" else "B")
    now = [after(1)]
    app = create_app(Warehouses(lambda role: connect_dsn(warehouse_dsn(role))), lambda: keys, lambda: now[0])
    with connect_dsn(warehouse_dsn("transformer")) as conn, served(app) as url:
        yield Api(url, Desk(warehouse, conn), keys, texts, now)
