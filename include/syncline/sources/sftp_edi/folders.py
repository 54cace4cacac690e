"""The folders of a source on the partner's server. Names from a listing are hostile until checked."""

from __future__ import annotations

import stat
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from syncline.errors import ConfigurationError, PartnerContractBroken, RetryableError
from syncline.sources.sftp_edi.listing import Entry, entries

if TYPE_CHECKING:
    from syncline.registry import Source

NAME_CHARS_MAX = 150
LISTING_MAX = 200_000
UNFINISHED = (".tmp", ".part", ".filepart", ".partial")


class Listing(NamedTuple):
    """Entries of a folder, oldest first; ``is_cut``: there are more than anybody can look at."""

    entries: list[Entry]
    is_cut: bool


class Folders:
    """What the intake does on the server, and nothing else; ``sftp`` is a paramiko ``SFTPClient``."""

    def __init__(self, sftp: Any, source: Source) -> None:
        self._sftp = sftp
        self._source = source
        self._rules = source.file_rules
        self._made: set[str] = set()
        sftp.get_channel().settimeout(source.timeout_s)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone: no other file can be worked on either."""
        return bool(self._sftp.get_channel().closed)

    def inbox(self) -> Listing:
        """Entries of the inbox; directories and unfinished uploads are left out."""
        return self._list(self._rules.inbox)

    def processing(self) -> list[Entry]:
        """Entries of the folder of claimed files; it is created when missing."""
        self._make(self._rules.processing)
        return self._list(self._rules.processing).entries

    def claim(self, name: str, claimed_as: str) -> None:
        """Move a file out of the inbox. A plain rename fails when another reader was first.

        Raises:
            OSError: the file is gone or cannot be renamed.
        """
        self._sftp.rename(f"{self._rules.inbox}/{name}", self._claimed(claimed_as))

    def read(self, claimed_as: str) -> tuple[bytes, int]:
        """(content up to the size limit, size on the server).

        Raises:
            PartnerContractBroken: it is no regular file any more.
            RetryableError: it changed while it was read.
        """
        path = self._claimed(claimed_as)
        before = self._sftp.lstat(path)
        if not stat.S_ISREG(before.st_mode or 0):
            raise PartnerContractBroken(
                f"{self._source.name}: {path} is not a regular file.", next_step="Remove it from the server by hand."
            )
        if before.st_size is None:
            raise PartnerContractBroken(
                f"{self._source.name}: the server does not say how long {path} is.",
                next_step="Ask the partner for a server that tells sizes; the file stays claimed.",
            )
        size = int(before.st_size)
        wanted = min(size, self._rules.size_max_bytes)
        with self._sftp.open(path, "rb") as file:
            if wanted:
                file.prefetch(wanted)
            content = file.read(wanted)
        after = self._sftp.lstat(path)
        if len(content) != wanted or after.st_size != size or after.st_mtime != before.st_mtime:
            raise RetryableError(
                f"{self._source.name}: {path} changed while it was read ({size} to {after.st_size} bytes).",
                next_step="It stays claimed; the next poll reads it again.",
            )
        return content, size

    def put_away(self, claimed_as: str, *, is_refused: bool) -> None:
        """Move a claimed file to ``archive/<day>/`` or ``refused/<day>/``; the day is that of the claim."""
        self._sftp.rename(self._claimed(claimed_as), self._away(claimed_as, is_refused=is_refused))

    def is_away(self, claimed_as: str, *, is_refused: bool) -> bool:
        """Whether the file already is where ``put_away`` brings it."""
        try:
            self._sftp.lstat(self._away(claimed_as, is_refused=is_refused))
        except FileNotFoundError:
            return False
        return True

    def deliver(self, name: str, content: bytes) -> None:
        """Put a file into the outbox, whole or not at all; one that is there with its size is left as it is.

        Raises:
            OSError: the server refuses. PartnerContractBroken: another file has its name.
            RetryableError: the server took other bytes than were sent.
        """
        self._make(self._rules.outbox)
        path = f"{self._rules.outbox}/{name}"
        there = self._size(path)
        if there == len(content):
            return
        if there is not None:
            raise PartnerContractBroken(
                f"{self._source.name}: {path} is there with {there} bytes, and we send {len(content)} under that name.",
                next_step="Look at the file on the server and remove it; the next poll sends ours.",
            )
        unfinished = f"{path}{UNFINISHED[0]}"
        with self._sftp.open(unfinished, "wb") as file:
            file.write(content)
        if (size := self._size(unfinished)) != len(content):
            raise RetryableError(
                f"{self._source.name}: {unfinished} has {size} bytes after {len(content)} were written.",
                next_step="The next poll writes it again; is the server's disk full?",
            )
        self._sftp.rename(unfinished, path)

    def _size(self, path: str) -> int | None:
        try:
            size: int | None = self._sftp.lstat(path).st_size
        except FileNotFoundError:
            return None
        return size

    def refusal(self, entry: Entry) -> tuple[str, str] | None:
        """(code, reason) why an entry of the inbox is never touched, None when it may be claimed."""
        name = entry.name
        if len(name) > NAME_CHARS_MAX:
            return "file_name_hostile", f"its name has {len(name)} characters, at most {NAME_CHARS_MAX} are accepted"
        if (found := hostility(entry)) is not None:
            return found
        if not fnmatchcase(name, self._rules.pattern):
            return "file_not_expected", f"its name does not match {self._rules.pattern!r}"
        return None

    def _claimed(self, claimed_as: str) -> str:
        return f"{self._rules.processing}/{claimed_as}"

    def _away(self, claimed_as: str, *, is_refused: bool) -> str:
        folder = self._rules.refused if is_refused else self._rules.archive
        day = claimed_as[:8] if claimed_as[:8].isdigit() else "undated"
        self._make(folder)
        self._make(f"{folder}/{day}")
        return f"{folder}/{day}/{claimed_as}"

    def _make(self, folder: str) -> None:
        if folder in self._made:
            return
        try:
            self._sftp.stat(folder)
        except FileNotFoundError:
            try:
                self._sftp.mkdir(folder)
            except PermissionError:
                raise self._forbidden(folder, "create") from None
        self._made.add(folder)

    def _list(self, folder: str) -> Listing:
        try:
            found = list(islice(entries(self._sftp, folder), LISTING_MAX + 1))
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self._source.name}: the server has no folder {folder!r}.",
                next_step="Create it there, or correct `files` of the source in the registry.",
                source=self._source.name,
                folder=folder,
            ) from None
        except PermissionError:
            raise self._forbidden(folder, "list") from None
        files = [
            entry
            for entry in found[:LISTING_MAX]
            if not stat.S_ISDIR(entry.mode) and not entry.name.lower().endswith(UNFINISHED)
        ]
        return Listing(sorted(files, key=lambda entry: (entry.modified_s, entry.name)), len(found) > LISTING_MAX)

    def _forbidden(self, folder: str, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._source.name}: the server does not let us {what} {folder!r}.",
            next_step=f"Ask the partner for the right to {what} it; it needs reading, renaming and creating.",
            source=self._source.name,
            folder=folder,
        )


def hostility(entry: Entry) -> tuple[str, str] | None:
    """(code, reason) why an entry must not be named in a path at all, None when it may."""
    name = entry.name
    if "/" in name or "\\" in name or name.startswith((".", "-")) or ".." in name or not name.isprintable():
        return "file_name_hostile", "its name holds a path, a control character, no UTF-8 or a leading dot"
    if stat.S_ISLNK(entry.mode):
        return "file_is_link", "it is a link, which may lead out of the folder"
    if not stat.S_ISREG(entry.mode):
        return "file_not_regular", "it is not a regular file"
    return None
