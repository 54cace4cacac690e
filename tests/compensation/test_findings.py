"""What the books and a transfer must show before a rule answers them, and what answering them does."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compensation.conftest import Rules, at

from syncline.compensation import desk
from syncline.compensation.cases import find_cases
from syncline.compensation.desk import read_rules
from syncline.exceptions import About, open_exception
from syncline.resolve import build_marts
from syncline.warehouse.connect import connect_dsn

BOOKS = {"finding": "books.variance", "action": "correct"}
REST = {"finding": "transfer_short", "action": "write off"}


def compared(
    rules: Rules, *, majority: str = "{canonical,wms}", verdict: str = "discrepancy", is_proven: str = "true"
) -> None:
    """The newest comparison of DC1: the ERP says 107, we and the floor 100."""
    sides = f'{{"sides": [{{"system": "erp", "source": "erp", "is_proven": {is_proven}}}]}}'
    rules.owner.execute(
        "insert into ops.reconciliations (location, as_of, asked_by, begun_at, compared) "
        "values ('DC1', %s, 'x', %s, %s)",
        (at(11), at(11), sides),
    )
    rules.owner.execute(
        "insert into ops.reconciliation_rows values (1, 'SKU-0001', 'DC1', 'financial', '', 'erp~canonical', 107, 100, "
        "7, %s, null, %s, 'none', 'normal', 100, null, null, true, %s)",
        (verdict, majority, at(11)),
    )
    with connect_dsn(rules.dsn("transformer")) as conn:
        about = About(item="SKU-0001", location="DC1", measure="financial")
        open_exception(
            conn, "books.variance", "SKU-0001/DC1/financial", detail="107 beside 100", next_step="x", at=at(11),
            about=about, units=7,
        )  # fmt: skip


def fault(rules: Rules) -> str | None:
    with connect_dsn(rules.dsn("transformer")) as conn, conn.transaction():
        (case,) = find_cases(conn, read_rules(conn), at(12))
    return case.fault


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, None),
        ({"majority": "{canonical}"}, "no warehouse says our number too"),
        ({"majority": "{wms,erp}"}, "no warehouse says our number too"),
        ({"verdict": "delay"}, "the newest comparison says delay"),
        ({"is_proven": "false"}, "the books were not proven whole"),
    ],
)
def test_books_are_corrected_when_they_stand_alone(rules: Rules, more: dict[str, Any], told: str | None) -> None:
    rules.batch(at(10))
    rules.rule(at(11), BOOKS)
    compared(rules, **more)
    assert fault(rules) == told
    done = rules.run(at(12))
    assert (len(done.applied), len(done.waiting)) == ((1, 0) if told is None else (0, 1))
    queued = rules.rows("select target, item, location, reason from ops.correction_queue where reason = 'compensation'")
    assert queued == ([("erp", "SKU-0001", "DC1", "compensation")] if told is None else [])
    assert rules.rows("select count(*) from ops.exceptions where rule = 'books.variance' and state = 'resolved'") == [
        (int(told is None),)
    ]


def test_a_correction_on_its_way_is_waited_for(rules: Rules) -> None:
    rules.show(90, 90, no=2)
    rules.batch(at(10))
    ((name, state),) = rules.rows(
        "select correction_id, state from ops.outbox where target = 'erp' and state <> 'dead'"
    )
    rules.rule(at(11), BOOKS)
    compared(rules)
    assert fault(rules) == f"correction {name} is {state}"


def short_transfer(rules: Rules) -> None:
    """10 left DC1 for DC2, 7 came, due at 11:00; DC2's WMS tells what is in transit to it."""
    rules.batch(at(10))
    build_marts(rules.dsn("transformer"))
    # The mart is what a rule reads; how documents become it is the business of its own tests.
    rules.owner.execute("drop view marts.fct_transfers cascade")
    rules.owner.execute(
        """
        create view marts.fct_transfers as select 'T-9' as event_key, 'SKU-0001' as item, 'on_hand' as measure,
          'DC1' as from_location, 'DC2' as to_location, 10::bigint as shipped, 7::bigint as received,
          3 - coalesce((select -sum(d.quantity) from ops.decisions d where d.kind = 'write_off'), 0)::bigint
            as in_transit,
          case when exists (select from ops.decisions where kind = 'write_off') then 'closed' else 'short' end as state,
          timestamptz '2026-11-02T11:00:00Z' as due_at, true as is_overdue
        """
    )
    rules.owner.execute("grant select on marts.fct_transfers to syncline_transformer")
    rules.owner.execute(
        "insert into canonical.balances select item, 'DC2', 'in_transit', lot, 3, 3, 3, false, base_fact, base_from, "
        "base_to, batch_id from canonical.balances where location = 'DC1' and measure = 'on_hand'"
    )


def test_the_rest_of_a_transfer_is_written_off_and_comes_back(rules: Rules) -> None:
    short_transfer(rules)
    rules.rule(at(11), REST | {"wait_s": 3600, "key_units": 3})
    assert rules.run(at(11, 59)) == desk.Ran(), "due at 11:00, and an hour is waited"
    (name,) = rules.run(at(12), "run 2").applied
    told = (
        "select decision_id, quantity, event_key, measure, location, withdraws from ops.decisions order by decided_at"
    )
    first = (f"compensation-{name}", -3, "T-9", "in_transit", "DC2", None)
    assert rules.rows(told) == [first]
    assert rules.run(at(12, 1), "run 3") == desk.Ran()
    rules.do(desk.reverse, name, at(13))
    back = f"reversal-{name}"
    assert rules.rows(told) == [first, (back, 3, f"decision/{back}", "in_transit", "DC2", f"compensation-{name}")]
    landed = "select quantity from raw.facts where source = 'operator' order by received_at"
    assert rules.rows(landed) == [("-3",), ("3",)]


@pytest.mark.parametrize(
    ("balance", "told"),
    [
        ("delete from canonical.balances where location = 'DC2'", "nobody tells what is in transit to DC2"),
        ("update canonical.balances set quantity = 2 where location = 'DC2'", "only 2 are sure to be in transit"),
    ],
)
def test_what_is_not_surely_in_transit_is_not_written_off(rules: Rules, balance: str, told: str) -> None:
    short_transfer(rules)
    rules.owner.execute(balance.encode())
    rules.rule(at(11), REST)
    assert fault(rules) == told
    assert len(rules.run(at(12)).waiting) == 1
