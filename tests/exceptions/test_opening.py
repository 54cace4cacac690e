"""One exception for each rule, key and period, with an owner, a due time, an impact and what it rests on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from tests.exceptions.conftest import KEY, SUBJECT, Desk, after, anna

from syncline.exceptions import About, open_exception, wake_snoozed
from syncline.exceptions.desk import snooze, take
from syncline.warehouse.connect import connect_dsn

ROW = (
    "select team, owner, channel, severity, due_at, period_s, impact_units, impact_minor, item, location, source "
    "from ops.exceptions where exception_id = %s"
)


def test_the_directory_says_whose_it_is_and_by_when(desk: Desk) -> None:
    number = desk.find(after(), units=-3)
    ((*told,),) = desk.rows(ROW, number)
    # DC1 has an owner of its own; a discrepancy is due after 8 h; an item of class A is worth 49.00.
    assert told == [
        "warehouse", "DC1 floor", "dc1@example.com", "high", after(8), 7 * 86400, 3, 3 * 4900, "SKU-0001", "DC1",
        "acme_3pl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "about", "told"),
    [
        ("file_refused", About(source="acme_3pl"), ("partner", "acme_3pl contact")),
        ("file_refused", About(source="dc1_wms"), ("partner", "partner desk")),
        ("discrepancy", About(item="A", location="DC9"), ("warehouse", "inventory control")),
        ("quarantined: unmapped_item", About(source="acme_3pl"), ("erp", "erp desk")),
        ("quarantined: in_future", About(source="acme_3pl"), ("warehouse", "inventory control")),
        ("nobody wrote this rule down", None, (None, None)),
    ],
)
def test_a_place_is_a_location_or_else_a_source(
    desk: Desk, rule: str, about: About | None, told: tuple[str | None, str | None]
) -> None:
    number = desk.find(after(), rule, "s", about=about)
    assert desk.rows("select team, owner from ops.exceptions where exception_id = %s", number) == [told]


def test_found_again_it_is_the_same_one(desk: Desk) -> None:
    first = desk.find(after(), units=3, evidence=["fact:a", "fact:a"])
    assert desk.find(after(1), units=3, evidence=["fact:b"]) == first
    assert desk.history(first) == [("opened", "syncline", None, "open")]
    assert desk.rows("select kind, ref, linked_at from ops.exception_evidence order by ref") == [
        ("fact", "a", after()), ("fact", "b", after(1)),
    ]  # fmt: skip


def test_another_size_of_it_is_a_change(desk: Desk) -> None:
    number = desk.find(after(), units=3)
    desk.find(after(1), units=-5)
    assert desk.history(number)[1:] == [("measured", "syncline", "open", "open")]
    assert desk.rows("select impact_units, impact_minor from ops.exceptions") == [(5, 5 * 4900)]


def test_inside_its_period_it_is_reopened_and_after_it_a_new_one(desk: Desk) -> None:
    first = desk.find(after())
    take(desk.conn, first, anna())
    desk.gone(after(2))
    again = desk.find(after(2, days=7) - timedelta(seconds=1), detail="off by 4")
    assert again == first
    told = desk.rows("select state, detail, owner, due_at - reopened_at, resolved_at from ops.exceptions")
    assert told == [("reopened", "off by 4", "anna", timedelta(hours=8), None)]
    desk.gone(after(3, days=7))
    assert desk.find(after(3, days=14)) == first + 1
    assert [what for what, *_ in desk.history(first)] == ["opened", "acknowledged", "resolved", "reopened", "resolved"]
    assert desk.history(first + 1) == [("opened", "syncline", None, "open")]


def test_closing_what_is_closed_changes_nothing(desk: Desk) -> None:
    number = desk.find(after())
    desk.gone(after(1))
    desk.gone(after(2))
    desk.gone(after(2), "never opened")
    assert [what for what, *_ in desk.history(number)] == ["opened", "resolved"]


def test_what_is_snoozed_stands_and_wakes_at_its_instant(desk: Desk) -> None:
    number = desk.find(after())
    snooze(desk.conn, number, anna(1), after(6))
    assert desk.find(after(2)) == number
    assert wake_snoozed(desk.conn, after(6) - timedelta(microseconds=1)) == 0
    assert wake_snoozed(desk.conn, after(6)) == 1
    assert wake_snoozed(desk.conn, after(6)) == 0
    assert desk.rows("select state, snoozed_until from ops.exceptions") == [("open", None)]
    # The lane is woken for it.
    assert desk.rows("select item, reason, due_at from ops.key_triggers") == [("*", "exception wakes", after(6))]


def test_at_most_fifty_things_are_linked(desk: Desk) -> None:
    number = desk.find(after(), evidence=[f"fact:{n:03d}" for n in range(80)])
    desk.find(after(1), evidence=["fact:999"])
    assert desk.rows("select count(*), max(ref) from ops.exception_evidence where exception_id = %s", number) == [
        (50, "049")
    ]


def test_twelve_that_find_it_at_once_open_one(desk: Desk, warehouse_dsn: Callable[[str], str]) -> None:
    barrier = threading.Barrier(12)

    def find(role: str) -> None:
        with connect_dsn(warehouse_dsn(role)) as conn:
            barrier.wait()
            open_exception(conn, "discrepancy", SUBJECT, detail="d", next_step="n", at=after(), about=KEY)

    for _ in ("a new one", "one to reopen"):
        threads = [
            threading.Thread(target=find, args=(role,)) for role in ("loader", "transformer", "publisher") * 4
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert desk.rows("select count(*) from ops.exceptions") == [(1,)]
        desk.gone(after(1))
    ((number,),) = desk.rows("select exception_id from ops.exceptions")
    assert [what for what, *_ in desk.history(number)] == ["opened", "resolved", "reopened", "resolved"]


def test_what_was_told_is_told_again_when_it_is_reopened(desk: Desk) -> None:
    desk.find(after())
    desk.gone(after(1))
    desk.find(after(2))
    assert desk.rows("select kind, location, occurred_at from ops.events order by occurred_at") == [
        ("exception.opened", "DC1", after()),
        ("exception.resolved", "DC1", after(1)),
        ("exception.reopened", "DC1", after(2)),
    ]


def test_who_may_not_decide_writes_by_the_functions_only(desk: Desk, warehouse_dsn: Callable[[str], str]) -> None:
    desk.find(after())
    for role in ("loader", "transformer", "publisher"):
        with connect_dsn(warehouse_dsn(role)) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("update ops.exceptions set owner = 'me'")
    with connect_dsn(warehouse_dsn("bi")) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("select ops.change_exception(1, 'resolved', 'me', now())")
