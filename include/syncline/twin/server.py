"""Run the whole twin: world, HTTP, SFTP and the ERP's jobs, in one process and one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
import uvicorn

from syncline.errors import WarehouseUnavailable
from syncline.twin import env_file, sftp_server
from syncline.twin.erp_books import ErpBooks
from syncline.twin.erp_jobs import ErpJobs
from syncline.twin.http_app import build
from syncline.twin.partner_files import PartnerFiles
from syncline.twin.serving import Serving
from syncline.twin.truth_api import seen_of, truth_of
from syncline.twin.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from syncline.clock import Clock
    from syncline.twin.faults import Faults
    from syncline.twin.schedule import Day

TICK_REAL_S = 0.05


def _is_news(record: logging.LogRecord) -> bool:
    """uvicorn reports every connection that a fault closed on purpose; everything else it says is kept."""
    return (
        "without completing response" not in record.getMessage()
        and "without starting response" not in record.getMessage()
    )


logging.getLogger("uvicorn.error").addFilter(_is_news)


@dataclass(frozen=True)
class Settings:
    """How to serve a day. ``files`` is the folder below which each partner gets its root; ports 0 mean any free one."""

    dsn: str
    day: Day
    faults: Faults
    clock: Clock
    files: Path
    port: int = 0
    sftp_port: int = 0


@dataclass
class Twin:
    """A running twin. ``env`` is what ``env_file.write_env`` should write for the other processes."""

    serving: Serving
    port: int
    sftp_port: int
    env: dict[str, str] = field(repr=False)
    simulation: asyncio.Task[None] = field(repr=False)  # ends only by breaking

    def truth(self) -> str:
        """The truth as JSON, for a score after the twin is gone."""
        return json.dumps(truth_of(self.serving, seen_of(self.serving, self.serving.now_ms())))


class _Http(uvicorn.Server):
    """Signals belong to whoever runs the twin."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Twin]:
    """Start everything, yield the twin, stop everything."""
    world = World(settings.day, settings.faults)
    erp = ErpBooks(settings.dsn)
    try:
        await asyncio.to_thread(erp.open, world.erp_opening, settings.day.start_ms)
    except psycopg.Error as error:
        raise WarehouseUnavailable(
            f"The ERP's books cannot be opened in Postgres ({type(error).__name__}).",
            next_step="Start Postgres and give the twin a DSN whose user may create a schema.",
        ) from error
    accounts = []
    for partner in world.day.network.partners:
        root = settings.files / partner.source
        PartnerFiles(partner, world, root).start()
        accounts.append(sftp_server.make_account(partner.source, root))
    names = [f"{location.lower()}_wms" for location in world.books.logs] + ["erp", "shop", "twin"]
    serving = Serving(world, settings.clock, erp, {name: secrets.token_urlsafe(24) for name in names})
    jobs = ErpJobs(settings.dsn, erp, settings.faults, world.count, settings.day.stream("erp jobs"), serving.now_ms)
    listener = socket.create_server((env_file.HOST, settings.port))
    drop = await sftp_server.listen(accounts, settings.sftp_port)
    http = _Http(
        uvicorn.Config(build(serving), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=3)
    )
    answering, simulation = asyncio.create_task(http.serve([listener])), asyncio.create_task(_tick(serving))
    erp.rival = jobs.collide
    jobs.start()
    try:
        while not http.started:
            await asyncio.sleep(0.01)
        port = listener.getsockname()[1]
        env = {
            f"AIRFLOW_CONN_{name.upper()}": env_file.http_connection(port, token)
            for name, token in serving.tokens.items()
        }
        env |= {f"AIRFLOW_CONN_{each.user.upper()}": env_file.sftp_connection(each, drop) for each in accounts}
        env["SYNCLINE_CLOCK"] = settings.clock.spec()
        yield Twin(serving, port, drop.port, env, simulation)
    finally:
        http.should_exit = True
        simulation.cancel()
        outcomes = await asyncio.gather(answering, simulation, return_exceptions=True)
        await drop.close()
        await asyncio.to_thread(jobs.stop)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _tick(serving: Serving) -> None:
    """Let virtual time flow also when nobody asks."""
    while True:
        serving.advance()
        await asyncio.sleep(TICK_REAL_S)
