"""Serve a stand-in on loopback, in a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

HOST = "127.0.0.1"
STARTS_WITHIN_S = 10.0


@contextmanager
def served(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """The base URL of ``app`` while it is served; ``port`` 0: any free one."""
    listener = socket.create_server((HOST, port))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=3)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="vendor stand-in", daemon=True)
    thread.start()
    try:
        ends_s = time.monotonic() + STARTS_WITHIN_S
        while not server.started:
            if time.monotonic() > ends_s or not thread.is_alive():
                raise TimeoutError(f"the stand-in did not start within {STARTS_WITHIN_S:g} s")
            time.sleep(0.01)
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(STARTS_WITHIN_S)
        listener.close()
