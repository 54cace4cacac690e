"""Wrong and rotated secrets: one try, one exception, nothing used up, and no secret written anywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.targets.governance.conftest import at_once, connection, entry

from bench.limited import Limited
from syncline.clock import Clock
from syncline.errors import ConfigurationError, PartnerUnavailable
from syncline.targets.cycle import run_push
from syncline.targets.governance.adapter import LanePaused, governed
from syncline.targets.governance.status import resume, status
from syncline.targets.http import LoginRefused

A, B = ("SKU-0001", "DC1"), ("SKU-0002", "DC1")
WRONG, ROTATED = "wrong-secret-of-yesterday", "rotated-secret-of-today"
MakeLoop = Callable[..., Any]


class Secret:
    """A connection as Airflow has it: somebody may change it at any time."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token, self.asked = url, token, 0

    def __call__(self) -> Any:
        self.asked += 1
        if not self.token:
            raise ConfigurationError("Connection 'erp' cannot be read.")
        return connection(self.url, self.token)


def push(loop: Any, secret: Secret, conn: psycopg.Connection) -> dict[str, int]:
    with governed(entry(), secret, conn, loop.clock, "worker") as adapter:
        return run_push(loop.publisher, adapter, loop.policy, loop.clock, "worker", loop.sleep)


def pending(loop: Any) -> list[Any]:
    rows: list[Any] = loop.owner.execute(
        "select state, tries, not_before, changed_at from ops.outbox order by correction_id"
    ).fetchall()
    return rows


def exceptions(conn: psycopg.Connection) -> list[Any]:
    return conn.execute("select rule, subject, state from ops.exceptions order by exception_id").fetchall()


@pytest.fixture
def loop(make_loop: MakeLoop) -> Any:
    """Two corrections that wait to be sent."""
    made = make_loop("erp", {A: 10, B: 20}, {A: 12, B: 25})
    made.push()
    assert made.release().pending == 2
    return made


def test_a_wrong_secret_pauses_the_lane_once_and_uses_nothing_up(
    loop: Any, publisher: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    before, secret = pending(loop), Secret(loop.url, WRONG)
    with pytest.raises(LoginRefused, match="refuses the login of connection 'erp'"):
        push(loop, secret, publisher())
    for _ in range(3):
        with pytest.raises(LanePaused):
            push(loop, secret, publisher())
    assert loop.book.strangers == 1
    assert pending(loop) == before
    assert exceptions(loop.owner) == [("push.login", "erp", "open")]

    loop.book.token = secret.token = ROTATED
    assert push(loop, secret, publisher())["applied"] == 2
    assert loop.book.numbers == {A: 12, B: 25}
    assert [row[1] for row in pending(loop)] == [1, 1]
    assert exceptions(loop.owner) == [("push.login", "erp", "resolved")]
    assert found_anywhere(loop.owner, WRONG, ROTATED) == []
    assert not any(word in caplog.text for word in (WRONG, ROTATED))


def test_many_workers_try_a_wrong_secret_once(limited: Limited, publisher: Callable[[], Any], warehouse: Any) -> None:
    connections = [publisher() for _ in range(8)]

    def begin(number: int) -> None:
        with governed(entry(), Secret(limited.url, WRONG), connections[number], Clock(), "worker"):
            pytest.fail("it was let in")

    errors = at_once(8, begin)
    assert all(isinstance(error, LoginRefused | PartnerUnavailable) for error in errors), errors
    assert limited.strangers == 1
    assert exceptions(warehouse) == [("push.login", "erp", "open")]


def test_a_person_lets_the_lane_go_on(loop: Any, publisher: Callable[[], Any]) -> None:
    secret = Secret(loop.url, "right")
    with pytest.raises(LoginRefused):
        push(loop, secret, publisher())
    loop.book.token = "right"  # the partner's fault, and mended there
    with pytest.raises(LanePaused):
        push(loop, secret, publisher())
    resume(publisher(), "erp", by="mia", at=loop.clock.now())
    assert push(loop, secret, publisher())["applied"] == 2
    assert exceptions(loop.owner) == [("push.login", "erp", "resolved")]
    assert status(loop.owner, "erp", entry().limits).resumed_by == "mia"


def test_a_secret_rotated_in_mid_run_is_picked_up(loop: Any, publisher: Callable[[], Any]) -> None:
    secret = Secret(loop.url, loop.token)

    def rotate(book: Any) -> None:
        book.token = secret.token = ROTATED

    loop.book.before_document.append(rotate)
    assert push(loop, secret, publisher()) | {"read": 0} == {
        "sent": 2, "applied": 2, "rejected": 0, "unknown": 0, "retried": 0, "read": 0, "requeued": 0,
    }  # fmt: skip
    assert set(loop.book.effects.values()) == {1}
    assert secret.asked == 2
    assert exceptions(loop.owner) == []
    assert loop.book.strangers == 1


def test_a_secret_revoked_in_mid_run_leaves_the_lines_pending(loop: Any, publisher: Callable[[], Any]) -> None:
    secret = Secret(loop.url, loop.token)
    loop.book.before_document.append(lambda book: setattr(book, "token", ROTATED))
    with pytest.raises(ConfigurationError, match="nobody tries it again"):
        push(loop, secret, publisher())
    assert loop.states() == {"pending": 2}
    assert loop.book.strangers == 1
    assert exceptions(loop.owner) == [("push.login", "erp", "open")]
    outcomes = loop.owner.execute("select distinct outcome from ops.push_attempts").fetchall()
    assert outcomes == [("not_executed",)], "no try that counts"
    secret.token = ROTATED
    loop.sleep(60)
    assert push(loop, secret, publisher())["applied"] == 2
    assert exceptions(loop.owner) == [("push.login", "erp", "resolved")]


def found_anywhere(conn: psycopg.Connection, *words: str) -> list[str]:
    """Tables of the warehouse in which one of ``words`` stands."""
    tables = conn.execute(
        "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert ("ops", "target_limits") in tables
    return [
        f"{schema}.{table}"
        for schema, table in sorted(tables)
        for word in words
        if conn.execute(
            sql.SQL("select exists (select from {} t where position(%s in t::text) > 0)").format(
                sql.Identifier(schema, table)
            ),
            [word],
        ).fetchone()
        == (True,)
    ]


def test_a_connection_that_cannot_be_read_is_not_tried(loop: Any, publisher: Callable[[], Any]) -> None:
    """The secret is revoked in mid-run, and somebody has just begun to write the new one."""
    secret = Secret(loop.url, loop.token)

    def revoke(book: Any) -> None:
        book.token, secret.token = ROTATED, ""

    loop.book.before_document.append(revoke)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        push(loop, secret, publisher())
    assert loop.states() == {"pending": 2}
    secret.token = ROTATED
    loop.sleep(60)
    assert push(loop, secret, publisher())["applied"] == 2
    assert loop.book.strangers == 1
