"""Pull a partner's files: finish what a crash left, claim, land and put away what is settled, send the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paramiko.sftp import SFTPError
from paramiko.ssh_exception import SSHException

from syncline.errors import PartnerUnavailable, RetryableError, SynclineError, WarehouseUnavailable
from syncline.landing import Load, land
from syncline.landing.lane import source_lane
from syncline.landing.warehouse_errors import warehouse_errors
from syncline.sources.sftp_edi.acknowledged import overdue
from syncline.sources.sftp_edi.folders import LISTING_MAX, Folders, hostility
from syncline.sources.sftp_edi.intake import FEED, profile_of, take
from syncline.sources.sftp_edi.listing import Entry
from syncline.sources.sftp_edi.outbound import Outbox
from syncline.sources.sftp_edi.register import Claim, Register, storable
from syncline.sources.summary import PullResult

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.registry import Source

FAILURES_TOLD = 5
# Each refused entry is a row and an exception for a person: above this one exception speaks for all of them.
REFUSALS_MAX = 200
# Files that are noted in one poll as still being written; the oldest come first, the others have their turn later.
NOTED_MAX = 1_000


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
        ConfigurationError: a folder or the profile of the registry does not exist.
    """
    profile_of(source)
    with source_lane(conn, source.name), warehouse_errors(f"register files of {source.name}"):
        try:
            return _Poll(conn, sftp, source, now).run(server_now_s)
        except (SSHException, SFTPError, EOFError, OSError) as error:
            raise PartnerUnavailable(
                f"{source.name}: the server refused or the connection broke ({type(error).__name__}: {error!s:.100}).",
                next_step="Files already claimed are finished by the next run.",
                source=source.name,
            ) from error


class _Poll:
    def __init__(self, conn: psycopg.Connection, sftp: Any, source: Source, now: datetime) -> None:
        self._conn = conn
        self._source = source
        self._now = now
        self._folders = Folders(sftp, source)
        self._register = Register(conn, source.name, now)
        self._result = PullResult(source.name)
        self._failures: list[tuple[str, Exception]] = []

    def run(self, server_now_s: float | None) -> PullResult:
        listing = self._folders.inbox()
        in_processing = self._folders.processing()
        # Names that are not printable never came from us, and no table can hold them.
        claimed = {entry.name for entry in in_processing if entry.name.isprintable()}
        known = self._register.known_claims(claimed) if claimed else set()
        strangers = [entry for entry in in_processing if entry.name not in known]
        waiting = self._refuse(listing.entries, strangers, is_cut=listing.is_cut)
        left_over = self._register.unfinished()
        left_over += [self._register.adopt(each.name) for each in strangers if not hostility(each)]
        for claim in left_over:
            self._guarded(claim.name, self._resume, claim, claimed, waiting)
        ready, is_all = self._settled(waiting, server_now_s)
        for entry in ready:
            self._guarded(entry.name, self._claim, entry)
        is_complete = not self._failures and is_all and not listing.is_cut
        troubles = overdue(self._conn, self._source.name, self._now)
        self._result = self._result.plus(
            land(self._conn, Load(self._source.name, FEED, self._now, is_complete=is_complete, troubles=troubles))
        )
        Outbox(self._conn, self._folders, self._source.name, profile_of(self._source), self._now).send(self._guarded)
        self._tell_failures()
        return replace(self._result, is_complete=is_complete)

    def _refuse(self, inbox: list[Entry], strangers: list[Entry], *, is_cut: bool) -> list[Entry]:
        """Tell once of every entry that is never touched; the entries of the inbox that may be claimed."""
        told = [(entry, self._folders.refusal(entry)) for entry in inbox]
        told += [(entry, hostility(entry)) for entry in strangers]
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
        return [entry for entry, why in told[: len(inbox)] if not why]

    def _resume(self, claim: Claim, in_processing: set[str], waiting: list[Entry]) -> None:
        """Go on where an earlier run stopped:

        written    | on the server      | now
        -----------|--------------------|--------------------------------------------
        claimed    | still in the inbox | rename, land, put away
        claimed    | processing         | land, put away
        landed     | processing         | put away
        landed     | archive, refused   | write that it is there
        """
        if claim.state == "landed":
            is_refused = claim.fault_code is not None
            if claim.claimed_as in in_processing:
                self._folders.put_away(claim.claimed_as, is_refused=is_refused)
            elif not self._folders.is_away(claim.claimed_as, is_refused=is_refused):
                self._register.lose(claim)
                return
            self._register.finish(claim, is_refused=is_refused)
        elif claim.claimed_as in in_processing:
            self._land(claim)
        elif any(entry.name == claim.name for entry in waiting):
            self._folders.claim(claim.name, claim.claimed_as)
            waiting[:] = [entry for entry in waiting if entry.name != claim.name]
            self._land(claim)
        else:
            self._register.lose(claim)

    def _settled(self, waiting: list[Entry], server_now_s: float | None) -> tuple[list[Entry], bool]:
        """Entries to claim now, and whether that is all there is; the others are noted."""
        seen = self._register.seen([entry.name for entry in waiting]) if waiting else {}
        ready: list[Entry] = []
        noted = 0
        for entry in waiting:
            if len(ready) == self._source.file_rules.files_max or noted == NOTED_MAX:
                return ready, False
            if seen.get(entry.name) == (entry.size, entry.modified_s) or self._is_old(entry, server_now_s):
                ready.append(entry)
            else:
                self._register.see(entry)
                noted += 1
        return ready, True

    def _is_old(self, entry: Entry, server_now_s: float | None) -> bool:
        return server_now_s is not None and server_now_s - entry.modified_s >= self._source.file_rules.settle_s

    def _claim(self, entry: Entry) -> None:
        claim = self._register.claim(self._register.see(entry), entry.name)
        try:
            self._folders.claim(entry.name, claim.claimed_as)
        except FileNotFoundError:
            self._register.lose(claim)
            return
        self._land(claim)

    def _land(self, claim: Claim) -> None:
        content, size = self._folders.read(claim.claimed_as)
        taken = take(self._conn, self._source, claim, content, size, self._now)
        self._result = self._result.plus(taken.landed)
        self._folders.put_away(claim.claimed_as, is_refused=taken.is_refused)
        self._register.finish(claim, is_refused=taken.is_refused)

    def _guarded(self, name: str, step: Any, *values: Any) -> None:
        """One file's failure does not stop the others; all are told at the end."""
        try:
            step(*values)
        except (WarehouseUnavailable, ConnectionError, TimeoutError):
            raise
        except (OSError, SynclineError) as error:
            if self._folders.is_lost:
                raise
            self._failures.append((name, error))

    def _tell_failures(self) -> None:
        if not self._failures:
            return
        told = "; ".join(f"{name!a}: {_reason(error)}" for name, error in self._failures[:FAILURES_TOLD])
        more = len(self._failures) - FAILURES_TOLD
        raise RetryableError(
            f"{self._source.name}: {len(self._failures)} file(s) could not be finished: {told}"
            + (f"; and {more} more." if more > 0 else "."),
            next_step="All other files are landed. The next poll goes on with these; ops.files shows their state.",
            source=self._source.name,
        ) from self._failures[0][1]


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, SynclineError) else f"{type(error).__name__} {error}"[:200]
