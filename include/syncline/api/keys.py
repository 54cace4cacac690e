"""API keys: each with a name and scopes, known by the hash of its text, which is shown once and stored nowhere."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncline.connections import Connection

SCOPES = {
    "exceptions:read": "list and show exceptions",
    "exceptions:work": "take, assign, comment, snooze, reopen, ask a partner",
    "exceptions:decide": "accept, correct, write off",
}
PREFIX = "syncline_"
HASH = re.compile(r"sha256:[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
KEY_MAX = 200


@dataclass(frozen=True)
class ApiKey:
    """Who calls, and what they may do. The text of a key has 256 random bits, so a plain hash keeps it."""

    name: str
    hash: str
    scopes: frozenset[str]
    expires_at: datetime | None = None


def new_key() -> tuple[str, str]:
    """(text for the caller, hash for the connection)."""
    text = PREFIX + secrets.token_urlsafe(32)
    return text, hashed(text)


def hashed(text: str) -> str:
    """What is stored of a key."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def recognised(keys: Iterable[ApiKey], text: str, now: datetime) -> ApiKey | None:
    """The key that ``text`` is and that has not expired. Every key is compared, each in constant time."""
    found: ApiKey | None = None
    told = hashed(text[:KEY_MAX])
    for key in keys:
        is_it = hmac.compare_digest(told, key.hash)
        if is_it and (key.expires_at is None or now < key.expires_at):
            found = key
    return found


def keys_of(connection: Connection) -> list[ApiKey]:
    """The keys that the extra ``keys`` of a connection declares.

    Raises:
        ConfigurationError: one is not as it must be, or two share a name or hash; names it, never its hash.
    """
    said = connection.extra.get("keys", [])
    if not isinstance(said, list):
        raise _wrong(connection, "keys", "is no list")
    keys = [_key(connection, number, each) for number, each in enumerate(said, 1)]
    for what in ("name", "hash"):
        values = [getattr(key, what) for key in keys]
        if len(set(values)) != len(values):
            raise _wrong(connection, "keys", f"has one {what} twice")
    return keys


def _key(connection: Connection, number: int, said: Any) -> ApiKey:
    place = f"key {number}"
    if not isinstance(said, dict) or not set(said) <= {"name", "hash", "scopes", "expires_at"}:
        raise _wrong(connection, place, "is no object of name, hash, scopes and expires_at")
    name, digest, scopes = said.get("name"), said.get("hash"), said.get("scopes")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise _wrong(connection, place, "has no name of up to 40 letters, digits, dots, dashes")
    if not isinstance(digest, str) or not HASH.fullmatch(digest):
        raise _wrong(connection, place, "has no hash as `syncline api key` prints it")
    if not isinstance(scopes, list) or not scopes or not set(map(str, scopes)) <= set(SCOPES):
        raise _wrong(connection, place, f"has other scopes than {', '.join(SCOPES)}")
    return ApiKey(name, digest, frozenset(scopes), _expiry(connection, place, said.get("expires_at")))


def _expiry(connection: Connection, place: str, said: Any) -> datetime | None:
    if said is None:
        return None
    try:
        expires_at = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        expires_at = None
    if expires_at is None or expires_at.tzinfo is None:
        raise _wrong(connection, place, "has an expires_at that is no instant with a zone")
    return expires_at


def _wrong(connection: Connection, place: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"Connection {connection.conn_id!r}: {place} {what}.",
        next_step="Make keys with `syncline api key` and put what it prints into the connection.",
    )


def declared(name: str, digest: str, scopes: Sequence[str]) -> dict[str, Any]:
    """A key as the connection's extra holds it."""
    return {"name": name, "hash": digest, "scopes": list(scopes)}
