"""Every query of the pages runs, as the reader who has only ``syncline_bi``, on a warehouse after its first batch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.warehouse.connect import connect_dsn

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_every_query_runs(
    warehouse: psycopg.Connection,
    warehouse_dsn: Callable[[str], str],
    pages: list[Path],
    fences: Callable[[Path, str], list[str]],
    tmp_path: Path,
) -> None:
    apply(warehouse, read_folder(ROOT / "dbt_project" / "seeds"), NOW, "test")
    warehouse.execute("insert into raw.loads values (1, 'dc1_wms', 'api', %s, %s, 0, 0)", (NOW, NOW))
    dsn = warehouse_dsn("transformer")
    with connect_dsn(dsn) as transformer:
        batch = resolve.open_batch(transformer, NOW)
        assert batch is not None
        resolve.build(transformer, dsn, batch.batch_id, tmp_path)
    resolve.build_marts(dsn, tmp_path)
    queries = [
        (page.name, query)
        for page in pages
        for body in fences(page, "sql")
        for query in body.split(";")
        if query.strip()
    ]
    assert len(queries) >= 15
    failed = []
    with connect_dsn(warehouse_dsn("bi")) as reader:
        for place, query in queries:
            try:
                reader.execute(query.encode())
            except psycopg.Error as error:
                failed.append(f"{place}: {error}\n{query}")
    assert failed == []
