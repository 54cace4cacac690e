"""Which facts a source has told before: polls overlap, so most of a quiet poll is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

    from syncline.landing.copy_text import Row

# Older receipts are not looked up: one index probe for each day would make a poll cost history. A fact that is
# landed once more is one more receipt of the same fact id; resolve reads the first (semantics §1).
LOOK_BACK = timedelta(days=8)
# A receipt in a reading that another one replaced says nothing any more.
FIND = """select distinct f.fact_id, f.received_at from raw.facts f
    where f.fact_id = any(string_to_array(%s, ',')) and f.source = %s and f.received_at between %s and %s
      and not exists (select from ops.readings r where r.document_id = f.document_id
                      and r.received_at = f.received_at and r.load_id > f.load_id)"""


def known_facts(conn: psycopg.Connection, source: str, received_at: datetime, rows: Iterable[Row]) -> set[str]:
    """Ids, of ``rows``, whose receipt now would say nothing new.

    A fact first received before its own recorded time was quarantined as future (semantics §2); its first receipt
    after that time counts, so it is not known yet.
    """
    recorded = {key: fact.recorded for key, _, _, fact in rows}
    if not recorded:
        return set()
    found = conn.execute(
        FIND, [",".join(recorded), source, received_at - LOOK_BACK, received_at + LOOK_BACK]
    ).fetchall()
    return {
        key for key, earlier in found if not is_future(recorded[key], earlier) or is_future(recorded[key], received_at)
    }


def is_future(recorded: str | None, received_at: datetime) -> bool:
    """Whether ``recorded`` is an instant after ``received_at``; a time without a zone is not judged here."""
    if recorded is None or len(recorded) < len("2026-11-02T10:00Z"):
        return False
    try:
        instant = datetime.fromisoformat(recorded)
        return instant.tzinfo is not None and instant.astimezone(UTC) > received_at
    except (ValueError, OverflowError):
        return False
