"""What people do at the desk, and how an exception ends by them: through the real lane."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC
from pathlib import Path

import psycopg
import pytest
from tests.decisions.lane import Lane, at, movement, told_id
from tests.exceptions.conftest import Desk, after, anna

from syncline.decisions import land_write_offs
from syncline.errors import TerminalError
from syncline.exceptions import About, resolving
from syncline.exceptions.desk import By, ChangeRefused, NoSuchException, assign, comment, reopen, snooze, take
from syncline.exceptions.listing import Filter, evidence, search
from syncline.explain.keys import StockKey
from syncline.explain.pushes import troubles
from syncline.explain.trace import trace
from syncline.landing import Fact
from syncline.warehouse.connect import connect_dsn

FIVE, SIX = movement(2, -5, event_key="K"), movement(3, -6, minute=10, event_key="K")


def test_taken_given_away_and_talked_about(desk: Desk) -> None:
    number = desk.find(after())
    assert take(desk.conn, number, anna()).owner == "anna"
    assert (given := assign(desk.conn, number, anna(), team="partner")).team == "partner"
    assert (given.owner, given.channel, given.state) == ("partner desk", "partners@example.com", "acknowledged")
    assert assign(desk.conn, number, anna(), owner="ben").owner == "ben"
    comment(desk.conn, number, anna(), "they counted twice")
    with pytest.raises(TerminalError, match="No document 'nowhere'"):
        comment(desk.conn, number, anna(), "see", document="nowhere")
    assert desk.rows("select changed_by, note from ops.exception_changes where what = 'commented'") == [
        ("anna", "they counted twice")
    ]
    assert desk.rows("select owner, version from ops.exceptions") == [("ben", 5)]
    told = desk.rows("select payload from ops.events where kind = 'exception.assigned' order by subject, event_id")
    assert {(each["owner"], each.get("channel")) for (each,) in told} == {
        ("partner desk", "partners@example.com"), ("ben", None),
    }  # fmt: skip


def test_a_repeat_of_a_call_changes_nothing(desk: Desk) -> None:
    number = desk.find(after())
    for _ in range(3):
        comment(desk.conn, number, anna(request_id="call-1"), "once")
    assert [what for what, *_ in desk.history(number)] == ["opened", "commented"]


def test_who_has_seen_another_version_is_refused(desk: Desk) -> None:
    number = desk.find(after())
    take(desk.conn, number, anna(expected=1))
    with pytest.raises(ChangeRefused, match="changed meanwhile"):
        take(desk.conn, number, By("ben", after(2), expected=1))
    assert desk.rows("select owner from ops.exceptions") == [("anna",)]


def test_what_makes_no_sense_is_refused_with_a_next_step(desk: Desk) -> None:
    number = desk.find(after())
    with pytest.raises(NoSuchException):
        take(desk.conn, number + 1, anna())
    with pytest.raises(ChangeRefused, match="cannot go from open to reopened"):
        reopen(desk.conn, number, anna(), "again")
    with pytest.raises(TerminalError, match="not after now"):
        snooze(desk.conn, number, anna(2), after(2))
    with pytest.raises(TerminalError, match="is no team"):
        assign(desk.conn, number, anna(), team="cleaners")
    with pytest.raises(TerminalError, match="printable"):
        comment(desk.conn, number, anna(), "a\x00b")
    with pytest.raises(TerminalError, match="printable"):
        By("  ", after())
    assert desk.history(number) == [("opened", "syncline", None, "open")]


def test_an_old_one_is_not_reopened_beside_a_new_one(desk: Desk) -> None:
    first = desk.find(after())
    desk.gone(after(1))
    second = desk.find(after(2, days=8))
    assert second != first
    with pytest.raises(ChangeRefused, match="a later one stands"):
        reopen(desk.conn, first, By("anna", after(3, days=8)), "too early")


def test_what_asks_for_somebody_comes_first(desk: Desk) -> None:
    late = desk.find(after(), subject="late")
    asleep = desk.find(after(), subject="asleep")
    snooze(desk.conn, asleep, anna(), after(48))
    critical = desk.find(after(20), "breaker", "trip 1", about=About(target="erp"))
    low = desk.find(after(), "target.unknown_reference", "erp item X", about=About(target="erp"))
    gone = desk.find(after(), subject="gone")
    desk.gone(after(1), subject="gone")

    def numbers(**wanted: object) -> list[int]:
        return [each.exception_id for each in search(desk.conn, Filter(**wanted), after(20))]  # type: ignore[arg-type]

    assert numbers() == [critical, late, low, asleep]
    assert numbers(overdue=True) == [late]
    assert numbers(states=("resolved",)) == [gone]
    assert numbers(target="erp", severity="low") == [low]
    assert numbers(item="SKU-0001", location="DC1", team="warehouse") == [late, asleep]


def test_to_ask_a_partner_is_an_event_and_a_wait(desk: Desk) -> None:
    number = desk.find(after())
    asked = resolving.ask_partner(desk.conn, number, anna(), "was 945 77 complete?", partner=None, due=after(24))
    assert (asked.state, asked.asked, asked.snoozed_until, asked.resolution) == (
        "snoozed", "acme_3pl", after(24), "ask partner",
    )  # fmt: skip
    ((told,),) = desk.rows("select payload from ops.events where kind = 'exception.asked'")
    assert (told["asked"], told["question"], told["answer_by"][:16]) == (
        "acme_3pl", "was 945 77 complete?", "2026-11-03T12:00",
    )  # fmt: skip
    elsewhere = desk.find(after(), subject="x", about=About(item="SKU-0002", location="DC2"))
    with pytest.raises(TerminalError, match="names no partner"):
        resolving.ask_partner(desk.conn, elsewhere, anna(), "?", partner=None, due=after(24))


def test_an_accepted_refusal_needs_no_decision(desk: Desk) -> None:
    number = desk.find(after(), "file_refused", "acme_3pl/a.edi", about=About(source="acme_3pl"))
    assert resolving.accept(desk.conn, number, anna(), "they sent it again").resolution == "accept"
    assert desk.rows("select count(*) from ops.decisions") == [(0,)]
    told_by_nobody = desk.find(after(), "no reading", "erp/SKU-0001/DC1")
    assert resolving.accept(desk.conn, told_by_nobody, anna(), "known").state == "resolved"
    with pytest.raises(TerminalError, match="about no one item"):
        resolving.correct(desk.conn, desk.find(after(2), "file_refused", "b", about=About(source="a")), anna(3))


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Lane:
    return Lane(warehouse, warehouse_dsn, tmp_path)


def as_transformer(lane: Lane) -> AbstractContextManager[psycopg.Connection]:
    return connect_dsn(lane.dsn("transformer"))


def states(lane: Lane) -> list[tuple[str, str, str | None]]:
    return lane.rows("select rule, state, resolution from ops.exceptions order by exception_id")


def test_accepting_a_conflict_is_the_decision_that_ends_it(lane: Lane) -> None:
    lane.tell(at(10, 30), FIVE, SIX)
    assert lane.batch(at(10, 31))
    ((number, units),) = lane.rows("select exception_id, impact_units from ops.exceptions")
    assert units == 1  # −5 or −6
    with as_transformer(lane) as conn:
        linked = {each.ref for each in evidence(conn, number)}
        assert linked == {told_id(FIVE), told_id(SIX)}
        told = trace(conn, f"exception:{number}")
        assert {fact.fact_id for fact in told.facts} == linked
        assert [document.source for document in told.documents] == ["dc1_wms"]
        resolving.accept(conn, number, By("anna", at(10, 45)), "typed twice")
        with pytest.raises(TerminalError):
            resolving.accept(conn, number, By("anna", at(10, 46)), "typed twice")
    assert states(lane) == [("conflict", "resolved", "accept")]
    lane.tell(at(10, 50), movement(9, -1, minute=40))
    assert lane.batch(at(10, 51))
    assert states(lane) == [("conflict", "resolved", "accept")]
    assert lane.corrections()["erp"][:2] == (94, "pending")


def test_a_batch_that_knows_no_decision_does_not_reopen(lane: Lane) -> None:
    lane.tell(at(10, 30), FIVE, SIX)
    assert lane.batch(at(10, 31))
    lane.tell(at(10, 32), movement(9, -1, minute=20))
    early = lane.open(at(10, 33))  # before the decision: what that answers, it still finds
    assert early is not None
    with as_transformer(lane) as conn:
        resolving.accept(conn, 1, By("anna", at(10, 34)), "typed twice")
    lane.build(early)
    assert states(lane) == [("conflict", "resolved", "accept")]


def test_to_correct_has_the_key_thought_about_again(lane: Lane) -> None:
    lane.tell(at(10, 30), FIVE, SIX)
    assert lane.batch(at(10, 31))
    with as_transformer(lane) as conn:
        resolving.correct(conn, 1, By("anna", at(10, 40)))
    assert states(lane) == [("conflict", "resolved", "correct")]
    assert lane.batch(at(10, 41))
    assert states(lane) == [("conflict", "reopened", None)]  # nothing was corrected


def test_a_write_off_is_booked_once(lane: Lane) -> None:
    lane.tell(at(10, 30), movement(2, -5))
    report = Fact("balance", "A-10001", "ACM-CHI", "17", "EA", "80", "2026-11-02T11:00:00.000Z", "R-1", "R-1", "1", "t")
    lane.tell(at(11, 1), report, source="acme_3pl")
    assert lane.batch(at(11, 2))
    ((number, rule, units, minor),) = lane.rows(
        "select exception_id, rule, impact_units, impact_minor from ops.exceptions"
    )
    assert (rule, units, minor) == ("discrepancy", 15, 15 * 4900)
    by = By("anna", at(11, 10).astimezone(UTC), request_id="phone-1")
    with as_transformer(lane) as conn:
        for _ in range(3):
            kept = resolving.write_off(conn, number, by, "three of them are crushed", -3)
    assert (kept.state, kept.resolution) == ("resolved", "write off")
    with connect_dsn(lane.dsn("loader")) as loader:
        assert land_write_offs(loader) == 1
    assert lane.batch(at(11, 11))
    assert lane.on_hand() == 77  # the newer report of 80, and the three
    assert lane.rows("select kind from ops.exception_evidence where kind = 'decision'") == [("decision",)]
    ((document,),) = lane.rows("select document_id from raw.documents where source = 'operator'")
    with as_transformer(lane) as conn:
        comment(conn, number, By("anna", at(11, 12)), "the write-off", document=document)
        (linked,) = [each for each in evidence(conn, number) if each.kind == "document"]
    assert (linked.source, linked.ref) == ("operator", document)


def test_a_snoozed_one_is_open_again_by_the_lane(lane: Lane) -> None:
    lane.tell(at(10, 30), FIVE, SIX)
    assert lane.batch(at(10, 31))
    with as_transformer(lane) as conn:
        snooze(conn, 1, By("anna", at(10, 40)), at(12))
    assert not lane.batch(at(11, 59))
    assert lane.batch(at(12))
    assert states(lane) == [("conflict", "open", None)]


def test_the_past_shows_it_while_it_stood(desk: Desk) -> None:
    number = desk.find(after())
    take(desk.conn, number, anna(0.5))
    desk.gone(after(1))
    assert desk.find(after(2)) == number
    key = StockKey("SKU-0001", "DC1", "on_hand", "", "UTC")
    shown = {hours: len(troubles(desk.conn, key, after(hours))) for hours in (-1, 0, 0.7, 1, 1.5, 2, 9)}
    assert shown == {-1: 0, 0: 1, 0.7: 1, 1: 0, 1.5: 0, 2: 1, 9: 1}
    assert len(troubles(desk.conn, key, None)) == 1
