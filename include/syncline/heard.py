"""What a partner answered, kept as evidence: an excerpt, without what was sent to prove who we are.

Whoever stores an answer opens an ear around the call; whoever makes calls speaks into it, however many layers of an
adapter are between the two. Without an ear nothing is kept.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

EXCERPT_MAX = 2000
SECRET_MIN = 4  # shorter pieces of a header are words like "Basic"
REDACTED = "[redacted]"
# Headers that any client sends: their values are no secrets, and redacting them would blank half an answer.
PLAIN_HEADERS = frozenset(
    ("accept", "accept-encoding", "connection", "content-length", "content-type", "host", "prefer", "user-agent")
)
_NAMED = re.compile(
    r"""(?ix) (["']? [\w-]* (?:token|secret|passw(?:or)?d|api[_-]?key|authorization|cookie|session[_-]?id|signature)
    [\w-]* ["']? \s* [:=] \s* (?:(?:bearer|basic|digest)\s+)?) ("[^"]*"? | '[^']*'? | [^\s,;&<>"']+)"""
)


@dataclass
class Ear:
    """``text``: the last answer, at most ``EXCERPT_MAX`` characters; empty when nothing came."""

    text: str = ""


_open: ContextVar[Ear | None] = ContextVar("syncline_ear", default=None)


@contextmanager
def listening() -> Iterator[Ear]:
    """Keep the last answer of the calls inside, of this thread."""
    ear = Ear()
    token = _open.set(ear)
    try:
        yield ear
    finally:
        _open.reset(token)


def hear(content: bytes, sent: Mapping[str, str]) -> None:
    """Keep ``content`` for who listens. ``sent``: headers of the request, whose values may come back in it."""
    ear = _open.get()
    if ear is not None:
        # Cut behind the redaction: half a secret at the end would not be known as one.
        text = content[: 8 * EXCERPT_MAX].decode("utf-8", "replace").replace("\x00", "")
        ear.text = redacted(text, _secrets(sent))[:EXCERPT_MAX]


def redacted(text: str, secrets: Iterable[str]) -> str:
    """``text`` without ``secrets``, and without the values of what is called like one."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= SECRET_MIN:
            text = text.replace(secret, REDACTED)
    return _NAMED.sub(rf"\g<1>{REDACTED}", text)


def _secrets(sent: Mapping[str, str]) -> Iterator[str]:
    for name, value in sent.items():
        if name.lower() not in PLAIN_HEADERS:
            plain = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            yield plain
            yield plain.partition(" ")[2]
