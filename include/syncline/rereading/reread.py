"""Land the present reading of stored documents: one load, which the next batch takes whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.errors import RetryableError
from syncline.landing.copy_text import Row, rows
from syncline.landing.lane import source_lane
from syncline.landing.reread import ReadAgain, ReadingsLoad
from syncline.landing.troubles import open_troubles
from syncline.landing.warehouse_errors import warehouse_errors
from syncline.rereading import stored as store
from syncline.rereading.plan import Changed, Plan, make_plan
from syncline.rereading.troubles import close_cured

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.registry import Source
    from syncline.rereading.stored import Selection


@dataclass(frozen=True, slots=True)
class Landed:
    """What was written. ``load_id`` is None when every document is stored as it is read now."""

    load_id: int | None
    documents: int
    facts: int
    exceptions_closed: int


def reread(
    conn: psycopg.Connection,
    source: Source,
    selection: Selection,
    at: datetime,
    by: str,
    *,
    expected: str | None = None,
) -> Landed:
    """Land every selected document whose present reading differs from the stored one, in one transaction.

    Nothing is in force before a batch takes the load: stopped earlier, nothing has happened; called again, nothing
    is left to do. Pulls of the source wait meanwhile, since what they leave out depends on what is stored.

    Args:
        conn: autocommit connection of the loader.
        expected: digest of the plan that a person saw; None lands whatever the plan is now.
    Raises:
        RetryableError: the source is being read, or what would be written is no longer what was ``expected``.
        ConfigurationError: see ``make_plan``.
        WarehouseUnavailable: nothing was written.
    """
    with source_lane(conn, source.name), warehouse_errors(f"read documents of {source.name} again"):
        plan = make_plan(conn, source, selection)
        if expected is not None and plan.digest != expected:
            raise RetryableError(
                f"{source.name}: documents came in since the difference was shown; nothing was written.",
                next_step="Run the command again and look at the new difference.",
                source=source.name,
            )
        if not plan.changed:
            return Landed(None, 0, 0, 0)
        for day in sorted({each.stored.received_at for each in plan.changed}):
            # The partitions of a day that raw was restored without; outside the transaction, as in `land`.
            conn.execute("select raw.ensure_partitions((%s at time zone 'UTC')::date)", [day])
        with conn.transaction():
            return _write(conn, plan, at, by)


def _write(conn: psycopg.Connection, plan: Plan, at: datetime, by: str) -> Landed:
    load = ReadingsLoad(conn, plan.source.name, at, by)
    changed = {each.stored.key: each for each in plan.changed}
    for part in store.chunks([each.stored for each in plan.changed]):
        content = store.contents(conn, part)
        load.add([_read_again(plan, changed[each.key], content[each.key]) for each in part])
    load.close()
    troubles = (trouble for each in plan.changed for trouble in each.troubles)
    open_troubles(conn, plan.source.name, troubles, at)
    return Landed(load.load_id, load.documents, load.facts, close_cured(conn, plan, at))


def _read_again(plan: Plan, changed: Changed, content: bytes) -> ReadAgain:
    """The facts that count, read from the bytes once more: a plan holds their ids only."""
    stored = changed.stored
    counted = set(changed.fact_ids)
    facts: list[Row] = []
    if counted:
        said = plan.reader.read(stored, content, None)[0].facts
        for row in rows(plan.source.name, stored.feed, said):
            if row[0] in counted:
                counted.remove(row[0])
                facts.append(row)
    return ReadAgain(stored.document_id, stored.received_at, stored.feed, plan.reader.name, changed.document, facts)
