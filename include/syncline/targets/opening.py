"""What is asked before an adapter opens: where its secrets go, and whether the entry means what the adapter does."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncline.errors import ConfigurationError
from syncline.targets.options import needed

if TYPE_CHECKING:
    from syncline.connections import Connection
    from syncline.registry import Target

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def https_url(target: Target, connection: Connection, part: str = "host") -> str:
    """Base URL that secrets are sent to, of the connection or of ``extra.<name>``: https, or this machine.

    Raises:
        ConfigurationError: none, or secrets would go over plain http.
    """
    text = needed(target, connection, part)
    url = connection.base_url() if part == "host" else text
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)):
        return url
    raise ConfigurationError(
        f"Target {target.name}: connection {connection.conn_id!r} has no https address in {part}.",
        next_step=f"Write an address that begins with https:// into {part}, or `https` into schema.",
        target=target.name,
        conn_id=connection.conn_id,
    )


def header_text(target: Target, connection: Connection, part: str) -> str:
    """A part of the connection that is sent in a header. Raises ConfigurationError when it cannot be."""
    text = needed(target, connection, part)
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    raise ConfigurationError(
        f"Target {target.name}: {part} of connection {connection.conn_id!r} is no text that a header can hold.",
        next_step="Copy it again, without spaces and line ends.",
        target=target.name,
        conn_id=connection.conn_id,
    )


def checked_style(target: Target, writes: str) -> None:
    """The entry's ``style`` is how the adapter writes. Raises ConfigurationError when it is not."""
    if target.style != writes:
        raise ConfigurationError(
            f"Target {target.name}: style is {target.style!r} where its adapter writes by {writes}.",
            next_step=f"Write `style: {writes}`, or choose another way to write in `options` if {target.kind} has one.",
            target=target.name,
        )
