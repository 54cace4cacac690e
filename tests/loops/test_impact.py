"""Order lines as an order system exports them, and which of them a variance touches."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tests.loops.conftest import Loops
from tests.resolve.lane import at, counted

from syncline.exceptions import About, open_exception
from syncline.exceptions.impact import measure_orders
from syncline.landing import Document, Load, land
from syncline.loops import land_orders
from syncline.warehouse.connect import connect_dsn


def line(order_line: str, units: int, promised: float, **rest: Any) -> bytes:
    said = {
        "order_line": order_line, "item": "SKU-0001", "location": "DC1", "quantity": units, "uom": "EA",
        "released_at": at(1).isoformat(), "promised": at(promised).isoformat(), "unit_price": 250, "currency": "EUR",
        "channel": "shop", **rest,
    }  # fmt: skip
    return json.dumps(said).encode()


def export(loops: Loops, received: datetime, *lines: bytes) -> tuple[int, int]:
    with connect_dsn(loops.dsn("loader")) as loader:
        landed = land_orders(loader, "dc1_wms", f"orders {received:%H%M}", b"\n".join(lines), received)
    return landed.facts, landed.faults


def report_six(loops: Loops) -> None:
    """The partner beside the owner finds 6 at the moment at which the owner counts 10."""
    report = counted(2, 30, 6)._replace(sequence=None, line_key="R-1/1", event_key="R-1/1")
    with connect_dsn(loops.dsn("loader")) as loader:
        land(loader, Load("acme_3pl", "edi", at(35), [Document("846", b"{}", (report,))]))


def impact(loops: Loops) -> list[tuple[Any, ...]]:
    return list(
        loops.rows(
            "select order_line, outstanding, available, variance, short, short_if_true, value_at_risk, currency "
            'from marts.fct_order_impact order by priority, promised, order_line collate "C"'
        )
    )


def test_what_is_there_goes_by_priority_then_promise_then_order_line(loops: Loops) -> None:
    lines = [line("O-3/1", 4, 60), line("O-2/1", 4, 60), line("O-1/1", 4, 90), line("O-9/1", 3, 900, priority=10)]
    loops.tell(1, counted(1, 0, 10))
    assert export(loops, at(2), *lines) == (4, 0)
    assert loops.batch(3)
    # 10 are there: 3 for the first by priority, 4 and 3 for the next two by promise and name, none for the last.
    assert impact(loops) == [
        ("O-3/1", 4, 10, 0, 1, 1, 250, "EUR"),
        ("O-1/1", 4, 10, 0, 4, 4, 1000, "EUR"),
    ]
    assert export(loops, at(4), *lines) == (0, 0)  # told again: known


def test_a_variance_touches_the_lines_that_the_missing_units_were_for(loops: Loops) -> None:
    loops.tell(1, counted(1, 0, 10))
    export(loops, at(2), line("O-1/1", 4, 60), line("O-2/1", 4, 90))
    loops.batch(3)
    assert impact(loops) == []
    loops.tell(20, counted(2, 19, 5))  # a count finds 5 where 10 were expected
    loops.batch(21)
    assert loops.rows("select verdict from marts.fct_variances") == [("discrepancy",)]
    # Our number follows the count: 5 are there, and 3 units of one line are short because of what it did not find.
    assert [(row[0], row[2], row[3], row[4], row[5]) for row in impact(loops)] == [("O-2/1", 5, -5, 3, 3)]
    assert loops.rows("select touched, variance_source from marts.fct_order_impact") == [(3, "dc1_wms")]


def test_what_a_secondary_does_not_find_is_short_only_if_it_is_true(loops: Loops) -> None:
    loops.tell(1, counted(1, 0, 10))
    export(loops, at(2), line("O-1/1", 4, 60), line("O-2/1", 4, 90), line("O-3/1", 4, 95))
    loops.batch(3)
    loops.tell(31, counted(3, 30, 10))
    report_six(loops)
    loops.batch(36)
    assert loops.rows(
        "select order_line, variance, short, short_if_true, touched, value_at_risk, variance_source "
        "from marts.fct_order_impact order by promised"
    ) == [("O-2/1", -4, 0, 2, 2, 500, "acme_3pl"), ("O-3/1", -4, 2, 4, 2, 1000, "acme_3pl")]


def test_an_exception_says_how_many_order_lines_it_touches(loops: Loops) -> None:
    orders = "select orders from ops.exceptions where rule = 'discrepancy' order by location"
    loops.tell(1, counted(1, 0, 10))
    export(loops, at(2), line("O-1/1", 4, 60), line("O-2/1", 4, 90), line("O-3/1", 4, 95))
    loops.tell(31, counted(3, 30, 10))
    report_six(loops)
    loops.batch(36)
    with connect_dsn(loops.dsn("transformer")) as transformer:
        for location in ("DC1", "DC2"):
            about = About(item="SKU-0001", location=location, measure="on_hand")
            open_exception(
                transformer, "discrepancy", f"SKU-0001/{location}/on_hand", detail="6 of 10", next_step="Count.",
                at=at(36), about=about,
            )  # fmt: skip
    assert loops.rows(orders) == [(None,), (None,)]
    with connect_dsn(loops.dsn("transformer")) as transformer:
        assert [measure_orders(transformer, at(minutes)) for minutes in (37, 38)] == [1, 0]
    assert loops.rows(orders) == [(2,), (None,)]
    export(
        loops,
        at(40),
        line("O-2/1", 4, 90, revision=2, is_cancelled=True),
        line("O-3/1", 2, 95, revision=2, is_cancelled=True),
    )
    loops.batch(41)
    with connect_dsn(loops.dsn("transformer")) as transformer:
        assert [measure_orders(transformer, at(minutes)) for minutes in (42, 43)] == [1, 0]
    assert loops.rows(orders) == [(0,), (None,)]
    assert loops.rows("select what, details from ops.exception_changes where what = 'measured' order by version") == [
        ("measured", {"orders": 2}), ("measured", {"orders": 0}),
    ]  # fmt: skip


def test_a_line_that_breaks_the_contract_is_kept_with_its_place_and_stops_no_other(loops: Loops) -> None:
    bad = [b'{"order_line": "O-1/1", "quantity": 1.5}', b"[1]", b'{"quantity": 9999999999999999}', b"\xff\xfe"]
    assert export(loops, at(2), *bad, line("O-2/1", 4, 60)) == (1, len(bad))
    told = loops.rows("select position, fault_code from raw.facts where fault_code is not null order by position")
    assert told == [(f"line {number}", "order_contract") for number in range(1, len(bad) + 1)]
    assert loops.rows("select order_line, unit_price from raw.order_terms") == [("O-2/1", 250)]
