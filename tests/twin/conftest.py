"""A running twin for a test: real HTTP, real SFTP, the ERP's books in a throw-away database."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import paramiko
import psycopg
import pytest
import requests
from psycopg import sql

from syncline.clock import Clock
from syncline.twin.faults import Faults
from syncline.twin.schedule import Day
from syncline.twin.server import Settings, Twin, running
from syncline.warehouse import embedded

STANDING = 1e-6  # rate of a clock that stands still for all a test can see


class Api:
    """One system's HTTP API with its token."""

    def __init__(self, connection: str) -> None:
        value = json.loads(connection)
        self.url = f"http://{value['host']}:{value['port']}"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {value['password']}"

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.session.get(self.url + path, params=params, timeout=10)

    def send(self, method: str, path: str, key: str, lines: list[dict[str, Any]]) -> requests.Response:
        headers = {"Idempotency-Key": key}
        return self.session.request(method, self.url + path, json={"lines": lines}, headers=headers, timeout=10)


@dataclass
class Served:
    twin: Twin
    files: Path
    dsn: str

    def api(self, name: str) -> Api:
        return Api(self.twin.env[f"AIRFLOW_CONN_{name.upper()}"])

    @contextmanager
    def sftp(self, partner: str, *, pkey: paramiko.PKey | None = None) -> Iterator[paramiko.SFTPClient]:
        value = json.loads(self.twin.env[f"AIRFLOW_CONN_{partner.upper()}"])
        kind, data = value["extra"]["host_key"].split()
        key = pkey or paramiko.Ed25519Key.from_private_key(io.StringIO(value["extra"]["private_key"]))
        with paramiko.SSHClient() as client:
            host_key = paramiko.Ed25519Key(data=base64.b64decode(data))
            client.get_host_keys().add(f"[{value['host']}]:{value['port']}", kind, host_key)
            client.connect(
                value["host"],
                value["port"],
                value["login"],
                pkey=key,
                allow_agent=False,
                look_for_keys=False,
                timeout=10,
            )
            yield client.open_sftp()


Serve = Callable[..., Served]


@contextmanager
def _running_in_thread(settings: Settings) -> Iterator[Twin]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = running(settings)
    twin = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(20)
    try:
        yield twin
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def erp_dsn(server: embedded.Server) -> Iterator[str]:
    """An empty database for the ERP's books."""
    name = f"twin_test_{time.monotonic_ns()}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield server.dsn(name)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def serve(erp_dsn: str, tmp_path: Path) -> Iterator[Serve]:
    """``serve(faults, at_minutes=90)``: a twin whose clock stands at that minute of the day, or runs with ``rate``."""
    with ExitStack() as stack:

        def start(
            faults: Faults | None = None,
            *,
            at_minutes: float = 90,
            rate: float = STANDING,
            hours: float = 2.0,
            seed: int = 7,
        ) -> Served:
            day = Day(seed=seed, hours=hours)
            clock = Clock(day.start + timedelta(minutes=at_minutes), time.time(), rate)
            settings = Settings(erp_dsn, day, faults or Faults.none(), clock, tmp_path / "partners")
            return Served(stack.enter_context(_running_in_thread(settings)), settings.files, erp_dsn)

        yield start
