"""The folders of a source on the partner's server. Names from a listing are hostile until checked."""

from __future__ import annotations

import stat
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from paramiko.ssh_exception import SSHException

from syncline.errors import ConfigurationError, PartnerContractBroken, RetryableError
from syncline.sources.sftp_edi.answers import NotSupported, tell_apart
from syncline.sources.sftp_edi.listing import SIZE_MAX, Entry, entries, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncline.registry import Source

NAME_CHARS_MAX = 150
# A claimed file and its reason file have longer names, and file systems end at 255 bytes.
NAME_BYTES_MAX = 200
LISTING_MAX = 200_000
UNFINISHED = (".tmp", ".part", ".filepart", ".partial")
REASON_ENDING = ".reason.txt"
IN_PLACE = "or, when this server is to be read only, set `files.claim: in_place` of the source in the registry"


class Listing(NamedTuple):
    """Entries of a folder, oldest first; ``is_cut``: there are more than anybody can look at."""

    entries: list[Entry]
    is_cut: bool


class ClaimRefused(RetryableError):
    """The server did not rename a file. ``is_forbidden``: it says that we may not, or that nobody can."""

    def __init__(self, message: str, *, is_forbidden: bool, source: str) -> None:
        super().__init__(message, next_step="The next poll tries again.", source=source)
        self.is_forbidden = is_forbidden


class Folders:
    """What the intake does on the server, and nothing else; ``sftp`` is a paramiko ``SFTPClient``.

    A path is relative to the login's home. A plain rename of the protocol (version 3, section 6.5) never overwrites:
    OpenSSH and asyncssh refuse it. Names of claimed files are unique beside that, for servers that do not.
    """

    def __init__(self, sftp: Any, source: Source) -> None:
        self._sftp = sftp
        self._source = source
        self._rules = source.file_rules
        self._made: set[str] = set()
        tell_apart(sftp)
        sftp.get_channel().settimeout(source.timeout_s)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone: no other file can be worked on either."""
        return bool(self._sftp.get_channel().closed)

    def inbox(self) -> Listing:
        """Entries of the inbox; directories and unfinished uploads are left out."""
        return self._list(self._rules.inbox)

    def processing(self) -> Listing:
        """Entries of the folder of claimed files; it is created when missing."""
        self._make(self._rules.processing)
        return self._list(self._rules.processing)

    def path(self, listed_as: str) -> str:
        """Where an entry lies: in the inbox, but one that was found elsewhere has its folder in its name."""
        return listed_as if "/" in listed_as else f"{self._rules.inbox}/{listed_as}"

    def claimed(self, claimed_as: str) -> str:
        """Where a claimed file lies."""
        return f"{self._rules.processing}/{claimed_as}"

    def look(self, path: str) -> Entry | None:
        """What lies at ``path``, links not followed; None when nothing does."""
        try:
            return entry_of(path, self._sftp.lstat(path))
        except FileNotFoundError:
            return None

    def claim(self, listed_as: str, claimed_as: str) -> None:
        """Rename a file into the folder of claimed files. It fails when another reader was first.

        Raises:
            FileNotFoundError: the file is gone. ClaimRefused: the server does not rename it.
        """
        path = self.path(listed_as)
        try:
            self._sftp.rename(path, self.claimed(claimed_as))
        except (FileNotFoundError, ConnectionError, TimeoutError):
            raise
        except OSError as error:
            if self.is_lost:
                raise
            raise ClaimRefused(
                f"{self._source.name}: the server does not rename {path!a} into {self._rules.processing!r}"
                f" ({type(error).__name__}: {error!s:.100}).",
                is_forbidden=isinstance(error, (PermissionError, NotSupported)),
                source=self._source.name,
            ) from error

    def read(self, path: str, expected: Entry | None = None) -> tuple[bytes, int]:
        """(content up to the size limit, size on the server); ``expected``: size and second that it must still have.

        Raises:
            PartnerContractBroken: it is no regular file any more.
            RetryableError: it changed since it was listed, or while it was read.
        """
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
        found = entry_of(path, before)
        if expected is not None and (found.size, found.modified_s) != (expected.size, expected.modified_s):
            raise self._changed(path, "since it was listed", expected.size, size)
        wanted = min(size, self._rules.size_max_bytes)
        with self._sftp.open(path, "rb") as file:
            if wanted:
                file.prefetch(wanted)
            content = file.read(wanted)
        after = self._sftp.lstat(path)
        if len(content) != wanted or after.st_size != size or after.st_mtime != before.st_mtime:
            raise self._changed(path, "while it was read", size, after.st_size)
        return content, min(size, SIZE_MAX)

    def put_away(self, claimed_as: str, *, is_refused: bool) -> None:
        """Move a claimed file to ``archive/<day>/`` or ``refused/<day>/``; the day is that of the claim."""
        self._sftp.rename(self.claimed(claimed_as), self._away(claimed_as, is_refused=is_refused))

    def is_away(self, claimed_as: str, *, is_refused: bool) -> bool:
        """Whether the file already is where ``put_away`` brings it."""
        return self.look(self._away(claimed_as, is_refused=is_refused)) is not None

    def explain(self, claimed_as: str, reason: bytes) -> None:
        """Write ``reason`` beside the place where ``put_away`` brings a refused file; what is there is left alone.

        It appears whole or not at all: written under a name that nobody reads, then renamed.

        Raises:
            OSError: the server does not let us, or has no room.
        """
        path = self._away(claimed_as, is_refused=True) + REASON_ENDING
        if self.look(path) is not None:
            return
        unfinished = f"{path}{UNFINISHED[0]}"
        with suppress(FileNotFoundError):  # what a crash left
            self._sftp.remove(unfinished)
        try:
            with self._sftp.open(unfinished, "wxb") as file:
                file.write(reason)
            self._sftp.rename(unfinished, path)
        except OSError:
            with suppress(SSHException, EOFError, OSError):  # what went wrong must be the error that is seen
                self._sftp.remove(unfinished)
            raise

    def deliver(self, name: str, content: bytes) -> None:
        """Put a file into the outbox, whole or not at all; one that is there with its size is left as it is.

        Raises:
            OSError: the server refuses. PartnerContractBroken: another file has its name.
            RetryableError: the server took other bytes than were sent.
        """
        folder = self._rules.sends_to
        if folder is None:
            raise PermissionError(f"{self._source.name} has no outbox")
        self._make(folder)
        path = f"{folder}/{name}"
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
        """(code, reason) why an entry is never touched, None when it may be claimed."""
        name = entry.name
        if len(name) > NAME_CHARS_MAX:
            return "file_name_hostile", f"its name has {len(name)} characters, at most {NAME_CHARS_MAX} are accepted"
        if (found := hostility(entry)) is not None:
            return found
        if (size := len(name.encode())) > NAME_BYTES_MAX:
            return "file_name_hostile", f"its name has {size} bytes, at most {NAME_BYTES_MAX} are accepted"
        if not fnmatchcase(name, self._rules.pattern):
            return "file_not_expected", f"its name does not match {self._rules.pattern!r}"
        return None

    def _away(self, claimed_as: str, *, is_refused: bool) -> str:
        folder = self._rules.refused if is_refused else self._rules.archive
        day = claimed_as[:8] if claimed_as[:8].isdigit() else "undated"
        self._make(folder)
        self._make(f"{folder}/{day}")
        return f"{folder}/{day}/{claimed_as}"

    def _make(self, folder: str) -> None:
        if folder in self._made:
            return
        with self._forbidden(folder, "create", f"Ask the partner for the right to create it, {IN_PLACE}."):
            try:
                self._sftp.stat(folder)
            except FileNotFoundError:
                self._create(folder)
        self._made.add(folder)

    def _create(self, folder: str) -> None:
        try:
            self._sftp.mkdir(folder)
        except OSError:
            # Another source that shares the folder may have been first.
            if self.is_lost or self.look(folder) is None:
                raise

    def _list(self, folder: str) -> Listing:
        needed = "Ask the partner for the right to list it; it needs reading and, but for `in_place`, renaming."
        try:
            with self._forbidden(folder, "list", needed):
                found = list(islice(entries(self._sftp, folder), LISTING_MAX + 1))
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self._source.name}: the server has no folder {folder!r}.",
                next_step="Create it there, or correct `files` of the source in the registry.",
                source=self._source.name,
                folder=folder,
            ) from None
        files = [
            entry
            for entry in found[:LISTING_MAX]
            if not stat.S_ISDIR(entry.mode) and not entry.name.lower().endswith(UNFINISHED)
        ]
        return Listing(sorted(files, key=lambda entry: (entry.modified_s, entry.name)), len(found) > LISTING_MAX)

    @contextmanager
    def _forbidden(self, folder: str, what: str, next_step: str) -> Iterator[None]:
        try:
            yield
        except (PermissionError, NotSupported):
            raise ConfigurationError(
                f"{self._source.name}: the server does not let us {what} {folder!r}.",
                next_step=next_step,
                source=self._source.name,
                folder=folder,
            ) from None

    def _changed(self, path: str, when: str, before: int, after: object) -> RetryableError:
        return RetryableError(
            f"{self._source.name}: {path} changed {when} ({before} to {after} bytes).",
            next_step="It stays claimed; the next poll reads it again.",
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
