"""From the rows of a mart to the documents that they are made of, as a person who asks `syncline trace` gets them."""

from __future__ import annotations

from syncline.explain.marts import THREADS
from syncline.explain.trace import trace
from syncline.warehouse.connect import connect_dsn


def led(bi_dsn: str, mart: str) -> int:
    """How many rows of the mart there are (20 are looked at); each leads to documents, each fact to one of them."""
    key = ", ".join(f"coalesce({column}::text, '')" for column in THREADS[mart].key)
    with connect_dsn(bi_dsn) as conn:
        rows = conn.execute(f"select distinct {key} from marts.{mart} order by {key} limit 20".encode()).fetchall()
        for row in rows:
            found = trace(conn, f"{mart}:{'|'.join(row)}")
            assert found.documents, (mart, row)
            assert {fact.document_id for fact in found.facts} <= {each.document_id for each in found.documents}
    return len(rows)
