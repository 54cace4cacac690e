"""A folder's entries as a server sends them: names are bytes, and how many there are is the server's word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR, SFTPError
from paramiko.ssh_exception import SSHException

if TYPE_CHECKING:
    from paramiko.message import Message

# Attributes of an entry: SSH File Transfer Protocol, version 3, section 5.
HAS_SIZE, HAS_OWNER, HAS_MODE, HAS_TIMES, HAS_EXTENSIONS = 1, 2, 4, 8, 0x80000000
EXTENSIONS_MAX = 100
SIZE_MAX = 2**63 - 1  # a server may say more, a table cannot hold it
TIME_MAX_S = 4_102_444_800  # the year 2100: what comes later no tool can hold


class Entry(NamedTuple):
    """One entry of a listing. ``modified_s`` is in the server's clock, inside 1970 to 2100.

    Bytes of the name that are no UTF-8 are lone surrogates in ``name``.
    """

    name: str
    size: int
    modified_s: int
    mode: int


def entries(sftp: Any, folder: str) -> Iterator[Entry]:
    """Entries of ``folder`` as they come; stop asking whenever there are enough.

    paramiko's own listings decode each name strictly, so that one odd name would hide all the others, and keep
    whatever a server sends, without an end. Its two calls below are the ones these listings are made of.

    Raises:
        OSError: the folder cannot be opened. SFTPError: the answer is no listing.
    """
    kind, message = sftp._request(CMD_OPENDIR, sftp._adjust_cwd(folder))
    if kind != CMD_HANDLE:
        raise SFTPError(f"an answer of type {kind} where a folder's handle was due")
    handle = message.get_binary()
    try:
        while True:
            try:
                kind, message = sftp._request(CMD_READDIR, handle)
            except EOFError:  # the end of the list; a lost connection is an SSHException
                return
            count = message.get_int() if kind == CMD_NAME else 0
            if not count:
                raise SFTPError(f"an answer of type {kind} with no names in a listing")
            end = len(message.asbytes())
            for _ in range(count):
                if message.packet.tell() >= end:
                    raise SFTPError("fewer names in a listing than it says")
                yield _entry(message)
    finally:
        # A server that is gone has nothing to close, and what ended the listing must be the error that is seen.
        with suppress(SSHException, EOFError, OSError):
            sftp._async_request(type(None), CMD_CLOSE, handle)


def _entry(message: Message) -> Entry:
    name = message.get_binary().decode("utf-8", "surrogateescape")
    message.get_binary()  # the same for people to read
    flags = message.get_int()
    size = message.get_int64() if flags & HAS_SIZE else 0
    if flags & HAS_OWNER:
        message.get_int64()
    mode = message.get_int() if flags & HAS_MODE else 0
    modified_s = message.get_int64() & 0xFFFFFFFF if flags & HAS_TIMES else 0
    if flags & HAS_EXTENSIONS:
        extensions = message.get_int()
        if extensions > EXTENSIONS_MAX:
            raise SFTPError(f"an entry with {extensions} extensions in a listing")
        for _ in range(2 * extensions):
            message.get_binary()
    return Entry(name, min(size, SIZE_MAX), min(modified_s, TIME_MAX_S), mode)


def entry_of(name: str, found: Any) -> Entry:
    """An entry of paramiko's ``SFTPAttributes`` of one file, as a listing would tell it."""
    size, modified_s = int(found.st_size or 0), int(found.st_mtime or 0)
    return Entry(name, min(size, SIZE_MAX), min(modified_s, TIME_MAX_S), int(found.st_mode or 0))
