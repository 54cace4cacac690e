"""Each rule of causes on a key of its own, landed by hand and resolved by the real models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.history.telling import at, released
from tests.marts.telling import Telling
from tests.rereading.network import Warehouse

from syncline.config import apply, read_folder
from syncline.decisions import land_write_offs, propose_accept, propose_write_off, store
from syncline.home import project_root


def causes(ours: Warehouse) -> dict[str, tuple[Any, ...]]:
    """Item -> (rule, cause, class, variance, how it closed) of its latest variance, in the order of its time."""
    rows = ours.rows(
        "select item, rule, cause, cause_class, variance, closed_by from marts.fct_variance_causes "
        "order by reported_from, fact_id"
    )
    return {item: tuple(rest) for item, *rest in rows}


@pytest.fixture
def telling(new_warehouse: Callable[[], Warehouse]) -> Telling:
    return Telling(new_warehouse())


def test_what_came_since_explains_it(telling: Telling) -> None:
    """Late by minutes, late beyond what a partner declares, mapped later, written off; and a statement taken back."""
    t, ours = telling, telling.ours
    t.land(
        "dc1_wms", at("09:00:30"),
        *(t.count("dc1_wms", item, 50, "08:00:00") for item in (1, 2, 3)),
        t.move("dc1_wms", 2, -4, "08:30:00", item_ref="ALT-0002"),
        t.count("dc1_wms", 1, 45, "09:00:00"), t.count("dc1_wms", 2, 46, "09:00:00"),
        t.count("dc1_wms", 5, 50, "08:00:30"), t.move("dc1_wms", 50, 1, "08:10:00"),
    )  # fmt: skip
    t.land("beta_3pl", at("09:01"), t.count("beta_3pl", 4, 100, "08:00"), t.count("beta_3pl", 4, 95, "09:00"))
    # Neither older nor newer than the count: it is compared with it, and changes nothing.
    withdrawn = t.count("acme_3pl", 5, 47, "08:00", line_key="A-5/1", event_key="A-5/1")
    t.land("acme_3pl", at("09:01"), t.count("acme_3pl", 3, 45, "08:30"), withdrawn)
    released(ours, at("09:05"))
    found = causes(ours)
    assert {item: (rule, closed) for item, (rule, *_, closed) in found.items()} == {
        "SKU-0001": ("counted", "booked"), "SKU-0002": ("unmapped_fact", "booked"),
        "SKU-0003": ("no_evidence", "booked"), "SKU-0004": ("no_movement_feed", "booked"),
        "SKU-0005": ("no_evidence", None),
    }  # fmt: skip

    # The next hour brings what was missing, and a corrected line.
    t.land("dc1_wms", at("09:20"), t.move("dc1_wms", 1, -5, "08:45:00"))
    t.land(
        "acme_3pl", at("09:21"), t.count("acme_3pl", 5, 50, "08:00", line_key="A-5/1", event_key="A-5/1", revision=2)
    )
    rows = read_folder(project_root() / "dbt_project" / "seeds")
    rows["item_crosswalk"].append({**rows["item_crosswalk"][0], "item_ref": "ALT-0002", "item": "SKU-0002"})
    apply(ours.owner, rows, at("09:25"), "test")
    decision = propose_write_off(
        ours.transformer, "SKU-0003", "DC1", -5, recorded=at("08:15"), by="anna", at=at("09:26"), why="crushed"
    )
    store(ours.transformer, decision)
    land_write_offs(ours.loader)
    released(ours, at("09:30"))
    found = causes(ours)
    assert found["SKU-0001"] == ("told_later", "late feed", "architecture", -5, "explained")
    assert found["SKU-0002"] == ("mapped_later", "mapping", "architecture", -4, "explained")
    assert found["SKU-0005"][4] == "withdrawn"
    assert found["SKU-0003"] == ("written_off", "adjustment", "operations", -5, "explained")

    # A 945 of this morning, in the evening: later than beta's lag and hold allow.
    t.land("beta_3pl", at("18:00"), t.move("beta_3pl", 4, -5, "08:30"))
    released(ours, at("18:05"))
    assert causes(ours)["SKU-0004"] == ("told_overdue", "late feed", "partner", -5, "explained")
    history = ours.rows("select item, array_agg(verdict order by batch_id) from ops.verdict_history group by item")
    came_right = ["discrepancy", "match"]
    assert {item.removeprefix("SKU-000"): verdicts for item, verdicts in history} == {
        "1": came_right, "2": came_right, "3": came_right, "4": came_right, "5": ["discrepancy", "gone"],
    }  # fmt: skip
    with pytest.raises(psycopg.errors.RestrictViolation, match="insert-only"):
        ours.owner.execute("delete from ops.verdict_history")


def test_every_other_rule_has_its_evidence(telling: Telling) -> None:
    t, ours = telling, telling.ours
    wms, acme, beta = "dc1_wms", "acme_3pl", "beta_3pl"
    t.land(wms, at("08:01"), *(t.count(wms, item, 50, "08:00:00") for item in (6, 7, 8, 9, 12, 13, 14, 15, 16, 19)))
    # 9: it is newer than all that was told, and counts until the WMS does.
    t.land(acme, at("09:05"), t.count(acme, 9, 47, "09:00"))
    t.land(
        wms, at("12:00:30"),
        # 6: one event told with two bodies; the count has the other one.
        t.move(wms, 6, -5, "09:00:00", event_key="K-6/1"), t.move(wms, 6, -7, "09:10:00", event_key="K-6/1"),
        t.count(wms, 6, 43, "10:00:00"),
        # 7: its own book says that 4 went untold.
        t.move(wms, 7, -2, "09:00:00", balance_after="48"), t.move(wms, 7, -3, "09:30:00", balance_after="41"),
        t.count(wms, 7, 41, "10:00:00"),
        # 8: the WMS and the 3PL tell one shipment under two keys.
        t.move(wms, 8, -4, "09:00:00"), t.count(wms, 8, 46, "10:00:00"),
        t.count(wms, 9, 50, "10:00:00"), t.count(wms, 19, 50, "10:00:00"),
        # 12: told as damaged, gone at the count.
        t.move(wms, 12, 2, "09:00:00", status_ref="damaged"), t.count(wms, 12, 48, "10:00:00"),
        # 13: 3 shipped of 5 released, in one line.
        t.move(wms, 13, -3, "09:00:00", line_key="S-13/1"),
        t.move(wms, 13, -5, "09:00:00", line_key="S-13/1", status_ref="allocated"),
        t.count(wms, 13, 46, "10:00:00"),
        # 14: nothing but the count. 15: the same, and a report of the whole day that knows it.
        t.count(wms, 14, 49, "10:00:00"), t.count(wms, 15, 48, "10:00:00"),
    )  # fmt: skip
    t.land(
        acme, at("12:01"), t.move(acme, 8, -4, "09:00", event_key="other/1"), t.count(acme, 15, 48, "2026-11-02"),
        t.count(acme, 16, 47, "08:00"),
        # 19: told too late to count, and the next one fits.
        t.count(acme, 19, 47, "09:00"), t.count(acme, 19, 50, "10:30"),
    )  # fmt: skip
    # 17: 3 … 8 of DC2 are missing; more was counted.
    t.land(
        "dc2_wms", at("12:01"), t.count("dc2_wms", 17, 40, "08:00:00"), t.move("dc2_wms", 50, 1, "08:10:00"),
        t.count("dc2_wms", 17, 44, "10:00:00", sequence=9), numbers=(1, 2, 9),
    )  # fmt: skip
    t.land(
        beta, at("12:02"), *(t.count(beta, item, 100, "08:00") for item in (10, 11, 18)),
        t.move(beta, 18, -6, "09:00"),
    )  # fmt: skip
    t.land(beta, at("12:03"), t.count(beta, 10, 93, "10:00"))
    t.land(beta, at("12:04"), t.count(beta, 11, 91, "10:00"), status="partial", fault_code="line_incomplete")
    t.land(beta, at("12:05"), t.count(beta, 18, 100, "10:00"))
    released(ours, at("12:10"))

    arch, ops, partner = "architecture", "operations", "partner"
    expected = {
        "SKU-0006": ("told_differently", "key conflict", arch, -2),
        "SKU-0007": ("gap_in_the_book", "sequence gap", arch, -4),
        "SKU-0008": ("told_twice", "duplicate", arch, 4),
        "SKU-0009": ("taken_back", "misstated", partner, 3),
        "SKU-0010": ("document_missing", "missing document", partner, -7),
        "SKU-0011": ("read_in_part", "malformed document", partner, -9),
        "SKU-0012": ("damage_told", "damage", ops, -2),
        "SKU-0013": ("short_pick_told", "short pick", ops, -1),
        "SKU-0014": ("counted", "count", ops, -1),
        "SKU-0015": ("counted", "count", ops, -2),
        "SKU-0016": ("no_evidence", "unknown", ops, -3),
        "SKU-0017": ("numbers_missing", "sequence gap", arch, 4),
        "SKU-0018": ("said_again", "stale document", partner, 6),
        "SKU-0019": ("taken_back", "misstated", partner, -3),
    }
    assert {item: row[:4] for item, row in causes(ours).items()} == expected
    rows = ours.rows(
        "select item, source, rule, variance, evidence, closed_by from marts.fct_variance_causes "
        "where item in ('SKU-0009', 'SKU-0015') order by item, reported_from, source"
    )
    nine = [row for row in rows if row[0] == "SKU-0009"]
    assert [(source, rule, variance) for _, source, rule, variance, *_ in nine] == [
        (acme, "taken_back", -3), (wms, "taken_back", 3),
    ]  # fmt: skip
    # Partner and owner found the same: the evidence of the partner's is the owner's count.
    counted = ours.rows(
        "select fact_id from canonical.verdicts where item = 'SKU-0015' and reported = 48 and source = %s", wms
    )
    by_partner = next(row for row in rows if row[:2] == ("SKU-0015", acme))
    assert by_partner[4] == [counted[0][0]]

    # A person accepts what nothing explains: it is closed, its cause stays.
    (fact,) = ours.rows("select fact_id from marts.fct_variance_causes where item = 'SKU-0016'")[0]
    assert causes(ours)["SKU-0016"][4] is None
    store(ours.transformer, propose_accept(ours.transformer, [fact], by="anna", at=at("12:20"), why="counted it"))
    released(ours, at("12:30"))
    assert causes(ours)["SKU-0016"] == ("no_evidence", "unknown", ops, -3, "accepted")
    named = {rule for (rule,) in ours.rows("select rule from marts.dim_cause_rules")}
    seen = {row[0] for row in causes(ours).values()}
    others = {"mapped_later", "told_later", "told_overdue", "unmapped_fact", "no_movement_feed", "written_off"}
    assert named == seen | others
