"""What is in shadow is computed, recorded and told, and never sent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.outbox.one_key import T0, World

from syncline.errors import TerminalError
from syncline.outbox.desk import held, release_held
from syncline.outbox.release import release
from syncline.outbox.shadow import shadow_report


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
