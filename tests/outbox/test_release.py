"""Release: candidates to versions and corrections, in one transaction, any number of times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, RestrictViolation

from bench.warehouse import told_by_the_floor
from syncline.errors import TerminalError
from syncline.outbox.dead_letters import Filter, dead_letters, redrive
from syncline.outbox.desk import deny_held, held, release_held
from syncline.outbox.identity import correction_id
from syncline.outbox.queue import queue_keys
from syncline.outbox.release import release
from syncline.outbox.shadow import shadow_report
from syncline.outbox.transitions import prove, transition
from syncline.warehouse.connect import connect_dsn

T0 = datetime(2026, 11, 2, 10, tzinfo=UTC)
KEY = ("erp", "SKU-0001", "DC1")


@pytest.fixture
def publisher(warehouse_dsn: Callable[[str], str], candidates: None) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("publisher"), name="publisher") as connection:
        yield connection


class World:
    """One key: what it should show, what was read, and the batches that follow from it."""

    def __init__(self, owner: psycopg.Connection, publisher: psycopg.Connection) -> None:
        self.owner, self.publisher, self.minute, self.reading = owner, publisher, 0, 0

    def now(self) -> datetime:
        self.minute += 1
        return T0 + timedelta(minutes=self.minute)

    def read(self, quantity: int) -> None:
        """The change list was read to its end and told a number."""
        self.reading += 1
        at = self.now()
        self.owner.execute(
            "insert into ops.target_readings values (%s, %s, %s, %s, %s, null, %s)", (*KEY, self.reading, quantity, at)
        )
        self.read_again(at)

    def read_again(self, at: datetime | None = None) -> None:
        at = at or self.now()
        self.owner.execute(
            "insert into ops.target_cursors values ('erp', 1, %s) on conflict (target) do update set read_at = "
            "excluded.read_at",
            (at,),
        )

    def batch(self, wanted: int, shown: int | None, *, hold: str | None = None, reading: int | None = None) -> int:
        row = self.owner.execute(
            "insert into ops.batches (as_of, state) values (%s, 'built') returning batch_id", (self.now(),)
        ).fetchone()
        assert row is not None
        reading = (self.reading or None) if reading is None else reading
        delta = None if shown is None else wanted - shown
        self.owner.execute("truncate canonical.candidate_corrections")
        self.owner.execute(
            "insert into canonical.candidate_corrections values (%s, %s, %s, %s, 'A', %s, %s, %s, null, 0, %s, "
            "'delta', %s, false)",
            (row[0], *KEY, wanted, shown, reading, delta, hold),
        )
        self.owner.execute("insert into ops.gate_results values (%s, 's', 'e', 'info', true, 0, '{}')", (row[0],))
        return int(row[0])

    def release(self, wanted: int, shown: int | None, **rest: Any) -> Any:
        return release(self.publisher, self.batch(wanted, shown, **rest), self.now())

    def rows(self) -> list[tuple[Any, ...]]:
        return self.owner.execute(
            "select to_version, reading_no, quantity, state, reason from ops.outbox order by created_at, "
            "to_version, reading_no"
        ).fetchall()

    def queue(self) -> list[Any]:
        return self.owner.execute("select reason from ops.correction_queue").fetchall()

    def put_on_queue(self) -> None:
        self.owner.execute("insert into ops.correction_queue values (%s, %s, %s, 'test', %s)", (*KEY, self.now()))

    def open_id(self) -> str:
        return str(self.owner.execute("select correction_id from ops.outbox where closed_at is null").fetchall()[0][0])

    def send(self) -> str:
        opened, at = self.open_id(), self.now()
        assert transition(self.owner, opened, "pending", "sent", at=at, lease_until=at + timedelta(seconds=10))
        return opened


@pytest.fixture
def world(warehouse: psycopg.Connection, publisher: psycopg.Connection) -> World:
    return World(warehouse, publisher)


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


def test_what_is_in_shadow_is_recorded_and_never_sent(world: World) -> None:
    """Not by a person, not by a rule that falls silent; the first batch after `live` lets it go."""

    def shadow(wanted: int, shown: int, *, hold: str | None = None) -> list[tuple[Any, ...]]:
        batch = world.batch(wanted, shown, hold=hold)
        world.owner.execute("update canonical.candidate_corrections set is_shadow = true")
        assert release(world.publisher, batch, world.now()).tripped == 0
        return [row[2:] for row in world.rows()]

    world.read(10)
    assert shadow(12, 10, hold="above tolerance") == [(2, "held", "shadow")]
    with pytest.raises(TerminalError, match="in shadow mode"):
        release_held(world.publisher, held(world.publisher)[0].correction_id, by="ana", at=world.now())
    assert shadow(13, 10) == [(2, "dead", "superseded"), (3, "held", "shadow")]
    world.release(13, 10)
    assert [row[2:] for row in world.rows()] == [(2, "dead", "superseded"), (3, "pending", None)]
    assert shadow(13, 10)[-1] == (3, "held", "shadow"), "back to shadow before it was sent"
    world.release(13, 10, hold="above tolerance")
    release_held(world.publisher, held(world.publisher)[0].correction_id, by="ana", at=world.now())
    assert shadow(13, 10)[-1] == (3, "held", "shadow"), "also what a person had let go"


def test_what_nobody_subscribes_to_any_more_is_not_sent(world: World) -> None:
    world.read(10)
    world.release(12, 10)
    queue_keys(world.owner, [KEY], "configuration", world.now())
    batch = world.batch(12, 10)
    world.owner.execute("truncate canonical.candidate_corrections")
    assert release(world.publisher, batch, world.now()).superseded == 1
    assert [row[3:] for row in world.rows()] == [("dead", "superseded")]


def refused(world: World) -> str:
    """A correction that the target refused, and the list read since."""
    world.read(10)
    world.release(12, 10)
    (letter,) = world.owner.execute("select correction_id from ops.outbox where state = 'pending'").fetchone() or ("",)
    transition(world.publisher, letter, "pending", "sent", at=world.now(), lease_until=world.now(), lease_holder="w")
    transition(world.publisher, letter, "sent", "rejected", at=world.now(), try_no=1, reason="refused: unknown_item")
    transition(world.publisher, letter, "rejected", "dead", at=world.now(), reason="refused: unknown_item")
    world.read_again()
    return str(letter)


def test_a_dead_letter_is_computed_anew_and_never_sent_again(world: World) -> None:
    letter = refused(world)
    world.release(12, 10)
    assert len(world.rows()) == 1, "refused stays refused"
    which = Filter(target="erp", reason="unknown_item")
    dry = redrive(world.publisher, which, by="ana", why="item made", at=world.now(), dry_run=True)
    assert [row.correction_id for row in dry.done] == [letter]
    assert world.owner.execute("select count(*) from ops.correction_queue").fetchone() == (0,), (
        "a dry run writes nothing"
    )
    done = redrive(world.publisher, Filter(ids=[letter[:8]]), by="ana", why="item made", at=world.now())
    assert [(row.cause, row.fact_id, row.correlation_id) for row in done.done] == [
        ("refused", "floor", "told-by-floor")
    ]
    world.release(12, 10)
    assert [(row[0], row[3]) for row in world.rows()] == [(1, "dead"), (2, "pending")]
    (told,) = dead_letters(world.publisher)
    (new,) = world.owner.execute("select correction_id from ops.outbox where state = 'pending'").fetchone() or ("",)
    assert (told.redriven_by, told.became, told.is_last) == ("ana", new, False)
    assert new != letter
    again = redrive(world.publisher, which, by="eve", why="again", at=world.now())
    assert (again.done, again.left) == ([], {letter: "re-driven by ana before"})


def test_a_dead_letter_whose_key_went_on_is_left_alone(world: World) -> None:
    letter = refused(world)
    world.read(11)
    world.release(12, 11)
    found = redrive(world.publisher, Filter(item="SKU-0001"), by="ana", why="x", at=world.now())
    assert found.left == {letter: "a later correction of its key was written"}
    assert redrive(world.publisher, Filter(ids=["abc"]), by="a", why="x", at=world.now()).done == [], "too short an id"
    with pytest.raises(TerminalError, match="Which dead letters"):
        redrive(world.publisher, Filter(), by="ana", why="x", at=world.now())
    with pytest.raises(TerminalError, match="Who decides"):
        redrive(world.publisher, Filter(item="SKU-0001"), by="", why="x", at=world.now())


def test_the_limit_of_a_redrive_is_told(world: World) -> None:
    letter = refused(world)
    told = redrive(world.publisher, Filter(target="erp"), by="ana", why="x", at=world.now(), limit=0)
    assert told.left == {letter: "more than 0 at once"}


def test_the_report_of_a_pilot_counts_what_waits_and_what_ever_was(world: World) -> None:
    world.owner.execute(
        "with v as (insert into ops.config_versions (kind, sha256, rows, applied_at, applied_by) values "
        "('tolerances', '', 1, %s, 'test') returning version_id) "
        "insert into ops.tolerances select version_id, 'erp', '*', 2 from v",
        (T0,),
    )
    world.read(10)
    for wanted in (12, 13):
        batch = world.batch(wanted, 10)
        world.owner.execute("update canonical.candidate_corrections set is_shadow = true")
        release(world.publisher, batch, world.now())
    (row,) = shadow_report(world.publisher)
    assert (row.target, row.location, row.corrections, row.keys, row.units) == ("erp", "DC1", 2, 1, 3)
    assert (row.above_tolerance, row.largest) == (1, "SKU-0001: 10 → 13")
    assert shadow_report(world.publisher, "shop") == []
    world.release(13, 10)
    assert [(row.corrections, row.keys) for row in shadow_report(world.publisher)] == [(2, 0)], "it went live"
