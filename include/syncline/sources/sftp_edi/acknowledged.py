"""What partners say of what we sent: matched by control number; a person is asked where nothing or nobody matches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from syncline.edi.acknowledgments import acknowledged_by, acknowledged_interchanges
from syncline.exceptions import resolve_exception
from syncline.landing import Trouble
from syncline.sources.sftp_edi.register import storable

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.edi.acknowledgments import Acknowledged
    from syncline.sources.sftp_edi.judge import Judged, JudgedInterchange

NOTES_MAX = 100
# Exceptions that one file, or one look at what is overdue, may open.
TOLD_MAX = 20
# Numbers are used again in the end: the newest one is meant.
_BY_GROUP = """select outbound_id, name, kind, expects_answer from ops.edi_outbound where source = %s and syntax = %s
    and is_test = %s and group_code = %s and ltrim(group_control, '0') = %s order by outbound_id desc limit 1"""
_BY_INTERCHANGE = """select outbound_id, name, kind, expects_answer from ops.edi_outbound where source = %s
    and syntax = %s and is_test = %s and ltrim(interchange_control, '0') = %s order by outbound_id desc limit 1"""
_STORE = """insert into ops.edi_acknowledgments (source, document_id, received_at, outbound_id, kind, group_code,
    group_control, interchange_control, status, is_accepted, notes)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_ANSWERED = """update ops.edi_outbound set state = 'acknowledged', is_accepted = %s, answered_at = %s
    where outbound_id = %s"""
_OVERDUE = """select name, kind, sent_at, due_at from ops.edi_outbound
    where source = %s and state = 'sent' and expects_answer and due_at <= %s order by due_at, outbound_id limit %s"""


class Sent(NamedTuple):
    """A row of ``ops.edi_outbound`` that an acknowledgment is about."""

    row: int
    name: str
    kind: str
    expects_answer: bool


@dataclass(slots=True)
class Statement:
    """All that one acknowledgment says of one group (997, 999) or one interchange (TA1, CONTRL) of ours."""

    kind: str
    group_code: str
    group_control: str
    interchange: str
    is_test: bool
    status: str = ""
    is_contradicted: bool = False  # a part of it is not accepted
    notes: list[dict[str, Any]] = field(default_factory=list)
    sent: Sent | None = None

    def add(self, each: Acknowledged) -> None:
        """One statement more; what is said of all of it gives the status."""
        is_whole = not each.set_control and (self.kind != "CONTRL" or not each.group_control)
        self.status = each.status if is_whole else self.status
        self.is_contradicted = self.is_contradicted or not each.is_accepted
        if (each.notes or not each.is_accepted) and len(self.notes) < NOTES_MAX:
            group = each.group_control if self.kind == "CONTRL" else ""
            about = " ".join(part for part in (group, each.set_type, each.set_control) if part)
            self.notes.append({"about": about or "all of it", "status": each.status, "notes": list(each.notes)})

    @property
    def is_accepted(self) -> bool:
        """All of it: what says nothing of the whole accepts nothing."""
        return bool(self.status) and not self.is_contradicted

    @property
    def told(self) -> str:
        """``997 of group OW 12``, ``TA1 of interchange 000000012``."""
        if self.group_control or self.group_code:
            return storable(f"{self.kind} of group {self.group_code} {self.group_control}")
        return storable(f"{self.kind} of interchange {self.interchange}")


class Answers:
    """The acknowledgments in one file, matched; ``write`` is called inside the transaction of its load."""

    def __init__(self, conn: psycopg.Connection, source: str, judged: Judged, now: datetime) -> None:
        self._source, self._now = source, now
        self._statements = list(chain.from_iterable(_statements(inside) for inside in judged.interchanges))
        for each in self._statements:
            each.sent = _match(conn, source, each)

    @property
    def troubles(self) -> list[Trouble]:
        """What a person must look at: answers to nothing, and refusals."""
        found = []
        for each in self._statements:
            if each.sent is None and not each.is_test:
                found.append(self._unmatched(each))
            elif each.sent is not None and not each.is_accepted:
                found.append(self._rejected(each, each.sent))
        return found[:TOLD_MAX]

    def write(self, conn: psycopg.Connection, document_id: str) -> None:
        """Store every statement, and what it means for what was sent."""
        for each in self._statements:
            values = (each.kind, each.group_code, each.group_control, each.interchange, each.status)
            row = each.sent and each.sent.row
            conn.execute(
                _STORE,
                [
                    self._source, document_id, self._now, row, *map(storable, values), each.is_accepted,
                    Jsonb(each.notes),
                ],
            )  # fmt: skip
            # A TA1 says that the interchange arrived; what is in it is still to be answered, unless it is refused.
            is_last_word = each.kind != "TA1" or not each.is_accepted
            if each.sent is not None and each.sent.expects_answer and is_last_word:
                conn.execute(_ANSWERED, [each.is_accepted, self._now, each.sent.row])
                resolve_exception(conn, "acknowledgment_overdue", f"{self._source}/{each.sent.name}", at=self._now)

    def _unmatched(self, each: Statement) -> Trouble:
        return Trouble(
            "acknowledgment_unmatched",
            f"{self._source}/{each.told}",
            f"A {each.told} came, and nothing that we sent has these numbers.",
            f"Ask {self._source} what it acknowledges: another system may send under our name, or numbers were lost.",
        )

    def _rejected(self, each: Statement, sent: Sent) -> Trouble:
        notes = "; ".join(f"{note['about']} {note['status']}: {', '.join(note['notes'])}" for note in each.notes[:3])
        return Trouble(
            "acknowledgment_rejected",
            f"{self._source}/{sent.name}",
            storable(f"A {each.told} rejects our {sent.kind} {sent.name} ({each.status}): {notes}")[:1_000],
            "Correct what the notes name, and send it again under a new number; ops.edi_acknowledgments has all notes.",
        )


def overdue(conn: psycopg.Connection, source: str, now: datetime) -> list[Trouble]:
    """Documents that were sent, and that the partner should have acknowledged before ``now``."""
    return [
        Trouble(
            "acknowledgment_overdue",
            f"{source}/{name}",
            f"{name} ({kind}) was sent at {sent_at.isoformat()}; its acknowledgment was due at {due_at.isoformat()}.",
            f"Ask {source} whether it arrived. This closes by itself when the acknowledgment comes.",
        )
        for name, kind, sent_at, due_at in conn.execute(_OVERDUE, [source, now, TOLD_MAX]).fetchall()
    ]


def _statements(inside: JudgedInterchange) -> Iterator[Statement]:
    """What the sound acknowledgments of an interchange say; nothing of one that came before."""
    if inside.verdict not in ("accepted", "partial", "test"):
        return
    is_test = bool(inside.interchange.is_test)
    for each in acknowledged_interchanges(inside.interchange):
        statement = Statement(each.kind, "", "", each.interchange, is_test)
        statement.add(each)
        yield statement
    for judged in inside.sets:
        if judged.state not in ("accepted", "test") or judged.read.verdict == "rejected":
            continue
        found: dict[tuple[str, str, str], Statement] = {}
        for each in acknowledged_by(judged.read.taken):
            group = ("", "") if each.kind == "CONTRL" else (each.group_code, each.group_control)
            key = (*group, each.interchange)
            found.setdefault(key, Statement(each.kind, *key, is_test)).add(each)
        yield from found.values()


def _match(conn: psycopg.Connection, source: str, each: Statement) -> Sent | None:
    syntax = "edifact" if each.kind == "CONTRL" else "x12"
    if each.kind in ("997", "999"):
        wanted = [source, syntax, each.is_test, storable(each.group_code), each.group_control.lstrip("0")]
        row = conn.execute(_BY_GROUP, wanted).fetchone()
    else:
        row = conn.execute(_BY_INTERCHANGE, [source, syntax, each.is_test, each.interchange.lstrip("0")]).fetchone()
    return Sent(*row) if row else None
