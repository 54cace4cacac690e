"""The governor that all workers of a target share: each question is one short statement in the warehouse."""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from syncline.errors import PartnerUnavailable
from syncline.exceptions import About, open_exception, resolve_exception
from syncline.targets.governance.fingerprint import fingerprint
from syncline.targets.governance.governor import Heard, Permit
from syncline.targets.http import RETRY_AFTER_MAX_S, SERVER_ERROR, SLOW_DOWN, UNAUTHORIZED, LoginRefused, NotSent

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncline.clock import Clock
    from syncline.connections import Connection
    from syncline.registry.models import Limits
    from syncline.targets.contract import Budget

log = logging.getLogger(__name__)

RULE = "push.login"
# From the call's deadline to the end of its slot: room to say that it is over.
LEASE_MARGIN_S = 2.0
# A slot is given back at any moment: asked for again after this, then less and less often.
BUSY_S, BUSY_MAX_S, BUSY_GROWS = 0.01, 0.2, 1.5
SLOW_DOWN_S = 1.0  # where a target that asks to slow down does not say for how long
WAIT_SHARE = 0.5  # of a call's time that may go by in waiting
TAKE = (
    "select verdict, wait_s, permit::text from ops.take_permit(%(target)s, %(holder)s, %(login)s, %(per_s)s, %(burst)s,"
    " %(concurrent)s, %(open_s)s, %(lease_s)s, %(wait_max_s)s)"
)
GIVE_BACK = (
    "select ops.give_back(%(target)s, %(holder)s, %(login)s, %(permit)s, %(per_s)s, %(heard)s, %(pause_s)s,"
    " %(failures)s)"
)


class Verdict(NamedTuple):
    """See ``ops.take_permit``."""

    word: str
    wait_s: float
    permit: str | None


class SharedGovernor:
    """One worker's governor.

    Args:
        conn: role publisher, autocommit, for this alone: a lock that a longer transaction kept would stop all workers.
        worker: who holds the slots, for people who read ``ops.target_permits``.
        clock: of the product, for the exception that a person reads; limits run in real seconds of the database.
        sleep: real seconds.
    """

    def __init__(
        self,
        conn: psycopg.Connection,
        target: str,
        limits: Limits,
        clock: Clock,
        worker: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conn, self._target, self._limits, self._clock, self._sleep = conn, target, limits, clock, sleep
        self._holder = f"{worker} {secrets.token_hex(4)}"
        self.login = ""  # fingerprint of the one in use
        self._held: Permit | None = None
        self.login_refused = False
        # A limit that a crash forgets costs a second; waiting for the disk at each call costs the throughput.
        conn.execute("set synchronous_commit = off")

    def fingerprint_of(self, connection: Connection) -> str:
        """What the login of ``connection`` is known by here."""
        self._conn.execute("insert into ops.target_limits (target) values (%s) on conflict do nothing", (self._target,))
        row = self._conn.execute("select salt from ops.target_limits where target = %s", (self._target,)).fetchone()
        assert row is not None
        return fingerprint(connection, row[0], self._conn.info.password)

    def is_refused(self) -> bool:
        """The login in use was refused, and nobody resumed the target since."""
        row = self._conn.execute(
            "select refused_login = %s from ops.target_limits where target = %s", (self.login, self._target)
        ).fetchone()
        return bool(row and row[0])

    def is_checked(self, checked_as: str) -> bool:
        """``checked_as`` was well in the last day."""
        row = self._conn.execute(
            "select checked_as = %s and checked_at > clock_timestamp() - interval '1 day' "
            "from ops.target_limits where target = %s",
            (checked_as, self._target),
        ).fetchone()
        return bool(row and row[0])

    def note_checked(self, checked_as: str) -> None:
        """It is well."""
        self._conn.execute(
            "update ops.target_limits set checked_as = %s, checked_at = clock_timestamp() where target = %s",
            (checked_as, self._target),
        )

    def take(self, timeout_s: float) -> Permit:
        if self._held is not None:
            permit, self._held = self._held, None
            return permit
        return self._waited_for(timeout_s * WAIT_SHARE, timeout_s)

    def reserve(self, wait_max_s: float, call_s: float) -> None:
        """Wait for leave and keep it for the next call, so that what is claimed in between goes out at once.

        Raises:
            PartnerUnavailable: not inside ``wait_max_s``.
            LoginRefused: see ``Governor.take``.
        """
        try:
            self._held = self._waited_for(wait_max_s, 2 * call_s)
        except NotSent as error:
            raise PartnerUnavailable(
                error.message, next_step=error.next_step, retry_after_s=error.retry_after_s, target=self._target
            ) from None

    def free(self) -> None:
        """Give back what was reserved and not used."""
        if self._held is not None:
            permit, self._held = self._held, None
            self.give_back(permit, None)

    def give_back(self, permit: Permit, heard: Heard | None) -> None:
        values = {"permit": permit.number, "heard": _word(heard), "pause_s": _pause_s(heard)}
        try:
            row = self._conn.execute(GIVE_BACK, self._values() | values).fetchone()
        except psycopg.Error as error:
            # What the target answered is worth more than a slot, which ends by itself.
            log.warning("%s: a slot was not given back (%s)", self._target, type(error).__name__)
            return
        if row and row[0]:
            resolve_exception(self._conn, RULE, self._target, at=self._clock.now())

    def refuse_login(self) -> None:
        self.login_refused = True
        self._conn.execute(
            "update ops.target_limits set refused_login = %(login)s, refused_at = clock_timestamp(), "
            "proven_logins = array_remove(proven_logins, %(login)s), "
            "alone_until = case when alone_holder = %(holder)s then '-infinity' else alone_until end "
            "where target = %(target)s and refused_login is distinct from %(login)s",
            self._values(),
        )

    def report_refusal(self, conn_id: str) -> None:
        """One exception for the lane that stands still, however many workers find it so."""
        open_exception(
            self._conn, RULE, self._target,
            detail=f"{self._target} refuses the login of connection {conn_id!r}. Nothing is sent or read until it "
            "changes; corrections wait as they are.",
            next_step=f"Correct the secret in connection {conn_id!r}: the next run goes on by itself. If the target "
            f"was at fault, `syncline targets resume {self._target}`.",
            at=self._clock.now(), about=About(target=self._target),
        )  # fmt: skip

    def pause(self, seconds: float, why: str = "it asked to wait") -> None:
        if seconds > 0:
            self._conn.execute(
                "update ops.target_limits set pause_reason = %s, paused_until = "
                "greatest(paused_until, clock_timestamp() + make_interval(secs => %s)) where target = %s",
                (why, min(seconds, RETRY_AFTER_MAX_S), self._target),
            )

    def spend(self, budget: Budget) -> None:
        self.pause(budget_wait_s(budget, self._limits.concurrent), "its budget is used up")

    def _waited_for(self, wait_max_s: float, call_s: float) -> Permit:
        ends_s = time.monotonic() + wait_max_s
        again_s = BUSY_S
        while True:
            left_s = max(0.0, ends_s - time.monotonic())
            row = self._conn.execute(
                TAKE, self._values() | {"wait_max_s": left_s, "lease_s": call_s + LEASE_MARGIN_S}
            ).fetchone()
            assert row is not None
            verdict = Verdict(*row)
            if verdict.word == "go":
                if verdict.wait_s > 0:
                    self._sleep(verdict.wait_s)
                return Permit(verdict.permit or "")
            if verdict.word == "refused":
                self.login_refused = True
                raise self._refused()
            if verdict.word != "busy" or again_s > left_s:
                raise self._not_now(verdict)
            self._sleep(again_s)
            again_s = min(again_s * BUSY_GROWS, BUSY_MAX_S)

    def _refused(self) -> LoginRefused:
        return LoginRefused(
            f"Target {self._target} has refused our login; nobody tries it again.",
            next_step=f"Correct the secret in its connection, or `syncline targets resume {self._target}`.",
            target=self._target,
        )

    def _not_now(self, verdict: Verdict) -> NotSent:
        why = {
            "open": "is left alone: too many calls in a row had no answer",
            "later": "asked us to wait, or our limit of requests does",
            "busy": "has as many calls under way as its limit allows",
        }[verdict.word]
        return NotSent(
            f"Target {self._target} {why}.",
            next_step=f"Nothing to do: the next run asks again; `syncline targets limits {self._target}` shows more.",
            retry_after_s=verdict.wait_s,
            target=self._target,
        )

    def _values(self) -> dict[str, object]:
        limits = self._limits
        return {
            "target": self._target, "holder": self._holder, "login": self.login,
            "per_s": limits.per_s, "burst": limits.burst, "concurrent": limits.concurrent,
            "open_s": limits.circuit.open_s, "failures": limits.circuit.failures,
        }  # fmt: skip


def budget_wait_s(budget: Budget, concurrent: int) -> float:
    """Real seconds until the target's own bucket holds what ``concurrent`` calls like the last one cost."""
    missing = budget.cost * concurrent - budget.left
    if missing <= 0 or budget.restored_per_s <= 0:
        return 0.0
    return min(missing / budget.restored_per_s, RETRY_AFTER_MAX_S)


def _word(heard: Heard | None) -> str:
    if heard is None:
        return "unused"
    if heard.status_code is None or heard.status_code >= SERVER_ERROR:
        return "silent"
    word = "good" if heard.status_code < 400 else "answered"
    return f"login_{word}" if heard.is_login else word


def _pause_s(heard: Heard | None) -> float:
    """How long all workers wait. A 5xx without Retry-After is the circuit's, not a request to wait."""
    if heard is None or heard.status_code == UNAUTHORIZED:
        return 0.0
    if heard.status_code == SLOW_DOWN or (heard.status_code or 0) >= SERVER_ERROR:
        default_s = SLOW_DOWN_S if heard.status_code == SLOW_DOWN else 0.0
        said_s = default_s if heard.retry_after_s is None else heard.retry_after_s
        return min(said_s, RETRY_AFTER_MAX_S)
    return 0.0
