"""A configuration with two answers that came into the tables past the check: no fact is read with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.resolve.lane import NOON, Lane, counted

from syncline.errors import TerminalError
from syncline.resolve import dbt

NAME = "configuration_has_one_answer"
ALWAYS = "'-infinity', 'infinity'"
# Kind -> columns behind the version, as somebody with the owner's password may append them.
FAULTS = {
    "two owners of one rank": ("ownership_rules", f"'on_hand', 'DC1', '*', 'dc2_wms', 'primary', 'item', '', {ALWAYS}"),
    "two answers for one source": (
        "ownership_rules",
        f"'on_hand', 'DC?', '*', 'dc2_wms', 'observer', 'item', '', {ALWAYS}",
    ),
    "a rule for an unknown source": (
        "ownership_rules",
        f"'on_hand', 'DC1', '*', 'nobody', 'observer', 'item', '', {ALWAYS}",
    ),
    "an item code with two meanings": ("item_crosswalk", "'*', 'SKU-0001', 'SKU-0002', '2026-05-01', 'infinity'"),
    "a place code with two meanings": ("location_crosswalk", "'*', 'DC1', 'DC2', '2026-05-01', 'infinity'"),
    "a code of an unknown source": ("status_crosswalk", "'nobody', 'x', 'on_hand'"),
    "two factors for one day": ("unit_factors", "'SKU-0001', 'CA', 10, 1, '2026-05-01', 'infinity'"),
    "a factor that ends before it begins": ("unit_factors", "'SKU-0001', 'BX', 10, 1, '2026-05-02', '2026-05-01'"),
    "a factor that is no fraction": ("unit_factors", "'SKU-0001', 'BX', 10, 0, '2026-05-02', '2026-05-03'"),
}
# What a rule beside the others that contradicts none of them looks like: the same shapes, green.
FINE = {
    "another level": ("ownership_rules", f"'on_hand', 'DC*', '*', 'dc2_wms', 'primary', 'item', '', {ALWAYS}"),
    "a source's own code": ("item_crosswalk", "'dc1_wms', 'SKU-0001', 'SKU-0002', '2026-05-01', 'infinity'"),
}


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Lane:
    made = Lane(warehouse, warehouse_dsn, tmp_path)
    # The tables refuse such a factor themselves; the test must not depend on that.
    for (name,) in made.rows(
        "select conname from pg_constraint where conrelid = 'ops.unit_factors'::regclass and contype = 'c'"
    ):
        warehouse.execute(f"alter table ops.unit_factors drop constraint {name}".encode())
    return made


def append(lane: Lane, table: str, values: str) -> None:
    """A new version of ``table``: the rows of the newest one, and one more."""
    columns = [
        name for (name,) in lane.rows(
            "select attname from pg_attribute where attnum > 1 and not attisdropped "
            f"and attrelid = 'ops.{table}'::regclass order by attnum"
        )
    ]  # fmt: skip
    ((version,),) = lane.rows(
        "insert into ops.config_versions (kind, sha256, rows, applied_at, applied_by) "
        f"values ('{table}', 'by hand', 0, '{NOON.isoformat()}', 'somebody') returning version_id"
    )
    lane.owner.execute(
        f"insert into ops.{table} select {version}, {', '.join(columns)} from ops.{table} "
        f"where version_id = (select max(version_id) from ops.{table})".encode()
    )
    lane.owner.execute(f"insert into ops.{table} values ({version}, {values})".encode())


def test_no_fact_is_read_with_a_configuration_that_contradicts_itself(lane: Lane) -> None:
    lane.tell(0, counted(1, -10, 7))
    append(lane, *FAULTS["two owners of one rank"])
    with pytest.raises(TerminalError, match=f"{NAME} fail.*Next: Run `syncline check`"):
        lane.batch(1)
    assert lane.rows("select to_regclass('staging.stg_facts')") == [(None,)], "it ran first"
    assert lane.rows("select state from ops.batches") == [("open",)]


def test_each_fault_is_found_once_it_is_there_and_what_is_fine_is_not(lane: Lane) -> None:
    lane.tell(0, counted(1, -10, 7))
    lane.batch(1)
    ((checked, newest),) = lane.rows(
        "select checked_version, (select max(version_id) from ops.config_versions) from ops.current_batch"
    )
    assert checked == newest
    for table, values in FINE.values():
        append(lane, table, values)
        dbt.run(lane.dsn("transformer"), ["test", "--select", NAME], lane.target)
    for table, values in FAULTS.values():
        ((last,),) = lane.rows(f"select max(version_id) from ops.{table}")
        append(lane, table, values)
        with pytest.raises(TerminalError, match=f"{NAME} fail"):
            dbt.run(lane.dsn("transformer"), ["test", "--select", NAME], lane.target)
        # Back to the version before, as an apply of the old file would.
        lane.owner.execute("update ops.current_batch set checked_version = 0")
        _append_again(lane, table, last)
        dbt.run(lane.dsn("transformer"), ["test", "--select", NAME], lane.target)


def _append_again(lane: Lane, table: str, version: int) -> None:
    ((new,),) = lane.rows(
        "insert into ops.config_versions (kind, sha256, rows, applied_at, applied_by) "
        f"values ('{table}', 'back', 0, '{(NOON + timedelta(minutes=1)).isoformat()}', 'somebody') returning version_id"
    )
    columns = ", ".join(
        name for (name,) in lane.rows(
            "select attname from pg_attribute where attnum > 1 and not attisdropped "
            f"and attrelid = 'ops.{table}'::regclass order by attnum"
        )
    )  # fmt: skip
    lane.owner.execute(
        f"insert into ops.{table} select {new}, {columns} from ops.{table} where version_id = {version}".encode()
    )


def test_a_version_that_passed_is_not_looked_at_again(lane: Lane) -> None:
    lane.tell(0, counted(1, -10, 7))
    lane.batch(1)
    append(lane, *FAULTS["two owners of one rank"])
    lane.owner.execute(
        "update ops.current_batch set checked_version = (select max(version_id) from ops.config_versions)"
    )
    dbt.run(lane.dsn("transformer"), ["test", "--select", NAME], lane.target)
