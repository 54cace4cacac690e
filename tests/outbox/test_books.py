"""Books follow the floor: a financial number needs the fact that confirms it, and somebody who subscribes."""

from __future__ import annotations

import pytest
from psycopg.errors import CheckViolation, RestrictViolation
from tests.outbox.one_key import KEY, T0, World

from bench.warehouse import told_by_the_floor
from syncline.outbox.queue import queue_keys
from syncline.outbox.release import release


def test_books_without_a_fact_are_not_written_and_a_person_is_asked_for_a_count(world: World) -> None:
    world.read(10)
    batch = world.batch(12, 10)
    world.owner.execute("update canonical.candidate_corrections set fact_id = null")
    release(world.publisher, batch, world.now())
    asked = "select state, subject from ops.exceptions where rule = 'books.unconfirmed'"
    assert world.rows() == []
    assert world.owner.execute(asked).fetchall() == [("open", "erp/SKU-0001/DC1")]
    world.release(12, 10)
    assert [row[3] for row in world.rows()] == ["pending"]
    assert world.owner.execute(asked).fetchall() == [("resolved", "erp/SKU-0001/DC1")]


@pytest.mark.parametrize("fact", [None, "nobody told this", "told by the shop"])
def test_the_database_refuses_books_that_follow_no_fact_of_a_warehouse(world: World, fact: str | None) -> None:
    told_by_the_floor(world.owner, "told by the shop", source="shop_feed")
    world.owner.execute(
        "with v as (insert into ops.config_versions (kind, sha256, rows, applied_at, applied_by) "
        "values ('sources', '', 1, %s, 'test') returning version_id) insert into ops.sources (version_id, source, "
        "system, feed, clock_skew_s, lag_s, hold_s, sequence) select version_id, 'shop_feed', 'shop', 'api', 0, 0, 0, "
        "'' from v",
        (T0,),
    )
    world.read(10)
    world.release(12, 10)
    again = (
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, "
        "quantity, state, batch_id, created_at, changed_at, event, fact_id) select 'c2', target, 'SKU-0002', location, "
        "to_version, reading_no, kind, wanted, shown, quantity, state, batch_id, created_at, changed_at, event, %s "
        "from ops.outbox"
    )
    with pytest.raises((RestrictViolation, CheckViolation)):
        world.publisher.execute(again, (fact,))
    with pytest.raises(RestrictViolation):
        world.owner.execute("update ops.outbox set fact_id = 'another'")
    told = world.owner.execute("select fact_id, correlation_id from ops.outbox").fetchall()
    assert told == [("floor", "told-by-floor")], "the document that told it is known, too"


def test_what_nobody_subscribes_to_any_more_is_not_sent(world: World) -> None:
    """Once a build that could read the queue left the key out: not when it was queued while the build ran."""
    world.read(10)
    world.release(12, 10)
    queue_keys(world.owner, [KEY], "configuration", world.now())
    for superseded, state in ((0, "pending"), (1, "dead")):
        batch = world.batch(12, 10)
        world.owner.execute("truncate canonical.candidate_corrections")
        assert release(world.publisher, batch, world.now()).superseded == superseded
        assert [row[3] for row in world.rows()] == [state]
    assert world.queue() == []
