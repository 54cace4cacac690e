"""One number of the past, beside what was published of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.explain.facts import Told, facts
from syncline.explain.keys import StockKey
from syncline.history.derive import Unsettled, cut_at, derive, number
from syncline.history.knowledge import Knowledge, latest
from syncline.history.published import Published, is_recorded, published
from syncline.history.snapshot import snapshot

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Answer:
    """``number`` None: no fact made the key then. ``as_of`` None: the end of what was known.

    ``computed``: by the models from what ``knowledge`` had, before any cut; ``was_published``: what its release
    recorded; both None where it was read, not computed. They differ only by a defect.
    """

    key: StockKey
    knowledge: Knowledge
    as_of: datetime | None
    number: Published | None
    base: Told | None
    unsettled: Unsettled | None = None
    computed: Published | None = None
    was_published: Published | None = None
    is_compared: bool = False

    @property
    def differs(self) -> bool:
        """Whether what was published is not what the models make of what was known."""
        return self.is_compared and self.computed != self.was_published

    def as_json(self) -> dict[str, Any]:
        """Stable shape: instants in UTC, quantities in base units."""
        known = self.knowledge
        return {
            **asdict(self.key),
            "as_of": self.as_of and _utc(self.as_of),
            "known_at": {
                "batch_id": known.batch_id,
                "published_at": _utc(known.published_at),
                "config_version": known.config_version,
            },
            "balance": asdict(self.number) | {"base": self.base and self.base.as_json()} if self.number else None,
            "unsettled": asdict(self.unsettled) if self.unsettled is not None else None,
            "computed": asdict(self.computed) if self.computed else None,
            "published": asdict(self.was_published) if self.was_published else None,
            "is_compared": self.is_compared,
            "differs": self.differs,
        }


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()


def ask_today(conn: psycopg.Connection, key: StockKey) -> Answer:
    """The canonical row as it stands."""
    found = number(conn, key)
    named = facts(conn, [found.base_fact] if found else [])
    return Answer(key, latest(conn), None, found, named.get(found.base_fact or "") if found else None)


def ask(
    source: psycopg.Connection,
    scratch: psycopg.Connection,
    scratch_dsn: str,
    key: StockKey,
    knowledge: Knowledge,
    target: Path,
    *,
    as_of: datetime | None = None,
) -> Answer:
    """The number of ``key`` by ``knowledge``, at the end of it or ``as_of`` an instant.

    Args:
        source: the warehouse (role bi). ``scratch``: an empty, migrated database, which holds the answer afterwards.
        target: folder of dbt's files.
    """
    with snapshot(source):
        derive(source, scratch, scratch_dsn, knowledge, target, [(key.item, key.location)])
        computed = found = number(scratch, key)
        unsettled = None
        if as_of is not None:
            unsettled = cut_at(scratch, scratch_dsn, key, as_of, target)
            found = number(scratch, key)
        base = facts(scratch, [found.base_fact]).get(found.base_fact or "") if found else None
        return Answer(
            key, knowledge, as_of, found, base and _named(source, base), unsettled,
            computed, published(source, knowledge.batch_id, key.item, key.location, key.measure, key.lot),
            is_recorded(source, knowledge.batch_id),
        )  # fmt: skip


def _named(source: psycopg.Connection, told: Told) -> Told:
    """With the name of its document: documents are not carried into the scratch database."""
    row = source.execute(
        "select name from raw.documents where document_id = %s order by received_at limit 1", (told.document_id,)
    ).fetchone()
    return replace(told, document=row[0] if row else None)
