"""``ops.files``: every file seen, with its state. The intent is written before the server is touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncline.landing import Trouble
from syncline.landing.troubles import open_troubles

if TYPE_CHECKING:
    import psycopg

    from syncline.sources.sftp_edi.listing import Entry


@dataclass(frozen=True, slots=True)
class Claim:
    """A file taken out of the inbox: its row, its own name and its name in the folder of claimed files."""

    file_id: int
    name: str
    claimed_as: str
    state: str
    fault_code: str | None = None


class Register:
    """Rows of one source at one instant ``now``."""

    def __init__(self, conn: psycopg.Connection, source: str, now: datetime) -> None:
        self._conn = conn
        self._source = source
        self._now = now

    def unfinished(self) -> list[Claim]:
        """Files claimed or landed by a run that did not come to the end, oldest first."""
        rows = self._conn.execute(
            "select file_id, name, claimed_as, state, fault_code from ops.files"
            " where source = %s and state in ('claimed', 'landed') order by file_id",
            [self._source],
        )
        return [Claim(*row) for row in rows]

    def known_claims(self, names: set[str]) -> set[str]:
        """Which of ``names`` (in the folder of claimed files) have a row."""
        rows = self._conn.execute(
            "select claimed_as from ops.files where source = %s and claimed_as = any(%s)", [self._source, list(names)]
        )
        return {row[0] for row in rows}

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
            " where source = %s and state = 'refused' and claimed_as is null and name = any(%s)",
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

    def claim(self, file_id: int, name: str) -> Claim:
        """Write that the file is about to be claimed. The name says when and by which row, so none is used twice."""
        claimed_as = f"{self._now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{file_id}__{name}"
        self._id(
            "update ops.files set state = 'claimed', claimed_as = %s, changed_at = %s where file_id = %s"
            " returning file_id",
            [claimed_as, self._now, file_id],
        )
        return Claim(file_id, name, claimed_as, "claimed")

    def adopt(self, claimed_as: str) -> Claim:
        """A row for a file that lies among the claimed ones without one."""
        name = claimed_as.partition("__")[2] or claimed_as
        file_id = self._id(
            "insert into ops.files (source, name, size_bytes, state, claimed_as, detail, seen_at, changed_at)"
            " values (%s, %s, 0, 'claimed', %s, 'found among the claimed files', %s, %s) returning file_id",
            [self._source, name, claimed_as, self._now, self._now],
        )
        return Claim(file_id, name, claimed_as, "claimed")

    def finish(self, claim: Claim, *, is_refused: bool) -> None:
        """The file lies where it stays."""
        state = "refused" if is_refused else "archived"
        self._id(
            "update ops.files set state = %s, changed_at = %s where file_id = %s returning file_id",
            [state, self._now, claim.file_id],
        )

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
            open_troubles(self._conn, [trouble], self._now)

    def overfull(self, why: str) -> None:
        """The folders hold more than a person can be told one by one."""
        trouble = Trouble(
            "inbox_overfull",
            self._source,
            f"The server's folder is overfull: {why}.",
            "Have it cleared on the server, or correct `files.pattern` of the source; good files are read meanwhile.",
        )
        open_troubles(self._conn, [trouble], self._now)

    def lose(self, claim: Claim) -> None:
        """A claimed file that is nowhere on the server."""
        with self._conn.transaction():
            detail = "claimed, and then found neither in the inbox nor among the claimed files"
            self._id(
                "update ops.files set state = 'refused', fault_code = 'file_vanished', detail = %s, changed_at = %s"
                " where file_id = %s returning file_id",
                [detail, self._now, claim.file_id],
            )
            trouble = Trouble(
                "file_vanished",
                f"{self._source}/{claim.name!a}",
                f"{claim.name!a} was {detail}.",
                "Ask the partner whether it was withdrawn, and for the file again if not.",
            )
            open_troubles(self._conn, [trouble], self._now)

    def _id(self, statement: str, values: list[object]) -> int:
        row = self._conn.execute(statement, values).fetchone()
        if row is None:
            raise LookupError("ops.files lost a row that this transaction holds")
        return int(row[0])


def storable(name: str) -> str:
    """A name as text that every tool can show: printable names as they are, others escaped."""
    return name if name.isprintable() and len(name) <= 300 else ascii(name[:300])


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
