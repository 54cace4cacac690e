"""What the tests run and compare: pull a loopback WMS, resolve, and everything that came of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from tests.breaking.breakable import Breakable
from tests.sources.wms_api.loopback_wms import DAY, WmsServer, event

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.connections import Connection
from syncline.home import project_root
from syncline.registry import Source
from syncline.resolve.hashes import derived_hashes
from syncline.sources import wms_api
from syncline.warehouse.connect import connect_dsn

NOW = DAY + timedelta(hours=12)
SOURCE = Source(name="dc1_wms", kind="wms_api", site="DC1", timeout_s=10, retries=0, page_limit=100)
RAW = {
    "facts": "select fact_id, received_at, position, document_id, fault_code from raw.facts",
    "documents": "select document_id, name, sha256, status, received_at from raw.documents",
    "loads": "select source, feed, received_at, documents, facts from raw.loads",
    "cursor": "select source, cursor, polled_at from ops.source_cursors",
    "exceptions": "select rule, subject, state, detail from ops.exceptions",
}
RESOLVED = {
    "batches": "select batch_id, as_of, state from ops.batches",
    "candidates": "select * from canonical.candidate_corrections",
    "outbox": "select * from ops.outbox",
}


def day(count: int, first: int = 0) -> list[dict[str, Any]]:
    """``count`` events over a few items: an opening count for each item, then receipts."""
    found = []
    for number in range(first, first + count):
        line: dict[str, Any] = {"line": 1, "sku": f"SKU-{number % 20 + 1:04d}", "uom": "EA"}
        if number < 20:
            line |= {"counted": 100 + number, "measure": "on_hand"}
            more = {"kind": "inventory.adjusted", "mode": "count"}
        else:
            line |= {"quantity": 1 + number % 7, "condition": "good", "reason": "purchase"}
            more = {"kind": "inventory.received"}
        found.append(event(number, minute=number / 20, lines=[line], **more))
    return found


def configure(server: Breakable, database: str) -> None:
    with connect_dsn(server.dsn("owner", database)) as owner:
        apply(owner, read_folder(project_root() / "dbt_project" / "seeds"), NOW, "test")


def pull(server: Breakable, database: str, wms: WmsServer, now: Any = NOW) -> Any:
    """As the task ``ingest_dc1_wms.pull`` does: new connections each time."""
    partner = Connection("dc1_wms", "http", "127.0.0.1", wms.port, password="token")
    with (
        connect_dsn(server.dsn("loader", database), name="loader") as loader,
        wms_api.open_client(partner, SOURCE) as client,
    ):
        return wms_api.pull(loader, client, SOURCE, now)


def resolve_once(server: Breakable, database: str, target: Path, now: Any = NOW) -> None:
    """As the tasks ``open_batch`` and ``build`` do."""
    dsn = server.dsn("transformer", database)
    with connect_dsn(dsn, name="transformer") as transformer:
        batch = resolve.open_batch(transformer, now)
    assert batch is not None
    with connect_dsn(dsn, name="transformer") as transformer:
        resolve.build(transformer, dsn, batch.batch_id, target)


def release_batch(server: Breakable, database: str) -> None:
    """The batch counts as released, so that the next one can be opened."""
    with connect_dsn(server.dsn("owner", database)) as owner:
        owner.execute("update ops.batches set state = 'released'")


def state(server: Breakable, database: str, queries: dict[str, str]) -> dict[str, list[str]]:
    """Rows of each query, in an order of their own."""
    with connect_dsn(server.dsn("owner", database)) as owner:
        return {name: sorted(map(repr, rows(owner, query))) for name, query in queries.items()}


def rows(conn: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return conn.execute(query).fetchall()


def hashes(server: Breakable, database: str) -> dict[str, str]:
    with connect_dsn(server.dsn("owner", database)) as owner:
        return derived_hashes(owner)
