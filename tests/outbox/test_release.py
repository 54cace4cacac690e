"""Release: candidates to versions and corrections, in one transaction, any number of times."""

from __future__ import annotations

import psycopg
import pytest
from tests.outbox.one_key import KEY, World

from syncline.errors import TerminalError
from syncline.outbox.dead_letters import dead_letters
from syncline.outbox.desk import deny_held, held, release_held
from syncline.outbox.identity import correction_id
from syncline.outbox.queue import queue_keys
from syncline.outbox.release import release
from syncline.outbox.transitions import prove, transition


def test_a_release_writes_everything_and_a_second_one_nothing(world: World) -> None:
    world.read(10)
    world.put_on_queue()
    batch = world.batch(12, 10)
    done = release(world.publisher, batch, world.now())
    assert (done.versions, done.pending, done.drained) == (1, 1, 1)
    assert world.rows() == [(1, 1, 2, "pending", None)]
    assert world.open_id() == correction_id(*KEY, 1, 1, 2, "delta")
    before = world.owner.execute("select * from ops.batches, ops.outbox, ops.target_versions").fetchall()
    assert release(world.publisher, batch, world.now()).already
    assert world.owner.execute("select * from ops.batches, ops.outbox, ops.target_versions").fetchall() == before
    assert world.owner.execute("select state, corrections from ops.batches").fetchall() == [("released", 1)]


def test_there_and_back_again_is_three_versions_and_no_push(world: World) -> None:
    world.read(10)
    world.release(12, 10)
    world.release(13, 10)
    world.release(10, 10)
    assert [row[3:] for row in world.rows()] == [("dead", "superseded"), ("dead", "superseded")]
    assert world.owner.execute("select version, wanted from ops.target_versions order by 1").fetchall() == [
        (1, 12),
        (2, 13),
        (3, 10),
    ]


def test_a_correction_that_was_sent_is_not_superseded_and_nothing_is_computed_beside_it(world: World) -> None:
    world.read(10)
    world.release(12, 10)
    sent = world.send()
    world.put_on_queue()
    done = world.release(15, 10)
    assert (done.pending, done.superseded, done.versions) == (0, 0, 1)
    assert world.queue() == [], "the reading that follows its close judges the key"
    prove(world.owner, sent, at=world.now())
    assert world.release(15, 10).pending == 0, "closed, but not read since: its effect may be missing in the reading"
    world.read(12)
    assert world.release(15, 12).pending == 1
    assert world.rows()[-1] == (2, 2, 3, "pending", None)


def test_a_candidate_from_an_older_reading_is_computed_anew(world: World) -> None:
    world.read(10)
    world.put_on_queue()
    batch = world.batch(12, 10)
    world.read(11)
    assert release(world.publisher, batch, world.now()).requeued == 1
    assert world.rows() == []
    assert world.queue() == [("reading moved",)]
    assert world.release(12, 11).pending == 1
    assert world.queue() == []


def test_what_was_queued_after_the_batch_began_stays(world: World) -> None:
    world.read(10)
    batch = world.batch(12, 10)
    world.put_on_queue()
    release(world.publisher, batch, world.now())
    assert world.queue() == [("test",)]


def test_a_key_without_a_reading_waits_for_one(world: World) -> None:
    done = world.release(12, None, hold="no reading")
    assert (done.versions, done.pending, done.held) == (1, 0, 0)
    world.read(10)
    assert world.release(12, 10).pending == 1


def test_a_key_the_target_never_showed_is_an_exception_until_it_does(world: World) -> None:
    def told() -> list[tuple[object, ...]]:
        return world.owner.execute("select subject, state from ops.exceptions where rule = 'no reading'").fetchall()

    world.release(12, None, hold="no reading")
    assert told() == [], "before the change list was read nobody can say that the key is missing"
    world.read_again()
    world.release(12, None, hold="no reading")
    assert told() == [("/".join(KEY), "open")]
    world.read(10)
    world.release(12, 10)
    assert told() == [("/".join(KEY), "resolved")]


def test_the_history_keeps_who_let_a_correction_go(world: World) -> None:
    world.read(10)
    world.release(12, 10, hold="above tolerance")
    release_held(world.publisher, world.open_id()[:8], by="ana", at=world.now())
    transition(world.publisher, world.open_id(), "pending", "sent", at=world.now(), lease_until=world.now())
    moves = world.owner.execute(
        "select from_state, to_state, reason from ops.outbox_history order by move_id"
    ).fetchall()
    assert moves == [
        (None, "held", "above tolerance"),
        ("held", "pending", "released by ana"),
        ("pending", "sent", None),
    ]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.publisher.execute("delete from ops.outbox_history")
    with pytest.raises(psycopg.errors.RestrictViolation):
        world.owner.execute("update ops.outbox_history set reason = 'nobody'")


def test_a_hold_follows_its_cause_until_a_person_decides(world: World) -> None:
    world.read(10)
    assert world.release(12, 10, hold="conflict").held == 1
    assert world.rows()[-1][3:] == ("held", "conflict")
    world.release(12, 10)
    assert world.rows() == [(1, 1, 2, "pending", None)]
    world.release(12, 10, hold="above tolerance")
    released = release_held(world.publisher, world.open_id()[:8], by="ana", at=world.now())
    assert released.quantity == 2
    world.release(12, 10, hold="above tolerance")
    assert world.rows() == [(1, 1, 2, "pending", "released by ana")]


def test_a_hold_that_asks_for_a_person_waits_for_one(world: World) -> None:
    world.read(10)
    world.release(0, 10, hold="above tolerance")
    world.release(0, 10)
    assert world.rows() == [(1, 1, -10, "held", "above tolerance")]


def test_a_key_nobody_told_us_of_is_drained_once_a_build_had_the_chance_to_see_it(world: World) -> None:
    world.read(10)
    world.owner.execute(
        "insert into ops.correction_queue values ('shop', 'UNKNOWN', 'DC1', 'test', %s)", (world.now(),)
    )
    world.release(12, 10)
    assert world.queue() == [("test",)], "queued before this batch began is not yet seen by its build"
    world.release(12, 10)
    assert world.queue() == []


def test_what_is_queued_while_a_batch_is_built_stays_however_early_its_instant(world: World) -> None:
    """A worker took the instant, waited for the lock through two batches, and committed behind the second build."""
    early = world.now()
    world.release(12, None)
    batch = world.batch(12, 10)
    world.owner.execute("truncate canonical.candidate_corrections")
    world.owner.execute("insert into ops.correction_queue values (%s, %s, %s, 'read', %s)", (*KEY, early))
    release(world.publisher, batch, world.now())
    assert world.queue() == [("read",)]
    queue_keys(world.publisher, [KEY], "read again", world.now())
    batch = world.batch(12, 10)
    world.owner.execute("truncate canonical.candidate_corrections")
    release(world.publisher, batch, world.now())
    assert world.queue() == [("read again",)], "queued anew, it is for another build to read"


def test_a_denied_correction_stays_dead_until_its_key_moves(world: World) -> None:
    world.read(10)
    world.release(12, 10, hold="above tolerance")
    assert [row.reason for row in held(world.publisher)] == ["above tolerance"]
    deny_held(world.publisher, world.open_id(), by="ana", reason="counted again", at=world.now())
    assert [row.reason for row in dead_letters(world.publisher)] == ["denied by ana: counted again"]
    assert world.release(12, 10, hold="above tolerance").held == 0
    assert world.release(13, 10).pending == 1


def test_a_held_correction_whose_key_moved_cannot_be_let_go(world: World) -> None:
    world.read(10)
    world.release(12, 10, hold="conflict")
    world.read(11)
    with pytest.raises(TerminalError, match="out of date"):
        release_held(world.publisher, world.open_id(), by="ana", at=world.now())
    with pytest.raises(TerminalError, match="No held correction begins with 'zzzzzz'"):
        release_held(world.publisher, "zzzzzz", by="ana", at=world.now())
    with pytest.raises(TerminalError, match="needs a reason"):
        deny_held(world.publisher, world.open_id(), by="ana", reason=" ", at=world.now())


def test_an_unchecked_or_foreign_batch_is_refused_whole(world: World) -> None:
    world.read(10)
    batch = world.batch(12, 10)
    with pytest.raises(TerminalError, match="does not exist"):
        release(world.publisher, batch + 1, world.now())
    world.owner.execute("delete from ops.gate_results")
    with pytest.raises(TerminalError, match="not checked"):
        release(world.publisher, batch, world.now())
    world.owner.execute("insert into ops.gate_results values (%s, 's', 'e', 'info', true, 0, '{}')", (batch,))
    world.owner.execute("update canonical.candidate_corrections set batch_id = batch_id + 5")
    with pytest.raises(TerminalError, match="does not hold batch"):
        release(world.publisher, batch, world.now())
    assert world.owner.execute("select count(*) from ops.target_versions").fetchone() == (0,)
    assert world.owner.execute("select state from ops.batches").fetchall() == [("built",)]


def test_a_failure_in_the_middle_leaves_nothing_behind(world: World) -> None:
    world.read(10)
    batch = world.batch(12, 10)
    world.owner.execute("update canonical.candidate_corrections set kind = 'nonsense'")
    with pytest.raises(psycopg.errors.CheckViolation):
        release(world.publisher, batch, world.now())
    assert world.owner.execute("select count(*) from ops.target_versions").fetchone() == (0,)
    assert world.owner.execute("select state from ops.batches").fetchall() == [("built",)]


def test_the_id_is_the_content() -> None:
    base = correction_id(*KEY, 1, 1, 2, "delta")
    others = [correction_id(*KEY, 2, 1, 2, "delta"), correction_id(*KEY, 1, 2, 2, "delta"),
              correction_id(*KEY, 1, 1, 3, "delta"),
              correction_id(*KEY, 1, 1, 2, "set"),
              correction_id("erp", "SKU-0001D", "C1", 1, 1, 2, "delta")]  # fmt: skip
    assert len({base, *others}) == 6
    assert base == correction_id(*KEY, 1, 1, 2, "delta")
