"""A real SFTP server that fails at the n-th call of an operation, as a test plans it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncssh

Action = Callable[[], object]


class Plan:
    """What happens at which call: ``at("read", 2, plan.close)``. ``listed`` are entries that no disk could hold."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._actions: dict[tuple[str, int], Any] = {}
        self.calls: Counter[str] = Counter()
        self.listed: list[asyncssh.SFTPName] = []

    def at(self, operation: str, number: int, action: Any) -> None:
        self._actions[operation, number] = action

    def forget(self) -> None:
        self._actions.clear()
        self.calls.clear()

    def reached(self, operation: str, drop: asyncssh.SFTPServer) -> None:
        with self._lock:
            self.calls[operation] += 1
            action = self._actions.get((operation, self.calls[operation]), self._actions.get((operation, 0)))
        if action is not None:
            action(drop)


def close(drop: asyncssh.SFTPServer) -> None:
    """The connection is gone, without a word."""
    drop.channel.get_connection().abort()
    raise asyncssh.SFTPConnectionLost("gone")


def deny(drop: asyncssh.SFTPServer) -> None:
    raise asyncssh.SFTPPermissionDenied("not yours")


def refuse(drop: asyncssh.SFTPServer) -> None:
    raise asyncssh.SFTPFailure("cannot")


def drop_of(plan: Plan) -> type[asyncssh.SFTPServer]:  # noqa: C901 - one small server, read in one piece
    """The server class for one plan; ``renamed`` is reached when a rename has been done but not answered yet."""

    class FaultyDrop(asyncssh.SFTPServer):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            plan.reached("scandir", self)
            if path.endswith(b"inbox"):
                for entry in plan.listed:
                    yield entry
            async for entry in super().scandir(path):
                yield entry

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            plan.reached("open", self)
            return super().open(path, pflags, attrs)

        def read(self, file_obj: object, offset: int, size: int) -> Any:
            plan.reached("read", self)
            return super().read(file_obj, offset, size)

        def write(self, file_obj: object, offset: int, data: bytes) -> Any:
            plan.reached("write", self)
            return super().write(file_obj, offset, data)

        def remove(self, path: bytes) -> Any:
            plan.reached("remove", self)
            return super().remove(path)

        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            plan.reached("rename", self)
            done = super().rename(oldpath, newpath)
            plan.reached("renamed", self)
            return done

        def lstat(self, path: bytes) -> Any:
            plan.reached("lstat", self)
            return super().lstat(path)

        def stat(self, path: bytes) -> Any:
            plan.reached("stat", self)
            return super().stat(path)

        def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> Any:
            plan.reached("mkdir", self)
            return super().mkdir(path, attrs)

    return FaultyDrop
