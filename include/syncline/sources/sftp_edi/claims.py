"""The two ways to make a file ours: rename it, or write that we read it where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from syncline.sources.sftp_edi.folders import ClaimRefused
from syncline.sources.sftp_edi.intake import take
from syncline.sources.sftp_edi.listing import Entry
from syncline.sources.sftp_edi.reasons import reason_text, taken_before
from syncline.sources.summary import PullResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import psycopg

    from syncline.landing import Document
    from syncline.registry import Source
    from syncline.sources.sftp_edi.folders import Folders
    from syncline.sources.sftp_edi.register import Claim, Register

# Entries of the inbox that may be claimed, by name, oldest first.
Waiting = dict[str, Entry]


class Claiming(Protocol):
    """What a poll asks of a way to claim. ``result`` is the sum of what was landed, ``claims`` of what was claimed."""

    result: PullResult
    claims: int

    def strangers(self, unfinished: list[Claim]) -> tuple[list[Entry], bool]:
        """Files among the claimed ones that no run of ours waits for; whether there are more than were looked at."""

    def unread(self, waiting: Waiting) -> Waiting:
        """Those of ``waiting`` that were not read before."""

    def claim(self, entry: Entry) -> None:
        """Claim, land and finish a settled file."""

    def resume(self, claim: Claim, waiting: Waiting) -> None:
        """Go on where an earlier run stopped; what it takes is taken out of ``waiting``."""


class _Claims:
    """What both ways share. ``is_old(entry)``: settled by age, without a look at an earlier poll."""

    def __init__(
        self, conn: psycopg.Connection, source: Source, folders: Folders, register: Register, now: datetime,
        is_old: Callable[[Entry], bool],
    ) -> None:  # fmt: skip
        self._conn = conn
        self._source = source
        self._folders = folders
        self._register = register
        self._now = now
        self._is_old = is_old
        self.result = PullResult(source.name)
        self.claims = 0

    def _take(self, claim: Claim, path: str, expected: Entry | None = None) -> Document:
        content, size = self._folders.read(path, expected)
        taken = take(self._conn, self._source, claim, content, size, self._now)
        self.result = self.result.plus(taken.landed)
        return taken.document

    def _rests(self, claim: Claim, entry: Entry) -> bool:
        """Whether a claimed file that still lies where it was listed is settled; if not, the next poll looks again."""
        is_same = (entry.size, entry.modified_s) == (claim.size, claim.modified_s)
        if not is_same:
            self._register.note(claim, entry)
        return is_same or self._is_old(entry)


class ByRename(_Claims):
    """A claimed file is renamed out of the inbox, and put away when it is landed.

    written    | on the server      | now
    -----------|--------------------|--------------------------------------------------------------
    claimed    | still in the inbox | rename, land, put away (when it is the same, or settled again)
    claimed    | processing         | land, put away
    claimed    | nowhere            | write that it vanished, tell a person
    landed     | processing         | reason file if refused, put away
    landed     | archive, refused   | write that it is there
    landed     | nowhere            | write that it vanished, tell a person
    nothing    | processing         | as a file of the inbox: settle, claim under a name of its own
    finished   | processing         | the same: somebody put it back

    A reason file is written before its file is put away, so that a refused file never lies without one for longer than
    a poll. Entries that are refused where they lie (a hostile name, a link ...) are never touched, and get none.
    """

    _claimed: frozenset[str] = frozenset()

    def strangers(self, unfinished: list[Claim]) -> tuple[list[Entry], bool]:
        listing = self._folders.processing()
        self._claimed = frozenset(entry.name for entry in listing.entries)
        ours = {claim.claimed_as for claim in unfinished}
        return [entry for entry in listing.entries if entry.name not in ours], listing.is_cut

    def unread(self, waiting: Waiting) -> Waiting:
        return waiting

    def claim(self, entry: Entry) -> None:
        self._rename(self._register.claim(entry, is_moved=True))

    def resume(self, claim: Claim, waiting: Waiting) -> None:
        if claim.state == "landed":
            self._finish(claim)
        elif claim.claimed_as and self._is_claimed(claim):
            self._land(claim)
        elif (entry := waiting.pop(claim.listed_as, None) or self._look(claim)) is None:
            self._register.lose(claim)
        elif self._rests(claim, entry):
            self._rename(claim if claim.claimed_as else self._register.name(claim))

    def _is_claimed(self, claim: Claim) -> bool:
        # A listing that was cut, or is older than a rename, proves nothing.
        return (
            claim.claimed_as in self._claimed or self._folders.look(self._folders.claimed(claim.claimed_as)) is not None
        )

    def _look(self, claim: Claim) -> Entry | None:
        return self._folders.look(self._folders.path(claim.listed_as))

    def _rename(self, claim: Claim) -> None:
        try:
            self._folders.claim(claim.listed_as, claim.claimed_as)
        except FileNotFoundError:
            if self._look(claim) is not None:
                raise  # it is the folder of claimed files that is gone; the next poll makes it
            self._register.lose(claim)
            return
        except ClaimRefused:
            self._register.withdraw(claim)
            raise
        self.claims += 1
        self._land(claim)

    def _land(self, claim: Claim) -> None:
        document = self._take(claim, self._folders.claimed(claim.claimed_as))
        self._put_away(claim, document if document.status == "quarantined" else None, self._now)

    def _finish(self, claim: Claim) -> None:
        is_refused = claim.fault_code is not None
        if self._is_claimed(claim):
            refused, received_at = taken_before(self._conn, self._source, claim) if is_refused else (None, self._now)
            self._put_away(claim, refused, received_at)
        elif self._folders.is_away(claim.claimed_as, is_refused=is_refused):
            self._register.finish(claim, is_refused=is_refused)
        else:
            self._register.lose(claim)

    def _put_away(self, claim: Claim, refused: Document | None, received_at: datetime) -> None:
        if refused is not None:
            self._explain(claim, reason_text(self._source, claim, refused, received_at))
        self._folders.put_away(claim.claimed_as, is_refused=refused is not None)
        self._register.finish(claim, is_refused=refused is not None)

    def _explain(self, claim: Claim, reason: bytes) -> None:
        try:
            self._folders.explain(claim.claimed_as, reason)
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            if self._folders.is_lost:
                raise
            self._register.unexplained(claim, error)


class InPlace(_Claims):
    """A file is read where it lies and nothing on the server is changed: the row is the claim (ADR 0018).

    written            | in the inbox               | now
    -------------------|----------------------------|------------------------------------------------------
    claimed            | the same size and second   | read, land
    claimed            | another size or second     | note it; read when it is settled again
    claimed            | gone                       | write that it vanished, tell a person
    claimed, landed by | processing                 | read it there; the registry said `rename` when it was
    a rename           |                            | claimed
    read, refused      | the same size and second   | nothing
    read, refused      | another size or second     | a new claim

    Landing and the end of the claim are one transaction, so there is no state between them.
    """

    def strangers(self, unfinished: list[Claim]) -> tuple[list[Entry], bool]:
        return [], False  # nothing is ever put among claimed files, and they may lie in a folder we cannot even list

    def unread(self, waiting: Waiting) -> Waiting:
        taken = self._register.taken(waiting.values()) if waiting else set()
        return {name: entry for name, entry in waiting.items() if name not in taken}

    def claim(self, entry: Entry) -> None:
        claim = self._register.claim(entry, is_moved=False)
        self.claims += 1
        try:
            self._take(claim, self._folders.path(entry.name), entry)
        except FileNotFoundError:
            self._register.lose(claim)

    def resume(self, claim: Claim, waiting: Waiting) -> None:
        if claim.state == "landed":
            self._register.finish(claim, is_refused=claim.fault_code is not None, is_moved=False)
            return
        claimed = self._folders.claimed(claim.claimed_as) if claim.claimed_as else ""
        if claimed and self._folders.look(claimed) is not None:
            self._take(claim, claimed)
            return
        entry = waiting.pop(claim.listed_as, None)
        path = self._folders.path(claim.listed_as)
        if entry is None and (entry := self._folders.look(path)) is None:
            self._register.lose(claim)
        elif self._rests(claim, entry):
            self._take(claim, path, entry)
