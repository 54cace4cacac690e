"""Real ways to run out of disk: a small volume where the system lets us mount one, a file size limit everywhere."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.breaking.breakable import Breakable

from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

VOLUME_BYTES = 1_000_000_000
# A segment of the write-ahead log has 16 MiB and must still fit; a table beyond it does not.
FILE_MAX_BYTES = 17 * 1024 * 1024


class Shortage(Protocol):
    """``server`` has room until ``begin``, and again after ``end``."""

    server: Breakable

    def begin(self, database: str, room_bytes: int) -> None: ...

    def end(self) -> None: ...


class SmallVolume:
    """The data directory is on a volume of its own, which is made as small as what lies on it (ENOSPC)."""

    def __init__(self, place: Path, server: Breakable) -> None:
        self._place = place
        self.server = server

    def begin(self, database: str, room_bytes: int) -> None:
        found = os.statvfs(self._place)
        self._resize((found.f_blocks - found.f_bfree) * found.f_frsize + room_bytes)

    def end(self) -> None:
        self._resize(VOLUME_BYTES)
        self.server.up()

    def _resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self._place)], check=True)


class FileLimit:
    """No file of the server may grow beyond a limit (EFBIG), as a quota or a small file system has it."""

    def __init__(self, server: Breakable) -> None:
        self.server = server

    def begin(self, database: str, room_bytes: int) -> None:
        self._fill(database)
        embedded.stop(self.server.home)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX_BYTES, hard))
        try:
            self.server.up()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def end(self) -> None:
        self.server.stop_at_once(0)
        self.server.up()

    def _fill(self, database: str) -> None:
        """Where something was resolved before: its table reaches to the limit, with rows that are gone again."""
        with connect_dsn(self.server.dsn("owner", database)) as owner:
            if owner.execute("select to_regclass('staging.stg_facts') is null").fetchone() == (True,):
                return
            owner.execute("alter table staging.stg_facts set (autovacuum_enabled = false)")
            owner.execute(
                "insert into staging.stg_facts select (jsonb_populate_record(s, jsonb_build_object("
                "'fact_id', s.fact_id || '-' || n))).* from staging.stg_facts s, generate_series(1, 240) n"
            )
            owner.execute("delete from staging.stg_facts where fact_id like '%-%'")
            row = owner.execute("select pg_relation_size('staging.stg_facts')").fetchone()
        assert row is not None
        assert row[0] > FILE_MAX_BYTES


@contextmanager
def small_volume(folder: Path) -> Iterator[SmallVolume]:
    """Raises CalledProcessError where this process may not mount."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={VOLUME_BYTES}", "tmpfs", str(folder)], check=True, capture_output=True
    )
    try:
        home = folder / "home"
        try:
            yield SmallVolume(folder, Breakable.made(home))
        finally:
            embedded.stop(home)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def file_limit(folder: Path) -> Iterator[FileLimit]:
    home = folder / "home"
    try:
        yield FileLimit(Breakable.made(home))
    finally:
        embedded.stop(home)


def may_mount() -> bool:
    """Whether a file system can be mounted here: root outside a container can, most CI containers cannot."""
    with tempfile.TemporaryDirectory(prefix="syncline-mount-") as folder:
        tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True)
        if tried.returncode == 0:
            subprocess.run(["umount", folder], check=True)
    return tried.returncode == 0


# The file size limit needs no privilege, so that no place is left without a real shortage.
WAYS = {"file size limit": file_limit} | ({"full volume": small_volume} if may_mount() else {})
