"""An adapter under its target's limits: waits before a claim, and goes on with a secret that was rotated."""

from __future__ import annotations

import logging
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from syncline.errors import ConfigurationError, SynclineError
from syncline.targets.adapters import open_adapter
from syncline.targets.contract import AnswersLater, FindsReferences, ListsChanges, ShowsNumbers
from syncline.targets.governance.shared import SharedGovernor
from syncline.targets.governance.version import prove_version
from syncline.targets.http import SLOW_DOWN, LoginRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import psycopg

    from syncline.clock import Clock
    from syncline.connections import Connection
    from syncline.registry.models import Target
    from syncline.targets.contract import (
        Adapter,
        Capabilities,
        Check,
        Document,
        DocumentAnswer,
        Found,
        Key,
        Line,
        Page,
        Shown,
    )

log = logging.getLogger(__name__)
T = TypeVar("T")


class LanePaused(LoginRefused):
    """The login was refused before this run and has not changed: nothing was tried."""


class GovernedAdapter:
    """The adapter of ``entry``; ``connect`` is asked for its connection, and again when the login is refused.

    Everything an adapter may offer is here; which of it there is, ``capabilities`` declares, as always.
    """

    def __init__(self, entry: Target, connect: Callable[[], Connection], governor: SharedGovernor) -> None:
        self._entry, self._connect, self._governor = entry, connect, governor
        connection = connect()
        governor.login = governor.fingerprint_of(connection)
        self._adapter: Adapter = open_adapter(entry, connection, governor)
        self.capabilities: Capabilities = self._adapter.capabilities

    def close(self) -> None:
        self._adapter.close()

    @contextmanager
    def turn(self, wait_max_s: float) -> Iterator[None]:
        """For the block: leave to call, had before anything is claimed. What the block does not use is given back.

        Raises:
            PartnerUnavailable: the circuit is open, or the target asks for a longer wait; nothing was claimed.
            LoginRefused: see ``Governor.take``.
        """
        self._going_on(lambda: self._governor.reserve(wait_max_s, float(self._entry.timeout_s)))
        try:
            yield
        finally:
            self._governor.free()

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Send it; a second time, with the new secret, where the old one was refused and nothing executed."""
        ends_s = time.monotonic() + timeout_s
        self._governor.login_refused = False
        answer = self._adapter.send(document, timeout_s)
        if self._governor.login_refused and self._is_rotated_well() and _nothing_done(answer):
            answer = self._adapter.send(document, max(0.001, ends_s - time.monotonic()))
        # Not every target throttles by 429 alone; its adapter has read what it said.
        if answer.status_code == SLOW_DOWN and answer.retry_after_s is not None:
            self._governor.pause(answer.retry_after_s)
        if answer.budget is not None:
            self._governor.spend(answer.budget)
        return answer

    def check(self) -> Sequence[Check]:
        return self._adapter.check()

    def changes(self, after: int, limit: int) -> Page:
        return self._going_on(lambda: cast("ListsChanges", self._adapter).changes(after, limit))

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        return self._going_on(lambda: cast("ShowsNumbers", self._adapter).show(keys))

    def find(self, lines: Sequence[Line]) -> Mapping[str, Sequence[Found]]:
        return self._going_on(lambda: cast("FindsReferences", self._adapter).find(lines))

    def poll(self, job: str, document: Document) -> DocumentAnswer | None:
        return self._going_on(lambda: cast("AnswersLater", self._adapter).poll(job, document))

    def begin(self) -> None:
        """What is asked once, before a run: is the login let in, and is it the version that the adapter is made for.

        Raises:
            LanePaused: see there.
            LoginRefused: it was refused just now; the exception is open.
            OtherVersion: the target speaks another version.
        """
        if self._governor.is_refused() and not self._is_rotated():
            raise LanePaused(
                f"Target {self._entry.name} is paused: it refused the login, which has not changed since.",
                next_step=f"Correct connection {self._entry.conn_id!r}, or "
                f"`syncline targets resume {self._entry.name}`.",
                target=self._entry.name,
            )
        self._going_on(self._begin)

    def _begin(self) -> None:
        self._governor.login_refused = False
        prove_version(self._governor, self._entry, self._adapter)
        if self._governor.login_refused:
            raise LoginRefused(
                f"Target {self._entry.name} refuses the login of connection {self._entry.conn_id!r}.",
                next_step="Correct its secret; then the next run goes on. Exception push.login says since when.",
                target=self._entry.name,
            )

    def _going_on(self, call: Callable[[], T]) -> T:
        """``call``, once more where the login was refused and the connection holds another one by now."""
        self._governor.login_refused = False
        try:
            return call()
        except ConfigurationError:
            if not (self._governor.login_refused and self._is_rotated()):
                raise
            return call()

    def _is_rotated_well(self) -> bool:
        """As ``_is_rotated`` for ``send``, which never raises: an unusable connection ends the next turn."""
        try:
            return self._is_rotated()
        except SynclineError as error:
            log.warning("%s: its connection cannot be used: %s", self._entry.name, error)
            return False

    def _is_rotated(self) -> bool:
        """Read the connection again; with another login in it, speak by that one from here on."""
        connection = self._connect()
        login = self._governor.fingerprint_of(connection)
        if login == self._governor.login:
            self._governor.report_refusal(self._entry.conn_id)
            return False
        # One that cannot be opened must not be tried with the secret of the one before.
        opened, before = open_adapter(self._entry, connection, self._governor), self._adapter
        self._adapter, self._governor.login = opened, login
        before.close()
        return True


def _nothing_done(answer: DocumentAnswer) -> bool:
    return all(each.outcome == "not_executed" for each in answer.lines.values())


@contextmanager
def governed(
    entry: Target,
    connect: Callable[[], Connection],
    conn: psycopg.Connection,
    clock: Clock,
    worker: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[GovernedAdapter]:
    """An adapter under the limits of ``entry``, ready to be pushed with; one for each worker.

    Args: see ``SharedGovernor``; ``conn`` is for the limits alone. ``connect``: the connection as it is now.

    Raises:
        LanePaused, LoginRefused, OtherVersion: see ``GovernedAdapter.begin``.
        ConfigurationError: as ``open_adapter``.
    """
    governor = SharedGovernor(conn, entry.name, entry.limits, clock, worker, sleep)
    with closing(GovernedAdapter(entry, connect, governor)) as adapter:
        adapter.begin()
        yield adapter
