"""A real OpenSSH server on loopback: its own keys, its own configuration, the account that runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import asyncssh
import psutil

from syncline.connections import Connection

PRIVILEGE_SEPARATION = Path("/run/sshd")  # compiled into Debian's sshd, which makes it when its service starts
START_S = 10
CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {home}/host_key
AuthorizedKeysFile {home}/authorized_keys
PidFile none
StrictModes no
UsePAM no
AuthenticationMethods publickey
PermitRootLogin prohibit-password
AllowUsers {user}
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {root} {flags}
DisableForwarding yes
"""


def installed() -> str | None:
    """Where ``sshd`` is. It wants to be called by its whole path."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class OpenSsh:
    """Serves ``root`` by ``internal-sftp``; ``flags`` are its own, ``-R`` forbids every change."""

    def __init__(self, home: Path, root: Path, flags: str = "") -> None:
        home.mkdir(mode=0o700)
        self.root = root
        self._home = home
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key.write_private_key(home / "host_key")
        (home / "host_key").chmod(0o600)
        self.client_key.write_public_key(home / "authorized_keys")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = CONFIG.format(port=self.port, home=home, user=getpass.getuser(), root=root, flags=flags)
        (home / "sshd_config").write_text(config)
        if os.geteuid() == 0:
            # It stays: another worker's server needs it as long as it runs, and the system empties /run at its start.
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self._log = (home / "log").open("wb")
        self._process = subprocess.Popen(
            [str(installed()), "-D", "-e", "-f", str(home / "sshd_config")],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip
        try:
            self._await_answer()
        except BaseException:
            self.close()
            raise

    def _await_answer(self) -> None:
        for _ in range(START_S * 20):
            if self._process.poll() is not None:
                raise RuntimeError(f"sshd ended with {self._process.returncode}: {self.log()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as answer:
                    if answer.recv(4) == b"SSH-":
                        return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"sshd does not answer after {START_S} s: {self.log()}")

    def log(self) -> str:
        return (self._home / "log").read_text(errors="replace")

    def connection(self, **extra: str) -> Connection:
        host_key = " ".join(self.host_key.export_public_key("openssh").decode().split()[:2])
        private_key = self.client_key.export_private_key("openssh").decode()
        known = {"host_key": host_key, "private_key": private_key}
        return Connection("acme_3pl", "sftp", "127.0.0.1", self.port, getpass.getuser(), extra=known | extra)

    def close(self) -> None:
        """End the server and its sessions, which are process groups of their own."""
        sessions = psutil.Process(self._process.pid).children(recursive=True) if self._process.poll() is None else []
        for group in {self._process.pid, *(_group(each.pid) for each in sessions)} - {0, os.getpgid(0)}:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                continue  # it ended by itself
        self._process.wait(10)
        _, alive = psutil.wait_procs(sessions, timeout=10)
        for each in alive:
            each.kill()
        self._log.close()
        assert not alive, f"sessions outlived the server: {alive}"


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
