"""Connections by Airflow's own convention, without importing Airflow.

``AIRFLOW_CONN_<ID>`` holds JSON or a URI. Inside Airflow the plugins resolve the same ids through Airflow (and
so through any secrets backend) and hand the result in; nothing else in this package reads credentials.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from syncline.errors import ConfigurationError, ConnectionUndefined


@dataclass(frozen=True)
class Connection:
    """One endpoint. ``password`` never appears in ``repr``."""

    conn_id: str
    conn_type: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def postgres_dsn(self, driver: str = "") -> str:
        """``postgresql://`` URL (``driver`` e.g. ``+psycopg2`` for SQLAlchemy)."""
        port = f":{self.port}" if self.port else ""
        return (
            f"postgresql{driver}://{quote(self.login, safe='')}:{quote(self.password, safe='')}"
            f"@{self.host}{port}/{self.schema}"
        )

    def base_url(self) -> str:
        """``scheme://host:port`` of an HTTP connection."""
        has_scheme = self.host.startswith(("http://", "https://"))
        root = self.host if has_scheme else f"{self.schema or 'http'}://{self.host}"
        return f"{root}:{self.port}" if self.port else root


def connection(conn_id: str) -> Connection:
    """The connection in ``AIRFLOW_CONN_<CONN_ID>``.

    Raises:
        ConfigurationError: the variable is missing or unreadable (the value is never printed).
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    text = os.environ.get(variable)
    if not text:
        raise ConnectionUndefined(
            f"Connection {conn_id!r} is not defined.", next_step=f"Set {variable} (JSON or URI).", conn_id=conn_id
        )
    try:
        return _from_json(conn_id, text) if text.lstrip().startswith("{") else _from_uri(conn_id, text)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"Connection {conn_id!r} in {variable} cannot be read ({type(error).__name__}).",
            next_step="Write JSON with conn_type, host, port, login, password, schema, extra; or a URI.",
            conn_id=conn_id,
        ) from None


def _from_json(conn_id: str, text: str) -> Connection:
    value = json.loads(text)
    extra = value.get("extra") or {}
    return Connection(
        conn_id=conn_id,
        conn_type=value.get("conn_type", ""),
        host=value.get("host") or "",
        port=int(value["port"]) if value.get("port") else None,
        login=value.get("login") or "",
        password=value.get("password") or "",
        schema=value.get("schema") or "",
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _from_uri(conn_id: str, text: str) -> Connection:
    parts = urlsplit(text)
    return Connection(
        conn_id=conn_id,
        conn_type=parts.scheme,
        host=unquote(parts.hostname or ""),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=parts.path.lstrip("/"),
        extra=dict(parse_qsl(parts.query)),
    )
