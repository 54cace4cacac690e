"""Passwords and keys of this installation: generated once, kept in ``credentials.json`` (0600) of the state home."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from syncline.connections import connection
from syncline.errors import ConfigurationError
from syncline.warehouse.roles import ROLES

ADMIN = "admin"


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Credentials:
    """All of them are secrets; ``repr`` shows none."""

    roles: dict[str, str] = field(default_factory=lambda: {role: _password() for role in ROLES}, repr=False)
    airflow_database: str = field(default_factory=_password, repr=False)
    airflow_admin: str = field(default_factory=_password, repr=False)
    # Airflow warns below 64 bytes; all its components must share these three.
    jwt_secret: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    api_secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    fernet_key: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(), repr=False
    )


def load_or_create(home: Path) -> Credentials:
    """Read ``home/credentials.json``, or generate it.

    Raises:
        ConfigurationError: the file is there but cannot be read; it is never overwritten.
    """
    path = home / "credentials.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Credentials(**{known.name: value[known.name] for known in fields(Credentials)})
    except FileNotFoundError:
        credentials = Credentials()
        write_private(path, json.dumps(asdict(credentials), indent=1))
        return credentials
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ConfigurationError(
            f"{path} cannot be read ({type(error).__name__}).",
            next_step="Restore it, or delete the state folder and run `syncline setup`.",
        ) from None


def with_environment(credentials: Credentials) -> Credentials:
    """Passwords the caller gives win: those of ``AIRFLOW_CONN_WAREHOUSE_<ROLE>`` and SYNCLINE_AIRFLOW_DB_PASSWORD."""
    given = {
        role: connection(f"warehouse_{role}").password
        for role in ROLES
        if os.environ.get(f"AIRFLOW_CONN_WAREHOUSE_{role.upper()}")
    }
    airflow = os.environ.get("SYNCLINE_AIRFLOW_DB_PASSWORD") or credentials.airflow_database
    return replace(credentials, roles={**credentials.roles, **given}, airflow_database=airflow)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
