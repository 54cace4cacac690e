"""The record of what was published grows with what changed, and no batch decides by two configurations."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from tests.history.telling import at, released, said, tell
from tests.rereading.network import Warehouse

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.config.tables import Rows
from syncline.home import project_root

ROWS = "select batch_id, lot, quantity, is_gone from ops.published_balances where item = 'SKU-0001' order by 1, 2"


def rules(**changes: object) -> Rows:
    """The demo network's, with ``changes`` in the rule of the WMS for stock on hand at DC1."""
    found = read_folder(project_root() / "dbt_project" / "seeds")
    for row in found["ownership_rules"]:
        if (row["measure"], row["location"], row["source"]) == ("on_hand", "DC1", "dc1_wms"):
            row.update(changes)
    return found


def test_only_what_changed_is_written(new_warehouse: Callable[[], Warehouse]) -> None:
    """A key that is thought about again without another number, and one that goes as its lots come."""
    ours = new_warehouse()
    tell(
        ours, "dc1_wms", "api", at("08:31"),
        said("balance", 9, "08:00:00", "c-1"), said("movement", 4, "08:30:00", "m-1", lot="A"),
        said("movement", 3, "08:30:00", "m-2", lot="B"), said("balance", 1, "08:00:00", "c-2", item_ref="SKU-0002"),
    )  # fmt: skip
    released(ours, at("08:40"))
    tell(ours, "acme_3pl", "edi", at("08:45"), said("balance", 9, "07:00", "846/1"))
    released(ours, at("08:50"))
    assert ours.rows(ROWS) == [(1, "", 16, False)]
    apply(ours.owner, rules(grain="lot"), at("09:00"), "test")
    released(ours, at("09:01"))
    assert ours.rows(ROWS) == [(1, "", 16, False), (3, "", None, True), (3, "A", 4, False), (3, "B", 3, False)]
    apply(ours.owner, rules(), at("10:00"), "test")
    released(ours, at("10:01"))
    assert ours.rows(ROWS)[4:] == [(4, "", 16, False), (4, "A", None, True), (4, "B", None, True)]
    # Told without a lot, so evidence only while the owner counts by lot.
    other = ROWS.replace("SKU-0001", "SKU-0002")
    assert ours.rows(other) == [(1, "", 1, False), (3, "", None, True), (4, "", 1, False)]
    with pytest.raises(psycopg.errors.RestrictViolation, match="insert-only"):
        ours.owner.execute("delete from ops.published_balances")


def test_a_batch_reads_one_configuration(new_warehouse: Callable[[], Warehouse]) -> None:
    """A rule that is applied between open and build holds for all it concerns, not just for what the batch touches."""
    ours = new_warehouse()
    tell(
        ours, "dc1_wms", "api", at("08:01"),
        said("balance", 9, "08:00:00", "c-1"), said("balance", 8, "08:00:00", "c-2", item_ref="SKU-0002"),
    )  # fmt: skip
    released(ours, at("08:02"))
    tell(ours, "dc1_wms", "api", at("08:31"), said("movement", 4, "08:30:00", "m-1"))
    opened = resolve.open_batch(ours.transformer, at("08:32"))
    assert opened is not None
    apply(ours.owner, rules(role="observer"), at("08:33"), "test")
    assert released(ours, at("08:34")).batch_id == opened.batch_id
    assert ours.on_hand() == {}, "an observer moves no number"
    decided = ours.hashes()
    ours.rebuild()
    assert ours.hashes() == decided
    ((version, newest),) = ours.rows(
        "select config_version, (select max(version_id) from ops.config_versions) from ops.batches where batch_id = 2"
    )
    assert version == newest
    assert ours.settle(at("08:40")) is None
