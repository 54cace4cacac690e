"""Batches that begin at a checkpoint against the same facts resolved from the beginning (semantics §7.2, ADR 0011).

Histories are resolved in the order of their receipt, in many small batches, with checkpoints as close as they can be;
then everything derived is built again from raw, and must be the same, row for row.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.oracle.answer import answer
from tests.oracle.generator import day_reports, history
from tests.oracle.histories import changing_units, posting_late
from tests.oracle.running import scenarios
from tests.oracle.test_warehouse_agrees import disagreements

from syncline.resolve import rebuild
from syncline.resolve.hashes import derived_hashes
from syncline.scenario import Options, run_scenarios

HISTORIES = 50
FACTS = 30


@pytest.mark.parametrize(
    ("generated", "seed"), [(history, 1), pytest.param(history, 2, marks=pytest.mark.deep), (day_reports, 3)]
)
def test_a_batch_from_a_checkpoint_is_a_batch_from_the_beginning(
    generated: Callable[[int, int], dict[str, Any]],
    seed: int,
    warehouse: psycopg.Connection,
    warehouse_dsn: Callable[[str], str],
    tmp_path: Path,
) -> None:
    cases = [generated(1000 * seed + number, FACTS) for number in range(HISTORIES)]
    for case in cases:
        case["facts"].sort(key=lambda fact: (fact["received_at"], fact["id"]))
    run_scenarios(warehouse, warehouse_dsn("owner"), scenarios(cases), Options(batches=10, checkpoint_facts=1))

    found = derived_hashes(warehouse)
    checkpoints = warehouse.execute("select count(*) from intermediate.int_checkpoints").fetchone()
    anchored = warehouse.execute("select count(*) from intermediate.int_anchors").fetchone()
    rebuild(warehouse, warehouse_dsn("owner"), tmp_path)
    assert derived_hashes(warehouse) == found, f"seed {seed}"
    assert checkpoints is not None
    assert anchored is not None
    assert checkpoints[0] >= 10, "a generator that leads to no checkpoints proves nothing"
    assert anchored[0] >= 1


@pytest.mark.deep
@pytest.mark.parametrize(("generated", "seed"), [(posting_late, 4), (changing_units, 5)])
def test_what_is_in_flight_and_what_is_uncertain_end_at_a_checkpoint(
    generated: Callable[[int, int], dict[str, Any]],
    seed: int,
    warehouse: psycopg.Connection,
    warehouse_dsn: Callable[[str], str],
    tmp_path: Path,
) -> None:
    """Verdicts and bounds that facts before a cut could reach (ADR 0013): many batches, a rebuild and the oracle."""
    cases = [generated(1000 * seed + number, FACTS) for number in range(HISTORIES)]
    for case in cases:
        case["facts"].sort(key=lambda fact: (fact["received_at"], fact["id"]))
    options = Options(batches=15, checkpoint_facts=1)
    outcomes = run_scenarios(warehouse, warehouse_dsn("owner"), scenarios(cases), options)

    found = derived_hashes(warehouse)
    anchored = warehouse.execute("select count(*) from intermediate.int_anchors").fetchone()
    wanted = [answer(case) for case in cases]
    faults = disagreements(tmp_path, cases, outcomes, wanted)
    assert not faults, faults
    rebuild(warehouse, warehouse_dsn("owner"), tmp_path)
    assert derived_hashes(warehouse) == found, f"seed {seed}"
    assert anchored is not None
    assert anchored[0] >= 5, "a generator that leads to no checkpoints proves nothing"
    told = sum(len(each.explained_by) for each in wanted)
    open_sets = sum(len(variances) > 1 for each in wanted for _, variances in each.verdicts.values())
    assert (told if generated is posting_late else open_sets) >= 30, (
        "a generator that never meets the rule proves nothing"
    )


def test_what_nobody_posts_is_still_known_behind_a_cut(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    """The report of the second batch knows evidence of the first, older than a movement that could have been cut at."""
    rule = {"measure": "on_hand", "location": "*", "source": "wms", "role": "primary"}
    network = {
        "locations": {"HUB": {"timezone": "UTC"}},
        "items": {"A": {"base_uom": "EA", "item_class": "A"}},
        "sources": {
            "wms": {"system": "wms", "feed": "api", "lag_s": 600},
            "tpl": {"system": "3pl", "feed": "edi"},
        },
        "ownership": [rule],
    }
    told = [
        ("wms", "balance", 100, "08:00:00"),
        ("tpl", "movement", -5, "10:00:00"),
        ("wms", "movement", -1, "10:00:20"),
        ("tpl", "balance", 94, "10:01:00"),
        ("wms", "movement", -1, "11:00:00"),
        ("wms", "movement", -1, "11:01:00"),
    ]
    facts = [
        {
            "id": f"f{number}", "source": source, "kind": kind, "item": "A", "location": "HUB", "measure": "on_hand",
            "quantity": quantity, "uom": "EA", "recorded": f"2026-05-04T{at}Z", "received_at": f"2026-05-04T{at}Z",
        }
        for number, (source, kind, quantity, at) in enumerate(told, start=1)
    ]  # fmt: skip
    case = {"name": "never-posted", "network": network, "facts": facts}
    options = Options(batches=2, checkpoint_facts=1)
    (outcome,) = run_scenarios(warehouse, warehouse_dsn("owner"), scenarios([case]), options)
    assert warehouse.execute("select count(*) from intermediate.int_anchors").fetchone() == (1,)
    assert outcome.verdicts["f4"] == {"verdict": "delay", "variances": [-5], "explained_by": ["f2"]}
