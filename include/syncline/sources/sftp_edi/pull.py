"""Pull a partner's files: finish what a crash left, claim, land and put away what is settled, send the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paramiko.sftp import SFTPError
from paramiko.ssh_exception import SSHException

from syncline.errors import ConfigurationError, PartnerUnavailable, RetryableError, SynclineError, WarehouseUnavailable
from syncline.landing import Load, land
from syncline.landing.lane import source_lane
from syncline.landing.warehouse_errors import warehouse_errors
from syncline.sources.sftp_edi.acknowledged import overdue
from syncline.sources.sftp_edi.claims import ByRename, Claiming, InPlace, Waiting
from syncline.sources.sftp_edi.folders import IN_PLACE, LISTING_MAX, ClaimRefused, Folders
from syncline.sources.sftp_edi.intake import FEED, profile_of
from syncline.sources.sftp_edi.listing import Entry
from syncline.sources.sftp_edi.outbound import Outbox
from syncline.sources.sftp_edi.register import CLAIMED, Register, storable

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.registry import Source
    from syncline.sources.summary import PullResult

FAILURES_TOLD = 5
# Each refused entry is a row and an exception for a person: above this one exception speaks for all of them.
REFUSALS_MAX = 200
# Files that are noted in one poll as still being written; the oldest come first, the others have their turn later.
NOTED_MAX = 1_000
# Claims that a server may forbid before any was allowed, until the poll takes its word for all of them.
FORBIDDEN_MAX = 3


def pull(
    conn: psycopg.Connection, sftp: Any, source: Source, now: datetime, *, server_now_s: float | None = None
) -> PullResult:
    """Land every settled file of the inbox, each in its own transaction, then send what waits for the partner.

    A file is settled when two polls saw the same size and time, or when it is older than ``settle_s``.

    Args:
        sftp: a paramiko ``SFTPClient``; its channel gets ``timeout_s``.
        now: instant of receipt, in Syncline's clock.
        server_now_s: the real epoch second, to compare with file times; None: only two polls settle a file.
    Raises:
        PartnerUnavailable: the connection broke. RetryableError: files failed (all others are done), or another
            reader holds the source. WarehouseUnavailable: nothing of the current file was written.
        ConfigurationError: a folder or the profile of the registry does not exist, or the server forbids what
            `claim: rename` needs.
    """
    profile_of(source)
    with source_lane(conn, source.name), warehouse_errors(f"register files of {source.name}"):
        try:
            return _Poll(conn, sftp, source, now, server_now_s).run()
        except (SSHException, SFTPError, EOFError, OSError) as error:
            raise PartnerUnavailable(
                f"{source.name}: the server refused or the connection broke ({type(error).__name__}: {error!s:.100}).",
                next_step="Files already claimed are finished by the next run.",
                source=source.name,
            ) from error


class _Poll:
    def __init__(
        self, conn: psycopg.Connection, sftp: Any, source: Source, now: datetime, server_now_s: float | None
    ) -> None:
        self._conn = conn
        self._source = source
        self._now = now
        self._server_now_s = server_now_s
        self._folders = Folders(sftp, source)
        self._register = Register(conn, source.name, now)
        way = ByRename if source.file_rules.claim == "rename" else InPlace
        self._claims: Claiming = way(conn, source, self._folders, self._register, now, self._is_old)
        self._failures: list[tuple[str, Exception]] = []
        self._forbidden = 0

    def run(self) -> PullResult:
        inbox = self._folders.inbox()
        left_over = self._register.unfinished()
        strangers, is_cut = self._claims.strangers(left_over)
        is_cut = is_cut or inbox.is_cut
        waiting = self._claims.unread(self._refuse(inbox.entries, strangers, is_cut=is_cut))
        for claim in left_over:
            self._guarded(claim.name, self._claims.resume, claim, waiting)
        ready, is_all = self._settled(waiting)
        for entry in ready:
            self._guarded(entry.name, self._claims.claim, entry)
        is_complete = not self._failures and is_all and not is_cut
        troubles = overdue(self._conn, self._source.name, self._now)
        noted = land(self._conn, Load(self._source.name, FEED, self._now, is_complete=is_complete, troubles=troubles))
        Outbox(self._conn, self._folders, self._source.name, profile_of(self._source), self._now).send(self._guarded)
        self._tell_failures()
        return replace(self._claims.result.plus(noted), is_complete=is_complete)

    def _refuse(self, inbox: list[Entry], strangers: list[Entry], *, is_cut: bool) -> Waiting:
        """Tell once of every entry that is never touched; the entries that may be claimed, those of the inbox first.

        A stranger lies among the claimed files and is no claim of ours: it has that folder in its name.
        """
        told = [(entry, self._folders.refusal(entry)) for entry in inbox]
        told += [(self._stranger(entry), self._folders.refusal(_own(entry))) for entry in strangers]
        refused = [(entry, why) for entry, why in told if why]
        if refused:
            known = self._register.refused([storable(entry.name) for entry, _ in refused])
            fresh = [(entry, why) for entry, why in refused if (storable(entry.name), entry.size) not in known]
            room = max(0, REFUSALS_MAX - len(refused) + len(fresh))
            for entry, why in fresh[:room]:
                self._register.refuse_entry(entry, *why)
            if len(fresh) > room:
                self._register.overfull(f"{len(refused)} of its files are none that may be read")
        if is_cut:
            self._register.overfull(f"it has more than {LISTING_MAX} files, and the others were not looked at")
        return {entry.name: entry for entry, why in told if not why}

    def _stranger(self, entry: Entry) -> Entry:
        return entry._replace(name=self._folders.claimed(entry.name))

    def _settled(self, waiting: Waiting) -> tuple[list[Entry], bool]:
        """Entries to claim now, and whether that is all there is; the others are noted."""
        seen = self._register.seen(list(waiting)) if waiting else {}
        ready: list[Entry] = []
        noted = 0
        for entry in waiting.values():
            if len(ready) == self._source.file_rules.files_max or noted == NOTED_MAX:
                return ready, False
            if seen.get(entry.name) == (entry.size, entry.modified_s) or self._is_old(entry):
                ready.append(entry)
            else:
                self._register.see(entry)
                noted += 1
        return ready, True

    def _is_old(self, entry: Entry) -> bool:
        now_s = self._server_now_s
        return now_s is not None and now_s - entry.modified_s >= self._source.file_rules.settle_s

    def _guarded(self, name: str, step: Any, *values: Any) -> None:
        """One file's failure does not stop the others; all are told at the end. A server that refuses the first
        claims and did none is asked no more."""
        if self._forbidden >= FORBIDDEN_MAX and not self._claims.claims:
            return
        try:
            step(*values)
        except (WarehouseUnavailable, ConnectionError, TimeoutError):
            raise
        except (OSError, SynclineError) as error:
            if self._folders.is_lost:
                raise
            self._failures.append((name, error))
            self._forbidden += isinstance(error, ClaimRefused) and error.is_forbidden

    def _tell_failures(self) -> None:
        if not self._failures:
            return
        told = "; ".join(f"{name!a}: {_reason(error)}" for name, error in self._failures[:FAILURES_TOLD])
        more = len(self._failures) - FAILURES_TOLD
        said = (
            f"{self._source.name}: {len(self._failures)} file(s) could not be finished: {told}"
            + (f"; and {more} more." if more > 0 else ".")
        )  # fmt: skip
        if self._forbidden == len(self._failures) and not self._claims.claims:
            raise ConfigurationError(
                said,
                next_step=f"Ask the partner for the right to rename in {self._source.file_rules.inbox!r}, {IN_PLACE}.",
                source=self._source.name,
            ) from self._failures[0][1]
        raise RetryableError(
            said,
            next_step="All other files are landed. The next poll goes on with these; ops.files shows their state.",
            source=self._source.name,
        ) from self._failures[0][1]


def _own(entry: Entry) -> Entry:
    return entry._replace(name=CLAIMED.sub("", entry.name, count=1))


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, SynclineError) else f"{type(error).__name__} {error}"[:200]
