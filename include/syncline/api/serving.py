"""The application as its environment configures it, made at the first request."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from syncline.clock import clock_from_env
from syncline.connections import connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from syncline.api.keys import ApiKey

CONN_ID = "syncline_api"


def configured_keys() -> Sequence[ApiKey]:
    """The keys in ``AIRFLOW_CONN_SYNCLINE_API``, as it is now."""
    from syncline.api.keys import keys_of

    return keys_of(connection(CONN_ID))


def configured_app() -> ASGIApp:
    """The API on the connections of the environment."""
    from syncline.api.app import create_app
    from syncline.api.warehouses import from_environment

    clock = clock_from_env()
    return create_app(from_environment(), configured_keys, clock.now)


class LazyApp:
    """Costs nothing where it is only declared: every process of Airflow loads the plugin, one answers requests."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._lock:
            self._app = self._app or configured_app()
        await self._app(scope, receive, send)
