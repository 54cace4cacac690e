"""The database keeps the states: what it does not list it refuses, and nothing changes without its record."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from tests.exceptions.conftest import Desk, after

from syncline.exceptions.model import STATES

WHAT = {
    "acknowledged": "acknowledged",
    "snoozed": "snoozed",
    "woken": "open",
    "resolved": "resolved",
    "reopened": "reopened",
}
PERIOD_H = 7 * 24
SEEDS = range(12)


class Model:
    """What ought to stand: subject -> its exceptions as [number, state, since], the newest last."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.moves = set(desk.rows("select from_state, to_state from ops.exception_moves"))
        self.known: dict[str, list[list[Any]]] = {"A": [], "B": []}

    def find(self, subject: str, hours: float) -> None:
        number = self.desk.find(after(hours), subject=subject)
        known = self.known[subject]
        if known and known[-1][1] == "resolved" and hours < known[-1][2] + PERIOD_H:
            known[-1][1:] = "reopened", hours
        elif not known or known[-1][1] == "resolved":
            known.append([number, "open", hours])
        assert number == known[-1][0]

    def gone(self, subject: str, hours: float) -> None:
        self.desk.gone(after(hours), subject=subject)
        if self.known[subject] and self.known[subject][-1][1] != "resolved":
            self.known[subject][-1][1:] = "resolved", hours

    def change(self, subject: str, what: str, hours: float) -> None:
        if not self.known[subject]:
            return
        number, state, _ = self.known[subject][-1]
        to = WHAT.get(what, state)
        if self.allows(state, to, what):
            change(self.desk, number, what, hours)
            if to != state:
                self.known[subject][-1][1:] = to, hours
            return
        with pytest.raises(psycopg.errors.RestrictViolation):
            change(self.desk, number, what, hours)

    def allows(self, state: str, to: str, what: str) -> bool:
        if to != state:
            return (state, to) in self.moves
        return what == "commented" or (what in ("snoozed", "assigned") and state != "resolved")


def change(desk: Desk, number: int, what: str, hours: float) -> None:
    desk.conn.execute(
        "select ops.change_exception(%s, %s, 'anna', %s, null, jsonb_build_object('until', %s::timestamptz))",
        (number, what, after(hours), after(hours + 1)),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_random_changes_follow_the_moves(desk: Desk, seed: int) -> None:
    """Whatever is tried in whatever order: one that stands, states as a model says, an unbroken record."""
    chance, model, hours = random.Random(seed), Model(desk), 0.0
    for _ in range(60):
        hours += chance.choice([0, 0.5, 5, 60, 200])
        subject = chance.choice("AB")
        action = chance.choice(["find", "find", "gone", *WHAT, "assigned", "commented"])
        if action == "find":
            model.find(subject, hours)
        elif action == "gone":
            model.gone(subject, hours)
        else:
            model.change(subject, action, hours)
    stored = desk.rows("select subject, exception_id, state from ops.exceptions order by subject, exception_id")
    assert stored == [(s, n, state) for s in "AB" for n, state, _ in model.known[s]], f"seed {seed}"
    for number, version, state in desk.rows("select exception_id, version, state from ops.exceptions"):
        history = desk.history(number)
        assert len(history) == version, f"seed {seed}"
        assert (history[0][2:], history[-1][3]) == ((None, "open"), state), f"seed {seed}"
        assert all(a[3] == b[2] for a, b in pairwise(history)), f"seed {seed}"
        assert all(b[2] == b[3] or (b[2], b[3]) in model.moves for b in history[1:]), f"seed {seed}"


def test_the_moves_speak_of_the_states_that_there_are(desk: Desk) -> None:
    named = {state for move in desk.rows("select from_state, to_state from ops.exception_moves") for state in move}
    assert named == set(STATES)


@pytest.mark.parametrize(
    "statement",
    [
        "update ops.exceptions set state = 'resolved', resolved_at = opened_at",
        "update ops.exceptions set owner = 'me'",
        "update ops.exceptions set rule = 'other', version = version + 1",
        "update ops.exceptions set state = 'reopened', version = version + 1",
        "delete from ops.exceptions",
        "update ops.exception_changes set changed_by = 'nobody'",
        "delete from ops.exception_changes",
        "truncate ops.exception_changes",
        "delete from ops.exception_evidence",
        "insert into ops.exceptions (rule, subject, state, detail, next_step, opened_at, due_at, resolved_at) "
        "values ('x', 'y', 'resolved', '', '', now(), now(), now())",
    ],
)
def test_even_the_owner_changes_nothing_beside_the_record(desk: Desk, statement: str) -> None:
    desk.find(after(), evidence=["fact:a"])
    with pytest.raises(psycopg.errors.RestrictViolation):
        desk.owner.execute(statement.encode())
