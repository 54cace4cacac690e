"""Rules on the real lane: what is answered, once; what is taken back; what waits."""

from __future__ import annotations

import threading

import psycopg
import pytest
from tests.compensation.conftest import SUBJECT, Rules, at, movement, report

from syncline.compensation import desk
from syncline.compensation.cases import MartsMissing
from syncline.errors import TerminalError
from syncline.resolve import build_marts
from syncline.warehouse.connect import connect_dsn


def test_who_owns_the_number_is_never_accepted_against(rules: Rules) -> None:
    """A secondary that is provably newer stands in: its report is the number, and no rule accepts ours."""
    rules.tell(at(10, 1), movement(2, -4))
    rules.batch(at(10, 2))
    rules.tell(at(11, 1), report(3, 90, 11), source="acme_3pl")
    rules.batch(at(11, 2))
    build_marts(rules.dsn("transformer"))
    rules.rule(at(11, 3), {})
    assert len(rules.run(at(12)).waiting) == 1
    assert rules.rows("select reason from ops.compensations") == [
        ("the statement is the number itself: who owns the stock says it",)
    ]


def test_a_dry_run_says_what_would_be_and_changes_nothing(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {"mode": "dry run"})
    done = rules.run(at(12))
    assert (len(done.dry), done.applied, done.waiting) == (1, [], [])
    assert rules.rows("select state, reason, units, evidence[2] is null from ops.compensations") == [
        ("dry run", None, -6, True)
    ]
    assert rules.open_exceptions() == ["discrepancy"]
    assert rules.rows("select count(*) from ops.decisions") == [(0,)]
    assert not rules.batch(at(12, 1)), "nothing is to be decided anew"
    # The same finding goes live as the same compensation.
    rules.rule(at(12, 2), {})
    assert rules.run(at(12, 3), "run 2") == desk.Ran(applied=done.dry)


def test_what_evidence_decides_is_accepted_once_however_often_it_is_asked(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {})
    (name,) = rules.run(at(12)).applied
    assert rules.open_exceptions() == []
    assert rules.run(at(12)) == desk.Ran()
    assert rules.run(at(12, 1), "run 2") == desk.Ran()
    rules.batch(at(12, 2))
    assert rules.open_exceptions() == []
    assert rules.on_hand() == 96
    assert rules.story(name) == [("", "waiting", "syncline"), ("waiting", "applied", "rule r")]
    assert rules.rows("select kind, decided_by from ops.decisions") == [("accept", "rule r")]
    assert rules.rows("select kind, payload ->> 'units' from ops.events where kind like 'compensation.%%'") == [
        ("compensation.applied", "-6")
    ]
    assert rules.rows(
        "select count(*) from ops.audit_entries where stream = 'compensation_changes' and key like %s", f"{name}/%"
    ) == [(2,)]
    assert rules.is_its_rebuild()


def test_what_was_done_is_taken_back_and_the_rule_asks_from_then_on(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {})
    (name,) = rules.run(at(12)).applied
    rules.batch(at(12, 1))
    kept = rules.do(desk.reverse, name[:8], at(12, 2))
    assert (kept.state, kept.reversal_id) == ("reversed", f"reversal-{name}")
    assert rules.do(desk.reverse, name, at(12, 3)) == kept, "once"
    assert rules.open_exceptions() == ["discrepancy"]
    rules.batch(at(12, 4))
    assert rules.open_exceptions() == ["discrepancy"], "the batch finds it again"
    assert rules.rows("select kind from ops.current_decisions order by kind") == [("withdraw",)]
    assert rules.is_its_rebuild()
    build_marts(rules.dsn("transformer"))
    done = rules.run(at(12, 5), "run 2")
    assert (done.applied, len(done.waiting)) == ([], 1)
    assert rules.rows("select reason from ops.compensations where state = 'waiting'") == [
        ("a person took back what the rule did for the key",)
    ]


def test_a_person_approves_what_waits_while_it_stands(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {"mode": "approve"})
    (name,) = rules.run(at(12)).waiting
    assert rules.open_exceptions() == ["discrepancy"]
    assert rules.do(desk.approve, name, at(12, 1)).state == "applied"
    assert rules.do(desk.approve, name, at(12, 2)).changed_by == "anna", "once"
    assert rules.rows("select decided_by from ops.decisions") == [("anna",)]
    assert rules.open_exceptions() == []


def test_what_a_person_rejects_stays_with_people(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {"mode": "approve"})
    (name,) = rules.run(at(12)).waiting
    assert rules.do(desk.reject, name, at(12, 1)).state == "rejected"
    rules.rule(at(12, 2), {})
    assert rules.run(at(12, 3), "run 2") == desk.Ran()
    assert rules.open_exceptions() == ["discrepancy"]
    with pytest.raises(TerminalError, match="only one that is waiting can be approved"):
        rules.do(desk.approve, name, at(12, 4))


def test_what_stands_no_more_is_gone_and_cannot_be_approved(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {"mode": "approve"})
    (name,) = rules.run(at(12)).waiting
    rules.tell(at(12, 1), report(4, 96, 12), source="acme_3pl")
    rules.batch(at(12, 2))
    build_marts(rules.dsn("transformer"))
    with pytest.raises(TerminalError, match="is not as it was"):
        rules.do(desk.approve, name, at(12, 3))
    assert rules.run(at(12, 4), "run 2").gone == [name]
    assert rules.rows("select count(*) from ops.decisions") == [(0,)]


def test_a_breaker_at_the_place_stops_the_rules_there(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {})
    rules.owner.execute(
        "insert into ops.breaker_trips (rule, target, batch_id, measured, bound, detail, state, opened_at, locations) "
        "values ('units', 'erp', 1, 890, 500, 'much', 'open', %s, '{DC1}')",
        (at(11, 30),),
    )
    assert rules.run(at(12)) == desk.Ran()
    rules.owner.execute(
        "update ops.breaker_trips set state = 'denied', decided_at = %s, decided_by = 'x', note = 'y'", (at(12),)
    )
    assert len(rules.run(at(12, 1)).applied) == 1


def test_a_killed_run_did_nothing(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {})

    def killed(conn: psycopg.Connection) -> None:
        with conn.transaction():
            assert len(desk.run(conn, "run 1", at(12)).applied) == 1
            rules.owner.execute("select pg_terminate_backend(%s)", (conn.info.backend_pid,))
            conn.execute("select 1")

    with connect_dsn(rules.dsn("transformer")) as conn, pytest.raises(psycopg.errors.AdminShutdown):
        killed(conn)
    assert rules.kept() == []
    assert rules.open_exceptions() == ["discrepancy"]
    assert len(rules.run(at(12)).applied) == 1


def test_runs_at_once_answer_once(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {})
    done: list[desk.Ran] = []
    threads = [threading.Thread(target=lambda n=n: done.append(rules.run(at(12), f"run {n}"))) for n in range(4)]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(each.applied) for each in done) == [0, 0, 0, 1]
    assert rules.rows("select count(*) from ops.decisions") == [(1,)]


def test_without_marts_it_is_tried_again(rules: Rules) -> None:
    rules.rule(at(11, 3), {})
    with pytest.raises(MartsMissing, match="not built yet"):
        rules.run(at(12))


def test_asking_the_partner_needs_no_proof(rules: Rules) -> None:
    rules.misstate()
    rules.rule(at(11, 3), {"action": "ask partner"})
    (name,) = rules.run(at(12)).applied
    assert rules.rows("select state, asked, resolution from ops.exceptions where subject = %s", SUBJECT) == [
        ("snoozed", "acme_3pl", "ask partner")
    ]
    rules.do(desk.reverse, name, at(12, 1))
    assert rules.open_exceptions() == ["discrepancy"]
    assert rules.rows("select state from ops.exceptions where subject = %s", SUBJECT) == [("open",)]
