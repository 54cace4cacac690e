"""``ops.edi_interchanges`` and ``ops.edi_sets``: written in the transaction that lands the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.errors import UniqueViolation

from syncline.edi.identity import offset_of
from syncline.errors import RetryableError
from syncline.sources.sftp_edi.acknowledged import Answers
from syncline.sources.sftp_edi.outbound import intents, store
from syncline.sources.sftp_edi.register import storable
from syncline.sources.sftp_edi.snapshots import store_whole

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.edi import Finding, Profile, SetReading
    from syncline.landing import Trouble
    from syncline.sources.sftp_edi.judge import Judged, JudgedInterchange, JudgedSet

DETAIL_MAX_CHARS = 1_000
_INTERCHANGE = """copy ops.edi_interchanges (interchange_id, source, document_id, received_at, file, offset_bytes,
    syntax, sender_qualifier, sender, receiver_qualifier, receiver, control, prepared, is_test, key, generation,
    is_holder, sha256, verdict, state, groups, sets, sets_accepted, facts, fault_code, fault_detail, duplicate_of,
    changed_at) from stdin"""
_SET = """copy ops.edi_sets (set_id, interchange_id, source, received_at, offset_bytes, group_code, group_control, type,
    control, version, reference, key, generation, is_holder, sha256, body_sha256, segments, facts, verdict, state,
    finding_code, finding_position, finding_message, duplicate_of, resent_of, snapshot_of) from stdin"""


class Receipt:
    """One file on its way into the register: ``write`` is called inside the transaction of its load.

    ``document``: its id in raw.documents, and its name.
    """

    def __init__(
        self, conn: psycopg.Connection, source: str, document: tuple[str, str], judged: Judged, profile: Profile,
        now: datetime,
    ) -> None:  # fmt: skip
        self._source, self._judged, self._now = source, judged, now
        self._document_id, self._file = document
        self._intents = intents(judged, profile)
        self._answers = Answers(conn, source, judged, now)

    @property
    def troubles(self) -> list[Trouble]:
        """What a person must look at in its acknowledgments."""
        return self._answers.troubles

    def write(self, conn: psycopg.Connection) -> None:
        """Write all rows, what is to be answered, and what it answers.

        Raises:
            RetryableError: another reader of the source took one of the numbers meanwhile.
        """
        try:
            with conn.cursor() as cursor, cursor.copy(_INTERCHANGE) as copy:
                for inside in self._judged.interchanges:
                    copy.write_row(self._interchange(inside))
            with conn.cursor() as cursor, cursor.copy(_SET) as copy:
                for inside in self._judged.interchanges:
                    for each in inside.sets:
                        copy.write_row(self._set(inside, each))
            store(conn, self._source, self._intents, self._now)
            self._answers.write(conn, self._document_id)
            store_whole(conn, self._source, self._document_id, self._whole(), self._now)
        except UniqueViolation:
            raise RetryableError(
                f"{self._source}: another reader registered a control number of {self._file!a} meanwhile.",
                next_step="Nothing of the file was written; the next poll compares it again.",
                source=self._source,
            ) from None

    def _whole(self) -> list[SetReading]:
        judged = (each for inside in self._judged.interchanges for each in inside.sets)
        return [each.read for each in judged if _snapshot_of(each) is not None]

    def _interchange(self, inside: JudgedInterchange) -> tuple[Any, ...]:
        about, verdict, fault = inside.interchange, inside.verdict, _fault(inside)
        accepted = [each for each in inside.sets if each.state == "accepted"]
        parties = (about.sender_qualifier, about.sender, about.receiver_qualifier, about.receiver, about.control)
        return (
            inside.row, self._source, self._document_id, self._now, self._file,
            offset_of(about, [(each.read, each.identity) for each in inside.sets]), about.delimiters.syntax,
            *map(storable, parties), storable(" ".join(about.prepared).strip()), about.is_test, inside.identity.key,
            inside.generation, inside.is_holder, inside.identity.sha256, verdict, verdict, about.groups,
            len(inside.sets), len(accepted), sum(each.facts for each in accepted), fault and fault[0],
            fault and fault[1], inside.duplicate_of, self._now,
        )  # fmt: skip

    def _set(self, inside: JudgedInterchange, each: JudgedSet) -> tuple[Any, ...]:
        taken, identity, first = each.read.taken, each.identity, _first(each)
        said = (
            taken.group.code,
            taken.group.control,
            taken.type,
            taken.control,
            taken.version,
            each.read.reference,
        )
        return (
            each.row, inside.row, self._source, self._now, taken.opener.offset, *map(storable, said), identity.key,
            each.generation, each.is_holder, identity.sha256, identity.body_sha256, taken.segments, each.facts,
            each.read.verdict, each.state, first and first.code, first and storable(first.position),
            first and _ascii(first.message), each.duplicate_of, each.resent_of,
            _snapshot_of(each),
        )  # fmt: skip


def _snapshot_of(each: JudgedSet) -> list[str] | None:
    """The locations whose stock it tells whole; null where that is not declared, or not proven."""
    return list(each.read.locations or ()) if each.state == "accepted" and each.read.is_proven else None


def _first(each: JudgedSet) -> Finding | None:
    """The finding that says most: its conflict, which stands first, else the first error, else the first warning."""
    findings = each.read.taken.findings
    errors = [found for found in findings if found.severity == "error"]
    warnings = [found for found in findings if found.severity == "warning"]
    return next(iter([*errors, *warnings]), None)


def _fault(inside: JudgedInterchange) -> tuple[str, str] | None:
    """Code and text of what is wrong with the interchange itself, else with its first set that is kept out."""
    if inside.conflict is not None:
        return "interchange_conflict", _ascii(inside.conflict)
    kept_out = (found for each in inside.sets if each.state in ("rejected", "conflict") if (found := _first(each)))
    around = (found for found in inside.interchange.findings if found.severity == "error")
    first = next(around, None) or next(kept_out, None)
    return None if first is None else (first.code, _ascii(str(first)))


def _ascii(text: str) -> str:
    return text[:DETAIL_MAX_CHARS].encode("ascii", "backslashreplace").decode().replace("\x00", "\\x00")
