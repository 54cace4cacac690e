"""A real SFTP server on loopback: one account and one root for each partner, public keys only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncssh

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Account:
    """One partner's access: its folder on disk and the key pair made for it."""

    user: str
    root: Path
    private_key: str
    public_key: str


@dataclass(frozen=True)
class SftpDrop:
    """A listening server. ``host_key`` is its public key line, for the client's host-key check."""

    acceptor: asyncssh.SSHAcceptor
    port: int
    host_key: str

    async def close(self) -> None:
        self.acceptor.close()
        await self.acceptor.wait_closed()


def make_account(user: str, root: Path) -> Account:
    key = asyncssh.generate_private_key("ssh-ed25519")
    return Account(user, root, key.export_private_key("openssh").decode(), key.export_public_key("openssh").decode())


async def listen(accounts: list[Account], port: int) -> SftpDrop:
    """Start the server on ``port`` (0: a free one)."""
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    by_user = {account.user: account for account in accounts}

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            account = by_user.get(username)
            return account is not None and key.public_data == asyncssh.import_public_key(account.public_key).public_data

    def drop(chan: asyncssh.SSHServerChannel[bytes]) -> _Drop:
        return _Drop(chan, by_user[chan.get_extra_info("username")].root)

    acceptor = await asyncssh.listen(
        HOST, port, server_factory=Server, server_host_keys=[host_key],
        sftp_factory=drop, sftp_version=3, allow_scp=False,
        login_timeout=15, keepalive_interval=30,
    )  # fmt: skip
    algorithm, data = host_key.export_public_key("openssh").decode().split()[:2]
    return SftpDrop(acceptor, acceptor.get_port(), f"{algorithm} {data}")


class _Drop(asyncssh.SFTPServer):
    """SFTP version 3 below one folder. A plain rename onto an existing file fails (asyncssh's own rule);
    links are refused, because a link could lead out of the folder."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], root: Path) -> None:
        super().__init__(chan, chroot=str(root).encode())

    def symlink(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPPermissionDenied("Links are not allowed here")

    def link(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPPermissionDenied("Links are not allowed here")
