"""A write-off lands as a fact of ``operator``, counts once, and is corrected at the targets like anything else."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from tests.decisions.lane import KEY, Lane, at, movement

from syncline.config.check import check
from syncline.decisions import Decision, land_write_offs, propose_write_off, store
from syncline.errors import ConfigurationError, TerminalError
from syncline.landing import Fact, fact_id
from syncline.warehouse.connect import connect_dsn


def write_off(lane: Lane, quantity: int, now: datetime, **more: Any) -> Decision:
    return lane.decide(lambda conn: propose_write_off(conn, *KEY, quantity, by="anna", at=now, why="crushed", **more))


def operator_facts(lane: Lane) -> list[tuple[Any, ...]]:
    return lane.rows(
        "select d.disposition, d.reason, f.quantity from intermediate.int_dispositions d "
        "join staging.stg_facts f using (fact_id) where d.source = 'operator' order by f.received_at, f.fact_id"
    )


def test_it_is_corrected_at_the_targets_and_absorbed_by_the_next_count(lane: Lane) -> None:
    assert lane.batch(at(9, 2))
    assert lane.corrections() == {}
    decision = write_off(lane, -3, at(10), recorded=at(9, 30))
    assert lane.batch(at(10, 1))
    assert lane.on_hand() == 97
    # Safety stock of the shop is 3 for this class.
    assert lane.corrections() == {"erp": (97, "pending", None), "shop": (94, "pending", None)}
    assert operator_facts(lane) == [("applied", None, -3)]
    ((content, name),) = lane.rows("select content, name from raw.documents where source = 'operator'")
    said = json.loads(content)
    assert name == f"decisions/{decision.decision_id}"
    assert (said["decided_by"], said["quantity"], said["recorded"]) == ("anna", -3, "2026-11-02T09:30:00.000000Z")

    count = movement(2, 97)._replace(kind="balance")
    lane.tell(at(10, 30), count)
    assert lane.batch(at(10, 31))
    assert (lane.on_hand(), lane.open_exceptions()) == (97, [])
    assert operator_facts(lane) == [("absorbed", "inside_base", -3)]
    # It makes nothing stale and owns nothing: the verdict on the count is a match.
    assert lane.rows("select verdict, variances from canonical.verdicts where reported = 97") == [("match", [0])]
    assert lane.is_its_rebuild()


def test_what_was_stored_and_not_landed_lands_with_the_next_call_once(lane: Lane) -> None:
    assert lane.batch(at(9, 2))
    with connect_dsn(lane.dsn("transformer")) as conn:
        stored = propose_write_off(conn, *KEY, -3, by="anna", at=at(10), why="crushed", decision_id="my-own-1")
        assert store(conn, stored)
    # The loader died here.
    assert lane.rows("select count(*) from raw.documents where source = 'operator'") == [(0,)]
    with connect_dsn(lane.dsn("loader")) as loader:
        assert land_write_offs(loader) == 1
        assert land_write_offs(loader) == 0
    write_off(lane, -3, at(10, 5), decision_id="my-own-1")  # the person repeats the command
    assert lane.batch(at(10, 6))
    assert (lane.on_hand(), operator_facts(lane)) == (97, [("applied", None, -3)])
    write_off(lane, -3, at(10, 7))  # without an id it is another write-off
    assert lane.batch(at(10, 8))
    assert lane.on_hand() == 94


def test_the_owner_tells_it_later_and_it_counts_once(lane: Lane) -> None:
    assert lane.batch(at(9, 2))
    write_off(lane, -3, at(10), event_key="T-2/1")
    assert lane.batch(at(10, 1))
    lane.tell(at(10, 30), movement(2, -3))
    assert lane.batch(at(10, 31))
    assert lane.on_hand() == 97
    assert operator_facts(lane) == [("duplicate", "same_event", -3)]
    assert lane.is_its_rebuild()


def test_a_fact_of_operator_without_its_decision_counts_nothing(lane: Lane) -> None:
    decision = Fact("movement", *KEY, "on_hand", "EA", "-50", "2026-11-02T10:00:00.000000Z", "stolen",
                    "decision/stolen", "decision", "decision/1")  # fmt: skip
    lane.tell(at(10, 1), decision, source="operator")
    assert lane.batch(at(10, 2))
    assert (lane.on_hand(), operator_facts(lane)) == (100, [("quarantined", "no_decision", None)])
    # Nor does one that says more than was decided.
    made = write_off(lane, -3, at(10, 3))
    more = decision._replace(line_key=made.decision_id, event_key=f"decision/{made.decision_id}", quantity="-30",
                             recorded="2026-11-02T10:03:00.000000Z")  # fmt: skip
    lane.tell(at(10, 4), more, source="operator")
    assert lane.batch(at(10, 5))
    assert lane.on_hand() == 97
    assert lane.fate(fact_id("operator", "api", more))[0] == "quarantined"
    assert lane.is_its_rebuild()


REFUSED: list[tuple[int, dict[str, Any], str]] = [
    (0, {}, "0 units cannot"),
    (10**13, {}, "units cannot"),
    (-1, {"recorded": at(11)}, "has not come yet"),
    (-1, {"measure": "available"}, "is no stored measure"),
    (-1, {"measure": "damaged"}, "There is no damaged of SKU-0001 at DC1"),
    (-1, {"decision_id": "two words"}, "is no decision id"),
]


def test_what_cannot_be_written_off(lane: Lane) -> None:
    assert lane.batch(at(9, 2))
    for quantity, more, says in REFUSED:
        with pytest.raises(TerminalError, match=says):
            write_off(lane, quantity, at(10), **more)
    assert lane.rows("select count(*) from ops.decisions") == [(0,)]


def test_no_source_may_be_called_operator(lane: Lane) -> None:
    lane.seeds["sources"].append({**lane.seeds["sources"][0], "source": "operator"})
    with pytest.raises(ConfigurationError, match="'operator' is reserved"):
        check(lane.seeds)
