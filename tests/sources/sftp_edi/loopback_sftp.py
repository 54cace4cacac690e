"""A real SFTP server on loopback (asyncssh) over a folder of the test, and a paramiko client connected to it."""

from __future__ import annotations

import asyncio
import io
import threading
from pathlib import Path
from typing import Any

import asyncssh
import paramiko

from syncline.connections import Connection


class SftpServer:
    """Serves ``root`` by ``drop``; the event loop runs in a thread of its own."""

    def __init__(self, root: Path, drop: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> None:
        self.root = root
        self._drop = drop
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._clients: list[paramiko.Transport] = []
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self._acceptor.get_port()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        client_key = self.client_key.convert_to_public()

        class Server(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return True

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                return key == client_key

        def drop(channel: asyncssh.SSHServerChannel) -> asyncssh.SFTPServer:
            return self._drop(channel, chroot=str(self.root).encode())

        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Server, server_host_keys=[self.host_key], sftp_factory=drop, sftp_version=3
        )

    def connect(self) -> paramiko.SFTPClient:
        key = paramiko.Ed25519Key.from_private_key(io.StringIO(self.private_key()))
        transport = paramiko.Transport(("127.0.0.1", self.port))
        transport.connect(username="partner", pkey=key)
        self._clients.append(transport)
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        return client

    def connection(self, **extra: str) -> Connection:
        """As the product's own client takes it."""
        known = {"host_key": self.public_host_key(), "private_key": self.private_key()}
        return Connection("acme_3pl", "sftp", "127.0.0.1", self.port, "partner", extra=known | extra)

    def private_key(self) -> str:
        return self.client_key.export_private_key("openssh").decode()

    def public_host_key(self) -> str:
        return " ".join(self.host_key.export_public_key("openssh").decode().split()[:2])

    def drop_connections(self) -> None:
        for transport in self._clients:
            transport.close()

    def close(self) -> None:
        self.drop_connections()

        async def stop() -> None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class ReadOnlyDrop(asyncssh.SFTPServer):
    """Lists and reads; whatever would change something is denied, as `internal-sftp -R` of OpenSSH does."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & ~asyncssh.FXF_READ:
            raise asyncssh.SFTPPermissionDenied("read only")
        return super().open(path, pflags, attrs)

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        raise asyncssh.SFTPPermissionDenied("read only")

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> Any:
        raise asyncssh.SFTPPermissionDenied("read only")

    def remove(self, path: bytes) -> Any:
        raise asyncssh.SFTPPermissionDenied("read only")
