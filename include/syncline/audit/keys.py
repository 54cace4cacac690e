"""Ed25519 keys that sign seals: from the connection ``audit_key`` or a file of the installation."""

from __future__ import annotations

import base64
import os
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from syncline.errors import ConfigurationError

CONNECTION = "audit_key"
SEED_BYTES = 32


class Signer:
    """A private key; it is in no ``repr`` and leaves this class only as signatures."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public)

    def sign(self, statement: bytes) -> bytes:
        return self._key.sign(statement)


def key_id(public: bytes) -> str:
    """Name of a public key: the beginning of its hash."""
    return sha256(public).hexdigest()[:16]


def is_signed(public: bytes, statement: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def signer(home: Path, password: str | None) -> Signer:
    """The key of connection ``audit_key`` (``password``: 32 bytes in base64), else that of the installation.

    An installation without one makes it at the first seal: ``audit/ed25519.seed`` under its home, for its owner alone.

    Raises:
        ConfigurationError: what the connection or the file holds is no key; it is not printed.
    """
    if password:
        return _read(password, f"connection {CONNECTION!r}")
    path = home / "audit" / "ed25519.seed"
    if not path.exists():
        _make(path)
    return _read(path.read_text(encoding="ascii"), str(path))


def _read(text: str, where: str) -> Signer:
    try:
        seed = base64.b64decode(text.strip(), validate=True)
        if len(seed) != SEED_BYTES:
            raise ValueError
    except ValueError:
        raise ConfigurationError(
            f"The audit key in {where} is not {SEED_BYTES} bytes in base64.",
            next_step="Make one with: openssl rand -base64 32",
        ) from None
    return Signer(seed)


def _make(path: Path) -> None:
    """Written aside and linked: two who begin at once get one key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(base64.b64encode(os.urandom(SEED_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
