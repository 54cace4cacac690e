"""``ops.files``: every file seen, with its state. The intent is written before the server is touched."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, LiteralString

from syncline.landing import Trouble
from syncline.landing.troubles import open_troubles

if TYPE_CHECKING:
    from collections.abc import Collection

    import psycopg

    from syncline.sources.sftp_edi.listing import Entry


# What a claimed file is called: when it was claimed, by which row, and its own name.
CLAIMED = re.compile(r"\d{8}T\d{6}Z-\d+__")


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that is ours to read, with its row.

    ``listed_as``: its name in the inbox; one found among the claimed files has that folder before it. ``claimed_as``:
    its name in the folder of claimed files, empty when it is read where it lies. ``size`` and ``modified_s``: as listed
    when it was claimed. ``fault_code``: of a landed file that is refused.
    """

    file_id: int
    listed_as: str
    claimed_as: str
    state: str
    size: int
    modified_s: int
    fault_code: str | None = None

    @property
    def name(self) -> str:
        """The partner's name of the file."""
        return own_name(self.listed_as)


class Register:
    """Rows of one source at one instant ``now``."""

    def __init__(self, conn: psycopg.Connection, source: str, now: datetime) -> None:
        self._conn = conn
        self._source = source
        self._now = now

    def unfinished(self) -> list[Claim]:
        """Files claimed or landed by a run that did not come to the end, oldest first."""
        rows = self._conn.execute(
            "select file_id, name, coalesce(claimed_as, ''), state, size_bytes,"
            " coalesce(extract(epoch from modified_at)::bigint, 0), fault_code from ops.files"
            " where source = %s and state in ('claimed', 'landed') order by file_id",
            [self._source],
        )
        return [Claim(*row) for row in rows]

    def taken(self, entries: Collection[Entry]) -> set[str]:
        """Names of those ``entries`` that were read before: same name, size and second. One look by index for each."""
        rows = self._conn.execute(
            "select listed.name from unnest(%s::text[], %s::bigint[], %s::bigint[]) as listed (name, size, modified_s)"
            " cross join lateral (select from ops.files f where f.source = %s and f.document_id is not null"
            " and f.name = listed.name and f.size_bytes = listed.size"
            " and f.modified_at = to_timestamp(listed.modified_s) limit 1) as known",
            [[e.name for e in entries], [e.size for e in entries], [e.modified_s for e in entries], self._source],
        )
        return {name for (name,) in rows}

    def seen(self, names: list[str]) -> dict[str, tuple[int, int]]:
        """Name -> (size, modified second) of files seen by an earlier poll and not claimed yet."""
        rows = self._conn.execute(
            "select name, size_bytes, modified_at from ops.files"
            " where source = %s and state = 'seen' and name = any(%s)",
            [self._source, names],
        )
        return {name: (size, int(modified_at.timestamp())) for name, size, modified_at in rows}

    def refused(self, names: list[str]) -> set[tuple[str, int]]:
        """(name, size) of entries refused where they lie, by an earlier poll."""
        rows = self._conn.execute(
            "select name, size_bytes from ops.files"
            " where source = %s and state = 'refused' and claimed_as is null and document_id is null"
            " and fault_code <> 'file_vanished' and name = any(%s)",
            [self._source, names],
        )
        return {(name, size) for name, size in rows}

    def see(self, entry: Entry) -> int:
        """Note the size and time of a file that waits; its id."""
        return self._id(
            "insert into ops.files (source, name, size_bytes, modified_at, state, seen_at, changed_at)"
            " values (%s, %s, %s, %s, 'seen', %s, %s) on conflict (source, name) where state = 'seen'"
            " do update set size_bytes = excluded.size_bytes, modified_at = excluded.modified_at,"
            " changed_at = excluded.changed_at returning file_id",
            [self._source, entry.name, entry.size, _instant(entry.modified_s), self._now, self._now],
        )

    def claim(self, entry: Entry, *, is_moved: bool) -> Claim:
        """Write that the file is about to be claimed; ``is_moved``: by a rename, else the row alone is the claim."""
        claim = Claim(self.see(entry), entry.name, "", "claimed", entry.size, entry.modified_s)
        if is_moved:
            return self.name(claim)
        self._set(claim, "state = 'claimed', claimed_as = null")
        return claim

    def name(self, claim: Claim) -> Claim:
        """Give a claim its name among the claimed files. It says when and by which row, so none is used twice."""
        claimed_as = f"{self._now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{claim.file_id}__{claim.name}"
        self._set(claim, "state = 'claimed', claimed_as = %s", claimed_as)
        return replace(claim, claimed_as=claimed_as)

    def withdraw(self, claim: Claim) -> None:
        """The server refused the rename: the file has no other name after all, and waits to be claimed again."""
        self._set(claim, "claimed_as = null")

    def note(self, claim: Claim, entry: Entry) -> None:
        """A claimed file that was not read yet has another size or time now."""
        self._set(claim, "size_bytes = %s, modified_at = %s", entry.size, _instant(entry.modified_s))

    def finish(self, claim: Claim, *, is_refused: bool, is_moved: bool = True) -> None:
        """The file lies where it stays."""
        self._set(claim, "state = %s", "refused" if is_refused else "archived" if is_moved else "read")

    def refuse_entry(self, entry: Entry, code: str, reason: str) -> None:
        """An entry of the inbox that is left alone, with an exception for a person."""
        shown = ascii(entry.name[:200])
        with self._conn.transaction():
            self._id(
                "insert into ops.files (source, name, size_bytes, modified_at, state, fault_code, detail, seen_at,"
                " changed_at) values (%s, %s, %s, %s, 'refused', %s, %s, %s, %s) returning file_id",
                [
                    self._source, storable(entry.name), entry.size, _instant(entry.modified_s), code, reason,
                    self._now, self._now,
                ],
            )  # fmt: skip
            trouble = Trouble(
                "file_refused",
                f"{self._source}/{shown}",
                f"{shown} ({entry.size} bytes) is refused: {reason} ({code}). It stays where it is.",
                "Rename or remove it on the server, or correct `files.pattern` of the source.",
            )
            open_troubles(self._conn, self._source, [trouble], self._now)

    def overfull(self, why: str) -> None:
        """The folders hold more than a person can be told one by one."""
        trouble = Trouble(
            "inbox_overfull",
            self._source,
            f"The server's folder is overfull: {why}.",
            "Have it cleared on the server, or correct `files.pattern` of the source; good files are read meanwhile.",
        )
        open_troubles(self._conn, self._source, [trouble], self._now)

    def unexplained(self, claim: Claim, error: OSError) -> None:
        """The server takes no reason file: the partner must be told by a person."""
        trouble = Trouble(
            "reason_not_written",
            self._source,
            f"The server lets us write no reason file beside a refused file, first {claim.claimed_as!a}"
            f" ({type(error).__name__}: {error!s:.100}). Refused files are put away all the same.",
            "Ask the partner for the right to write into the folder of refused files; until then, send them what the"
            " exceptions `file_refused` say.",
        )
        open_troubles(self._conn, self._source, [trouble], self._now)

    def lose(self, claim: Claim) -> None:
        """A claimed file that is nowhere on the server."""
        with self._conn.transaction():
            detail = "claimed, and then found neither in the inbox nor among the claimed files"
            self._set(claim, "state = 'refused', fault_code = 'file_vanished', detail = %s", detail)
            trouble = Trouble(
                "file_vanished",
                f"{self._source}/{claim.name!a}",
                f"{claim.name!a} was {detail}.",
                "Ask the partner whether it was withdrawn, and for the file again if not.",
            )
            open_troubles(self._conn, self._source, [trouble], self._now)

    def _set(self, claim: Claim, columns: LiteralString, *values: object) -> None:
        self._id(
            f"update ops.files set {columns}, changed_at = %s where file_id = %s returning file_id",
            [*values, self._now, claim.file_id],
        )

    def _id(self, statement: LiteralString, values: list[object]) -> int:
        row = self._conn.execute(statement, values).fetchone()
        if row is None:
            raise LookupError("ops.files lost a row that this transaction holds")
        return int(row[0])


def storable(name: str) -> str:
    """A name as text that every tool can show: printable names as they are, others escaped."""
    return name if name.isprintable() and len(name) <= 300 else ascii(name[:300])


def own_name(listed_as: str) -> str:
    """What the partner called a file, whatever folder and claim stand before it."""
    return CLAIMED.sub("", listed_as.rpartition("/")[2], count=1)


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
