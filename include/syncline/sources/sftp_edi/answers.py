"""What a server answers to a request, as errors that can be told apart.

paramiko makes one ``OSError`` of every status but two, so that a server that forbids an operation for good looks like
one that failed; and it decodes the status text strictly, so that a text in another encoding is no ``OSError`` at all.
"""

from __future__ import annotations

from errno import EACCES, ENOENT
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramiko.message import Message

# Status codes: SSH File Transfer Protocol, version 3, section 7; 12 is version 6, which servers say in version 3 too.
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, OP_UNSUPPORTED, WRITE_PROTECT = 0, 1, 2, 3, 8, 12
TEXT_CHARS_MAX = 100


class NotSupported(OSError):
    """The server does not do this at all."""


def tell_apart(sftp: Any) -> None:
    """Let ``sftp`` (a paramiko ``SFTPClient``) raise what the functions here say for every refused request."""
    sftp._convert_status = _raise_refusal


def _raise_refusal(message: Message) -> None:
    """Nothing for an answer that says yes.

    Raises:
        FileNotFoundError, PermissionError, NotSupported, EOFError, OSError: what the status says; the text is printable
            ASCII of limited length, whatever the server wrote.
    """
    code = message.get_int()
    text = printable(message.get_binary().decode("utf-8", "replace"), TEXT_CHARS_MAX)
    if code == OK:
        return
    if code == EOF:
        raise EOFError(text)
    if code == NO_SUCH_FILE:
        raise FileNotFoundError(ENOENT, text)
    if code == PERMISSION_DENIED:
        raise PermissionError(EACCES, text)
    if code in (OP_UNSUPPORTED, WRITE_PROTECT):
        raise NotSupported(text)
    raise OSError(text)


def printable(text: str, chars_max: int) -> str:
    """``text`` as one line of ASCII that every tool can show, cut at ``chars_max``."""
    line = "".join(char if " " <= char <= "~" else ascii(char)[1:-1] for char in text[:chars_max])
    return line[:chars_max]
