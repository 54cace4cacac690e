"""A real Tryton: an environment of its own under the user's cache, a database on the tests' Postgres, a server.

The environment and a dump of the database with its modules are made once (about 50 s on two quiet cores) and kept; a
session starts from them in about 10 s.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from tests.targets.tryton import seeding
from tests.targets.tryton.seeding import ADMIN_PASSWORD, DATABASE, Admin

from syncline.warehouse import embedded

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
STARTS_WITHIN_S = 60.0
UNREACHABLE = ("Failed to fetch", "Failed to download", "error sending request", "dns error")


@dataclass(frozen=True)
class Installation:
    """A running server. ``dsn``: its database, for what no API tells."""

    base_url: str
    dsn: str

    def admin(self) -> Admin:
        return Admin(self.base_url, ADMIN_PASSWORD)


def cache() -> Path:
    """Where the environment and the dump are kept; another one for other requirements, Python or seeds."""
    content = [
        REQUIREMENTS.read_text(encoding="utf-8"),
        Path(seeding.__file__).read_text(encoding="utf-8"),
        sys.version,
    ]
    digest = hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "syncline-tests" / f"tryton-{digest}"


@contextmanager
def running(server: embedded.Server) -> Iterator[Installation]:
    """Tryton on ``server`` while the block lasts; skips where no package registry can be reached."""
    home = cache()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _environment(home)
        _database(home, server)
    configuration = home / f"trytond-{os.getpid()}.conf"
    configuration.write_text(f"[database]\nuri = {server.dsn('')}\n", encoding="utf-8")
    configuration.chmod(0o600)
    try:
        with _serving(home, configuration) as base_url:
            seeding.seed(base_url)
            yield Installation(base_url, server.dsn(DATABASE))
    finally:
        configuration.unlink()
        _postgres("dropdb", f"--maintenance-db={server.dsn()}", "--force", DATABASE)


def _environment(home: Path) -> None:
    if (home / "venv.ready").exists():
        return
    shutil.rmtree(home / "venv", ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    environment = dict(os.environ)
    if index := environment.get("PIP_INDEX_URL"):
        environment.setdefault("UV_DEFAULT_INDEX", index)
    made = subprocess.run(
        [*uv, "venv", "-q", "-p", sys.executable, str(home / "venv")], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    python = str(home / "venv" / "bin" / "python")
    installed = subprocess.run(
        [*uv, "pip", "sync", "-q", "--require-hashes", "--compile-bytecode", "-p", python, str(REQUIREMENTS)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if installed.returncode and any(each in installed.stderr for each in UNREACHABLE):
        pytest.skip(f"no package registry can be reached to install Tryton from: {installed.stderr.splitlines()[0]}")
    assert installed.returncode == 0, installed.stderr
    (home / "venv.ready").touch()


def _database(home: Path, server: embedded.Server) -> None:
    """From the dump; the first time Tryton makes it itself, 40 s, and it is dumped."""
    dump = home / "modules.dump"
    _postgres("createdb", f"--maintenance-db={server.dsn()}", DATABASE)
    if dump.exists():
        _postgres("pg_restore", "-d", server.dsn(DATABASE), str(dump))
        return
    configuration, password = home / "making.conf", home / "making.password"
    configuration.write_text(f"[database]\nuri = {server.dsn('')}\n", encoding="utf-8")
    configuration.chmod(0o600)
    password.write_text(ADMIN_PASSWORD, encoding="utf-8")
    try:
        making = [str(home / "venv" / "bin" / "trytond-admin"), "-c", str(configuration), "-d", DATABASE]
        for rest in (["--all", "--email", "admin@tests.example"], ["-u", "stock", "--activate-dependencies"]):
            subprocess.run(
                [*making, *rest], env=os.environ | {"TRYTONPASSFILE": str(password)}, check=True, capture_output=True
            )
    finally:
        configuration.unlink()
        password.unlink()
    _postgres("pg_dump", "-Fc", "-f", str(dump.with_suffix(".part")), server.dsn(DATABASE))
    dump.with_suffix(".part").rename(dump)


@contextmanager
def _serving(home: Path, configuration: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    text = configuration.read_text(encoding="utf-8").partition("\n[web]")[0]
    configuration.write_text(f"{text}\n[web]\nlisten = 127.0.0.1:{port}\n", encoding="utf-8")
    log = home / f"trytond-{os.getpid()}.log"
    with log.open("w") as told:
        # Named with -d: a database that is only loaded by the first call answers that one with a KeyError.
        process = subprocess.Popen(
            [str(home / "venv" / "bin" / "trytond"), "-c", str(configuration), "-d", DATABASE],
            stdout=told, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_for(process, base_url, log)
        yield base_url
    finally:
        process.terminate()
        process.wait(20)
        log.unlink()


def _wait_for(process: subprocess.Popen[bytes], base_url: str, log: Path) -> None:
    ends_s = time.monotonic() + STARTS_WITHIN_S
    body = {"id": 1, "method": "common.server.version", "params": []}
    while True:
        assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        try:
            if requests.post(f"{base_url}/rpc/", json=body, timeout=5).ok:
                return
        except requests.ConnectionError:
            assert time.monotonic() < ends_s, log.read_text(encoding="utf-8")[-2000:]
            time.sleep(0.1)


def _postgres(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(embedded._binaries() / program), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{program}: {done.stderr[-2000:]}"
