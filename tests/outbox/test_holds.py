"""Key holds through the real lane: batch, dbt, release. Their ends are due rows, drained like everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.errors import TerminalError
from syncline.home import project_root
from syncline.landing import Document, Fact, Load, land
from syncline.outbox.holds import end_hold, hold_key, holds
from syncline.outbox.release import release
from syncline.resolve import dbt
from syncline.resolve.due import add_due_check
from syncline.warehouse.connect import connect_dsn

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
KEY = ("SKU-0001", "DC1")


def at(hour: int, minute: int = 0) -> datetime:
    return NOON.replace(hour=hour, minute=minute)


class Lane:
    """SKU-0001 at DC1: the owner counted 100, the ERP shows 90 and the shop 80."""

    def __init__(self, owner: psycopg.Connection, dsn: Callable[[str], str], publisher: psycopg.Connection, to: Path):
        self.owner, self.dsn, self.publisher, self.target = owner, dsn, publisher, to
        apply(owner, read_folder(project_root() / "dbt_project" / "seeds"), NOON, "test")
        count = Fact("balance", "SKU-0001", "DC1", "on_hand", "EA", "100", "2026-11-02T09:00:00Z", "E-1/1", "T-1/1",
                     "events[0]", "test/1", sequence=1)  # fmt: skip
        with connect_dsn(dsn("loader")) as loader:
            land(loader, Load("dc1_wms", "api", at(9, 1), [Document("page", b"{}", (count,))]))
        self.read(90, 80, no=1)

    def read(self, erp: int, shop: int, no: int) -> None:
        for target, quantity in (("erp", erp), ("shop", shop)):
            self.owner.execute(
                "insert into ops.target_readings values (%s, %s, %s, %s, %s, %s, %s)",
                (target, *KEY, no, quantity, str(no), at(9)),
            )

    def open(self, now: datetime) -> int | None:
        with connect_dsn(self.dsn("transformer")) as transformer:
            batch = resolve.open_batch(transformer, now)
        return batch and batch.batch_id

    def finish(self, batch_id: int, now: datetime) -> None:
        self.owner.execute(
            "insert into ops.current_batch (batch_id, as_of) "
            "select batch_id, as_of from ops.batches where batch_id = %s "
            "on conflict (only_row) do update set batch_id = excluded.batch_id, as_of = excluded.as_of",
            (batch_id,),
        )
        dbt.run(self.dsn("transformer"), ["run", "--select", "tag:resolve"], self.target)
        self.owner.execute(
            "insert into ops.gate_results values (%s, 's', 'e', 'info', true, 0, '{}') on conflict do nothing",
            (batch_id,),
        )
        release(self.publisher, batch_id, now)

    def batch(self, now: datetime) -> bool:
        """One batch, if anything is pending."""
        batch_id = self.open(now)
        if batch_id is not None:
            self.finish(batch_id, now)
        return batch_id is not None

    def touch(self) -> None:
        self.owner.execute(
            "insert into ops.key_triggers (item, location, measure, reason, due_at) "
            "values (%s, %s, 'on_hand', 'test', %s)",
            (*KEY, at(1)),
        )

    def states(self) -> dict[str, tuple[str, str | None]]:
        rows = self.owner.execute("select target, state, reason from ops.outbox where state <> 'dead'")
        return {target: (state, reason) for target, state, reason in rows}


HELD = ("held", "on hold")
FREE = ("pending", None)


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Iterator[Lane]:
    with connect_dsn(warehouse_dsn("publisher"), name="publisher") as publisher:
        lane = Lane(warehouse, warehouse_dsn, publisher, tmp_path)
        assert lane.batch(at(10))
        assert lane.states() == {"erp": FREE, "shop": FREE}
        yield lane


def hold(lane: Lane, until: datetime, now: datetime, target: str = "*") -> int:
    return hold_key(lane.publisher, *KEY, until=until, reason="being counted", by="anna", at=now, target=target)


def test_a_hold_holds_at_once_and_ends_by_itself(lane: Lane) -> None:
    assert hold(lane, at(12), at(10, 1)) == 2
    assert lane.states() == {"erp": HELD, "shop": HELD}
    assert not lane.batch(at(11, 59)), "nothing is due before the end"

    # A number that moves meanwhile is held when it is written.
    lane.read(95, 80, no=2)
    lane.touch()
    assert lane.batch(at(11, 59))
    assert lane.states() == {"erp": HELD, "shop": HELD}
    assert lane.owner.execute("select quantity from ops.outbox where state = 'held' and target = 'erp'").fetchone() == (
        5,
    )

    # The batch that drains the end dies before its release: the next one is the same, and nothing is lost.
    opened = lane.open(at(12))
    assert opened is not None
    assert lane.owner.execute("select count(*) from ops.key_triggers where batch_id is null").fetchone() == (0,)
    assert lane.states() == {"erp": HELD, "shop": HELD}
    assert lane.open(at(12, 5)) == opened
    lane.finish(opened, at(12, 5))
    assert lane.states() == {"erp": FREE, "shop": FREE}
    assert not lane.batch(at(12, 6))
    assert holds(lane.publisher) == []

    # The clock is set back to before the end: it was used up, so the hold stays over.
    lane.touch()
    assert lane.batch(at(11))
    assert lane.states() == {"erp": FREE, "shop": FREE}


def test_an_end_moves_later_and_earlier_and_two_holds_end_each_by_itself(lane: Lane) -> None:
    hold(lane, at(12), at(10, 1))
    hold(lane, at(14), at(10, 2))  # later: the due row of 12:00 comes and changes nothing
    hold(lane, at(13), at(10, 3), target="shop")
    assert [(h.target, h.held_until.hour) for h in holds(lane.publisher)] == [("shop", 13), ("*", 14)]
    assert lane.batch(at(12))
    assert lane.states() == {"erp": HELD, "shop": HELD}
    hold(lane, at(13), at(12, 1))  # earlier: two due rows of one key at one instant, in one batch
    # The clock jumps over everything that was due.
    assert lane.batch(at(20))
    assert lane.states() == {"erp": FREE, "shop": FREE}
    assert not lane.batch(at(20, 1))
    assert lane.owner.execute("select count(*) from ops.key_triggers where batch_id is null").fetchone() == (0,)


def test_a_person_ends_it_early_and_the_old_end_changes_nothing(lane: Lane) -> None:
    hold(lane, at(12), at(10, 1), target="erp")
    assert lane.states() == {"erp": HELD, "shop": FREE}
    with pytest.raises(TerminalError, match="is not held for every target"):
        end_hold(lane.publisher, *KEY, by="bert", at=at(10, 2))
    end_hold(lane.publisher, *KEY, by="bert", at=at(10, 2), target="erp")
    assert lane.batch(at(10, 3))
    assert lane.states() == {"erp": FREE, "shop": FREE}
    assert lane.batch(at(12))
    assert lane.states() == {"erp": FREE, "shop": FREE}
    with pytest.raises(TerminalError, match="before it begins"):
        hold(lane, at(9), at(12))
    with pytest.raises(TerminalError, match="no stock of SKU-9999"):
        hold_key(lane.publisher, "SKU-9999", "DC1", until=at(13), reason="x", by="anna", at=at(12))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        lane.publisher.execute("delete from ops.key_holds")


def test_a_due_check_wakes_the_lane_once(lane: Lane) -> None:
    first = add_due_check(lane.publisher, "source overdue", at(11))
    assert add_due_check(lane.publisher, "source overdue", at(11)) == first
    assert add_due_check(lane.publisher, "source overdue", at(12)) != first
    assert not lane.batch(at(10, 59))
    assert lane.batch(at(11))
    assert not lane.batch(at(11, 1))
    assert lane.batch(at(13))
    assert lane.states() == {"erp": FREE, "shop": FREE}
