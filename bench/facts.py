"""Fill a warehouse with a history of N facts by COPY, in the shape the sources land, and add micro-batches to it.

    python -m bench.facts --dsn postgresql://owner@host/db --facts 1000000 --seed 1
    python -m bench.facts --dsn postgresql://owner@host/db --batch 10000 --seed 2      # after a build

The network is the demo's (hybrid DC1, API-only DC2, EDI-only DC3) with more items; the same arguments give the same
rows. Documents hold a marker instead of the page: nothing after landing reads them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg

from bench.network import configuration, sku
from bench.stories import COLUMNS, MEASURES, Chunk, Partner, Stock, Warehouse, opening_stock
from syncline.config import apply
from syncline.errors import ConfigurationError
from syncline.resolve import open_batch
from syncline.warehouse.connect import connect_dsn

START = datetime(2026, 11, 2, tzinfo=UTC)
DAY_MS = 86_400_000
LOAD_EVERY_MS = 900_000
EDI_CUT_MS = 23 * 3_600_000
DAYS = 7
FACTS_PER_ITEM = 250
HOT_ITEMS = 400
WRONG_EVERY = 1_000
FACTS_PER_EVENT = (6, 5)  # at least; only spreads the events over the day, the number of facts is exact
DC1, DC2, ACME, BETA = range(1, 5)
COPY_FACTS = f"copy raw.facts ({COLUMNS}) from stdin"
COPY_DOCUMENTS = """copy raw.documents (document_id, load_id, source, feed, name, content, sha256, size_bytes,
    received_at, status) from stdin"""
COPY_LOADS = "copy raw.loads (load_id, source, feed, received_at, documents, facts) from stdin"


def history(conn: psycopg.Connection, facts: int, seed: int = 1, items: int | None = None, days: int = DAYS) -> int:
    """Configuration and exactly ``facts`` facts over ``days`` days into an empty, migrated database; the batch's id.

    Args:
        conn: autocommit connection of the owner.
        items: SKUs; by default one for FACTS_PER_ITEM facts, so that more history means more keys, not longer ones.
    """
    items = items or max(HOT_ITEMS, facts // FACTS_PER_ITEM)
    fixed = items * len(MEASURES) * (2 + 2 * days)
    if facts <= fixed:
        raise ConfigurationError(
            f"{facts} facts are too few for {items} items over {days} days.",
            next_step=f"Ask for more than {fixed}, or for fewer items or days.",
        )
    apply(conn, configuration(items), START, "bench")
    for part in _days(facts - fixed, seed, items, days):
        _write(conn, part)
    _show_targets(conn, items)
    for table in ("raw.facts", "raw.loads", "ops.target_readings"):
        conn.execute(f"vacuum analyze {table}")
    batch = open_batch(conn, START + timedelta(days=days + 1))
    assert batch is not None
    return batch.batch_id


def _days(movements: int, seed: int, items: int, days: int) -> Iterator[list[Chunk]]:
    """The loads of one day after the other."""
    start_ms = int(START.timestamp()) * 1000
    every = range(items)
    sites = [
        Warehouse(DC1, "dc1_wms", "DC1", every, opening_stock(items), seed),
        Warehouse(DC2, "dc2_wms", "DC2", every, opening_stock(items), seed + 1),
    ]
    acme = Partner(ACME, "acme_3pl", "ACM-CHI", -6, items, sites[0].stock)
    beta = Partner(BETA, "beta_3pl", "BETA-NJ2", -5, items, opening_stock(items))
    yield [site.openings(start_ms) for site in sites]
    for day in range(days):
        day_ms = start_ms + 60_000 + day * DAY_MS
        cut_ms, end_ms = day_ms + EDI_CUT_MS, day_ms + DAY_MS - 120_000
        today = movements * (day + 1) // days - movements * day // days
        before = today * EDI_CUT_MS // DAY_MS
        loads = _hours(sites, day_ms, cut_ms, before)
        beta.stock[0][:] = [max(0, units + (number + day) % 7 - 3) for number, units in enumerate(beta.stock[0])]
        loads += [
            partner.advice(cut_ms, cut_ms + 300_000, wrong) for partner, wrong in ((acme, WRONG_EVERY), (beta, 0))
        ]
        yield loads + _hours(sites, cut_ms, end_ms, today - before)


def _hours(sites: list[Warehouse], begin_ms: int, end_ms: int, facts: int) -> list[Chunk]:
    loads: list[Chunk] = []
    for number, site in enumerate(sites):
        share = (facts + number) // 2
        step_ms = max(1, (end_ms - begin_ms) * FACTS_PER_EVENT[0] // (FACTS_PER_EVENT[1] * max(1, share)))
        loads += site.day(begin_ms, step_ms, share, LOAD_EVERY_MS)
    return loads


def micro_batch(conn: psycopg.Connection, facts: int = 10_000, seed: int = 2) -> int:
    """Land ``facts`` new facts of the first HOT_ITEMS items at both WMS sites, after everything landed; the loads.

    Half of the facts each; they touch the same keys whatever the size of the history. Resolve what came before first:
    counts take the numbers of ``canonical.balances``.
    """
    row = conn.execute("select max(received_at), (select count(*) from ops.current_items) from raw.loads").fetchone()
    if row is None or row[0] is None:
        raise ConfigurationError("No history is there.", next_step="Run with --facts first.")
    begin_ms = (int(row[0].timestamp()) // 60 + 1) * 60_000
    items = min(HOT_ITEMS, row[1])
    stock = _resolved_stock(conn, items)
    chunks: list[Chunk] = []
    for number, (source_no, source, site) in enumerate(((DC1, "dc1_wms", "DC1"), (DC2, "dc2_wms", "DC2"))):
        warehouse = Warehouse(source_no, source, site, range(items), stock[site], seed + number)
        chunks += warehouse.day(begin_ms, 4, (facts + number) // 2, 60_000)
    _write(conn, chunks)
    return len(chunks)


def _resolved_stock(conn: psycopg.Connection, items: int) -> dict[str, Stock]:
    stock = {site: opening_stock(items) for site in ("DC1", "DC2")}
    numbers = {sku(item): item for item in range(items)}
    rows = conn.execute(
        "select item, location, measure, quantity from canonical.balances where location in ('DC1', 'DC2')"
        " and item = any(%s)",
        [list(numbers)],
    )
    for item, location, measure, quantity in rows:
        stock[location][MEASURES.index(measure)][numbers[item]] = quantity
    return stock


def _write(conn: psycopg.Connection, chunks: Iterable[Chunk]) -> None:
    """All ``chunks`` in the order of their receipt, each as one closed load, in one transaction."""
    ordered = sorted((chunk for chunk in chunks if chunk.rows), key=lambda chunk: (chunk.received_ms, chunk.source))
    times = [datetime.fromtimestamp(chunk.received_ms / 1000, UTC) for chunk in ordered]
    for day in sorted({received.date() for received in times}):
        conn.execute("select raw.ensure_partitions(%s)", [day])
    numbers = [
        row[0] for row in conn.execute("select nextval('raw.load_id_seq') from generate_series(1, %s)", [len(ordered)])
    ]
    documents: list[tuple[object, ...]] = []
    loads: list[tuple[object, ...]] = []
    with conn.transaction(), conn.cursor() as cursor:
        with cursor.copy(COPY_FACTS) as stream:
            for load_id, received, chunk in zip(numbers, times, ordered, strict=True):
                text, pages = chunk.text(load_id)
                stream.write(text)
                loads.append((load_id, chunk.source, chunk.feed, received, len(pages), len(chunk.rows)))
                documents += [
                    (page, load_id, chunk.source, chunk.feed, f"bench {page}", b"bench", page, 5, received, "accepted")
                    for page in pages
                ]
        for statement, rows in ((COPY_DOCUMENTS, documents), (COPY_LOADS, loads)):
            with cursor.copy(statement) as stream:
                for row in rows:
                    stream.write_row(row)


def _show_targets(conn: psycopg.Connection, items: int) -> None:
    """One reading of every key in both targets, so that every key can become a correction."""
    conn.execute(
        """
        insert into ops.target_readings (target, item, location, reading_no, quantity, version, read_at)
        select target, i.item, location, 1, 0, '1', %s::timestamptz
        from ops.current_items i, unnest(array['erp', 'shop']) target, unnest(array['DC1', 'DC2', 'DC3']) location
        """,
        [START],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", required=True, help="owner's DSN of a migrated database (make one: bench.warehouse)")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--facts", type=int, help="a history of so many facts, into an empty database")
    what.add_argument("--batch", type=int, help="so many new facts on top, as closed loads nobody has resolved")
    parser.add_argument("--items", type=int, help="SKUs of the history (default: facts / 250)")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.perf_counter()
    with connect_dsn(given.dsn, name="bench") as conn:
        if given.facts:
            batch_id = history(conn, given.facts, given.seed, given.items, given.days)
            print(f"batch {batch_id} is open", file=sys.stderr)
        else:
            print(f"{micro_batch(conn, given.batch, given.seed)} loads closed", file=sys.stderr)
    print(f"{given.facts or given.batch} facts in {time.perf_counter() - started:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
