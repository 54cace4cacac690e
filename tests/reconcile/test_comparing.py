"""Three full states beside what the real models decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.reconcile.stating import Stated, configured, tolerance
from tests.resolve.lane import NOON, Lane, at, counted, moved

from syncline.reconcile.promoting import Flood
from syncline.reconcile.variances import raise_overdue
from syncline.warehouse.connect import connect_dsn

CALM = Flood(100, 1)


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Lane:
    return Lane(warehouse, warehouse_dsn, tmp_path)


@pytest.fixture
def stated(lane: Lane) -> Stated:
    """Items 1 to 4 counted at noon: 100, 200, 300, 400; of the first, 5 were shipped at 12:30."""
    facts = [counted(number, 0, 100 * number)._replace(item_ref=f"SKU-{number:04d}") for number in (1, 2, 3, 4)]
    lane.tell(1, *facts)
    lane.tell(31, moved(9, 30, -5))
    lane.batch(40)
    return Stated(lane)


def numbers(*units: int) -> dict[str, int]:
    return {f"SKU-{number:04d}": each for number, each in enumerate(units, 1)}


def test_what_agrees_is_counted_and_keeps_no_row(stated: Stated) -> None:
    """The WMS speaks of before the shipment, the books of after it: each is right at its own instant."""
    stated.say("wms", 20, numbers(100, 200, 300, 400))
    stated.say("erp", 35, numbers(95, 200, 300, 400))
    compared = stated.run(41, CALM)
    assert compared is not None
    assert stated.rows() == []
    assert compared.pairs == {"wms~canonical": {"match": 4}, "erp~canonical": {"match": 4}, "wms~erp": {"match": 4}}


def test_each_pair_has_a_verdict_and_the_majority_is_named(stated: Stated) -> None:
    stated.say("wms", 35, numbers(95, 190, 300, 400))
    stated.say("3pl", 35, numbers(95, 190, 300, 390))
    stated.say("erp", 35, numbers(95, 200, 310, 400))
    stated.run(41, CALM)
    found = stated.rows("item, measure, pair, variance::bigint, verdict, majority")
    assert [row for row in found if row[0] == "SKU-0001"] == []
    # Whose number it is: two of the floor say 190, canonical and the books 200.
    assert [row[1:] for row in found if row[0] == "SKU-0002"] == [
        ("financial", "3pl~erp", -10, "discrepancy", None),
        ("financial", "wms~erp", -10, "discrepancy", None),
        ("on_hand", "3pl~canonical", -10, "discrepancy", ["3pl", "wms"]),
        ("on_hand", "wms~canonical", -10, "discrepancy", ["3pl", "wms"]),
    ]
    assert [row[1:] for row in found if row[0] == "SKU-0003"] == [
        ("financial", "3pl~erp", -10, "discrepancy", ["3pl", "canonical", "wms"]),
        ("financial", "erp~canonical", 10, "discrepancy", ["3pl", "canonical", "wms"]),
        ("financial", "wms~erp", -10, "discrepancy", ["3pl", "canonical", "wms"]),
    ]
    assert [row[1:4] for row in found if row[0] == "SKU-0004"] == [
        ("financial", "3pl~erp", -10),
        ("on_hand", "3pl~canonical", -10),
        ("on_hand", "wms~3pl", 10),
    ]


def test_absence_is_zero_only_where_the_state_proves(stated: Stated) -> None:
    stated.say("wms", 35, numbers(95, 200, 300))
    stated.say("erp", 35, numbers(95, 200), proven=False)
    compared = stated.run(41, CALM)
    assert stated.rows() == [("SKU-0004", "on_hand", "", "wms~canonical", -400, "discrepancy")]
    assert compared is not None
    assert "erp~canonical" not in compared.pairs or set(compared.pairs["erp~canonical"]) == {"incomparable"}


def test_goods_of_others_are_not_in_the_books(lane: Lane) -> None:
    lane.tell(1, counted(1, 0, 100), moved(2, 0, 30, kind="balance", status_ref="consigned"))
    configured(lane.owner, NOON, _consigned_owner)
    lane.batch(2)
    stated = Stated(lane)
    stated.say(
        "wms", 35, [("SKU-0001", 100, "on_hand"), ("SKU-0001", 30, "consigned")], measures=["on_hand", "consigned"]
    )
    stated.say("erp", 35, {"SKU-0001": 70})
    compared = stated.run(41, CALM)
    assert stated.rows() == []
    assert compared is not None
    assert compared.pairs["wms~erp"] == {"match": 1}


def _consigned_owner(rows: dict[str, Any]) -> None:
    rule = next(row for row in rows["ownership_rules"] if (row["measure"], row["location"]) == ("on_hand", "DC1"))
    rows["ownership_rules"].append({**rule, "measure": "consigned"})


def test_a_unit_is_exact_and_one_that_is_not_mapped_is_said_so(stated: Stated) -> None:
    factor = stated.lane.rows("select factor_num from ops.current_unit_factors where item = 'SKU-0002' and uom = 'CA'")[
        0
    ][0]
    stated.say("wms", 35, [
        ("SKU-0001", 95), ("SKU-0002", 200 - factor), ("SKU-0002", 1, "on_hand", None, "CA"),
        ("SKU-0003", 3, "on_hand", None, "PALLET"), ("SKU-0004", 400),
    ])  # fmt: skip
    stated.run(41, CALM)
    assert stated.rows("item, pair, verdict, reason") == [
        ("SKU-0003", "wms~canonical", "incomparable", "unit not mapped")
    ]


def test_hysteresis_opens_above_one_limit_and_closes_at_the_other(stated: Stated) -> None:
    def limits(rows: dict[str, Any]) -> None:
        rows["variance_tolerances"] = [tolerance(open_units=10, close_units=4)]

    configured(stated.lane.owner, at(32), limits)
    told = []
    for step, off in enumerate([10, 11, 5, 10, 4, 5, 0]):
        stated.say("erp", 42 + step, numbers(95 + off, 200, 300, 400))
        stated.run(42.6 + step, CALM)
        told.append(
            ([row[5] for row in stated.rows()], stated.rows("is_open"), stated.lane.exceptions("books.variance"))
        )
    verdicts = [each[0] for each in told]
    assert verdicts == [
        ["within_tolerance"], ["discrepancy"], ["discrepancy"], ["discrepancy"], ["within_tolerance"],
        ["within_tolerance"], [],
    ]  # fmt: skip
    subject = "SKU-0001/DC1/financial"
    assert [each[2] for each in told] == [
        [], [(subject, "open")], [(subject, "open")], [(subject, "open")], [(subject, "resolved")],
        [(subject, "resolved")], [(subject, "resolved")],
    ]  # fmt: skip


def test_the_most_specific_rule_decides_and_is_shown(stated: Stated) -> None:
    item_class = stated.lane.rows("select item_class from ops.current_items where item = 'SKU-0001'")[0][0]

    def limits(rows: dict[str, Any]) -> None:
        rows["variance_tolerances"] = [
            tolerance(open_units=0),
            tolerance(open_units=50, location="DC1"),
            tolerance(open_permille=10, location="DC1", item_class=item_class),
            tolerance(open_value=4900, location="DC1", item_class=item_class, measure="financial"),
        ]

    configured(stated.lane.owner, at(32), limits)
    stated.say("wms", 35, numbers(96, 200, 300, 400))
    stated.say("erp", 35, numbers(96, 202, 300, 400))
    stated.run(41, CALM)
    found = stated.rows("item, pair, verdict, rule")
    # 1 of 95 is above 10 per mille; one unit of 49.00 is at the limit by value, two are above it.
    assert ("SKU-0001", "wms~canonical", "discrepancy", f"DC1/{item_class}/*/*") in found
    assert ("SKU-0001", "erp~canonical", "within_tolerance", f"DC1/{item_class}/*/financial") in found
    assert ("SKU-0002", "erp~canonical", "discrepancy", f"DC1/{item_class}/*/financial") in found


def test_a_correction_under_way_explains_the_books_until_its_time_is_over(stated: Stated) -> None:
    _push(stated.lane, "SKU-0002", wanted=200, shown=230, state="sent", minutes=33)
    stated.say("erp", 35, numbers(95, 230, 300, 400))
    stated.run(41, CALM)
    assert stated.rows("item, pair, verdict, explained_by, due_at") == [
        ("SKU-0002", "erp~canonical", "delay", ["push SKU-0002"], at(93))
    ]
    assert stated.lane.exceptions("books.variance") == []
    with connect_dsn(stated.lane.dsn("transformer")) as conn:
        raise_overdue(conn, at(92))
        assert stated.lane.exceptions("books.variance") == []
        raise_overdue(conn, at(93))
    assert stated.lane.exceptions("books.variance") == [("SKU-0002/DC1/financial", "open")]
    stated.run(94, CALM)
    assert stated.rows("verdict, reason") == [("discrepancy", "overdue")]


def test_no_chosen_few_explain_a_difference(stated: Stated) -> None:
    """Of two corrections under way neither, nor both, make 7."""
    _push(stated.lane, "SKU-0002", wanted=200, shown=203, state="sent", minutes=33)
    stated.say("erp", 35, numbers(95, 207, 300, 400))
    stated.run(41, CALM)
    assert stated.rows("verdict, explained_by") == [("discrepancy", None)]


def _push(lane: Lane, item: str, *, wanted: int, shown: int, state: str, minutes: float) -> None:
    lane.owner.execute("alter table ops.outbox disable trigger user")
    lane.owner.execute(
        "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown,"
        " quantity, state, batch_id, tries, created_at, changed_at, event, fact_id, priority, send_by)"
        " select 'push ' || %(item)s, 'erp', %(item)s, 'DC1', 1, 1, 'delta', %(wanted)s, %(shown)s,"
        " %(wanted)s::bigint - %(shown)s, %(state)s, max(batch_id), 1, %(at)s, %(at)s, 'books', 'f', 3, %(at)s"
        " from ops.batches",
        {"item": item, "wanted": wanted, "shown": shown, "state": state, "at": at(minutes)},
    )
    lane.owner.execute("alter table ops.outbox enable trigger user")


def test_a_state_of_the_moment_of_a_movement_may_be_of_before_it(stated: Stated) -> None:
    """The WMS is 2 s off at most: at 12:30:01 it may not have posted the shipment of 12:30:00 in its own time."""
    stated.say("wms", 30 + 1 / 60, numbers(100, 200, 300, 400))
    compared = stated.run(41, CALM)
    assert stated.rows() == []
    assert compared is not None
    assert compared.pairs["wms~canonical"] == {"match": 4}


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ((0, 0, 0, 0), "probably cut"),
        ((95 * 12, 2400, 3600, 4800), "12 times our number, so its unit"),
        ((102, 207, 307, 407), "off by 7"),
        ((200, 300, 400, 95), "under other names"),
        ((1, 222, 17, 3), "no one pattern"),
    ],
)
def test_a_flood_is_told_once_trips_and_opens_nothing_else(stated: Stated, told: tuple[int, ...], cause: str) -> None:
    limit = Flood(40, 2)
    stated.say("erp", 35, numbers(*told))
    for _ in range(2):
        compared = stated.run(41, limit)
        assert compared is not None
        assert [flood.differing for flood in compared.floods] == [4]
    assert cause in compared.floods[0].line
    assert stated.rows() == []
    assert stated.lane.rows("select rule, subject, state from ops.exceptions") == [
        ("snapshot.flood", "erp/DC1", "open")
    ]
    trips = "select rule, source, locations, measured, state from ops.breaker_trips"
    assert stated.lane.rows(trips) == [("snapshot_flood", "erp", ["DC1"], 4, "open")]
    stated.say("erp", 43, numbers(95, 200, 300, 401))
    stated.run(44, limit)
    assert stated.lane.rows("select rule, state from ops.exceptions order by 1") == [
        ("books.variance", "open"), ("snapshot.flood", "resolved"),
    ]  # fmt: skip
    assert stated.lane.rows(trips)[0][-1] == "recovered"


@pytest.mark.parametrize(("minutes", "is_flood"), [(33, False), (-30, True)])
def test_our_own_pushes_are_no_flood_until_their_time_is_over(stated: Stated, minutes: float, is_flood: bool) -> None:
    """All four numbers of the books lack a correction; sent at 12:33 they may, at 11:30 they should not any more."""
    for item, wanted, shown in (("1", 95, 105), ("2", 200, 203), ("3", 300, 301), ("4", 400, 390)):
        _push(stated.lane, f"SKU-000{item}", wanted=wanted, shown=shown, state="sent", minutes=minutes)
    stated.say("erp", 35, numbers(105, 203, 301, 390))
    compared = stated.run(41, Flood(40, 2))
    assert compared is not None
    assert [flood.differing for flood in compared.floods] == ([4] if is_flood else [])
    assert {verdict for (verdict,) in stated.rows("verdict")} == (set() if is_flood else {"delay"})


def test_an_older_run_takes_nothing_back(stated: Stated) -> None:
    stated.say("erp", 35, numbers(95, 210, 300, 400))
    stated.run(41, CALM, asked_by="first")
    stated.run(42, CALM, asked_by="second")
    assert stated.run(43, CALM, asked_by="first") is None
    assert [row[5] for row in stated.rows()] == ["discrepancy"]


def test_what_is_open_and_not_heard_stays_open(stated: Stated) -> None:
    stated.say("erp", 35, numbers(95, 210, 300, 400))
    stated.run(41, CALM)
    stated.lane.owner.execute("alter table raw.snapshots disable trigger user")
    stated.lane.owner.execute("update raw.snapshots set is_proven = false")
    stated.run(42, CALM)
    assert stated.rows("verdict, reason, is_open") == [("incomparable", "not heard", True)]
    assert stated.lane.exceptions("books.variance") == [("SKU-0002/DC1/financial", "open")]
