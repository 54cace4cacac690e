"""A whole file: each set with its verdict, its facts, and everything that is wrong, in file order."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain
from typing import BinaryIO, Literal

from syncline.edi.blocks import Segment
from syncline.edi.compressed import compressed_as
from syncline.edi.documents.compile import Plan
from syncline.edi.documents.elements import AMBIGUOUS
from syncline.edi.documents.interpreter import Interpreter
from syncline.edi.documents.table import DocumentTable, table_for, tables_digest
from syncline.edi.envelope import transaction_sets
from syncline.edi.findings import Finding, printable, shown
from syncline.edi.profiles import STANDARD, Profile, signature
from syncline.edi.spool import Spool
from syncline.edi.units import Body, Collected, Interchange, Take, TransactionSet, Units
from syncline.landing import Fact, fault

READING = "edi/5"  # raise it with every change of what the code reads from the same bytes; tables have their digest
DETAIL_MAX_CHARS = 1_000
HEAD_BYTES = 65_536
BINARY_BYTES = frozenset(range(32)) - {7, 9, 10, 13, 21, 28, 29, 30, 31}  # 0x15, 0x1c-0x1f separate in real files
BINARY_SHARE_MAX = 100  # one in so many bytes
KEPT_SEGMENTS_MAX = 100_000
# A file of defects must not fill the memory: behind so many, each set keeps its gravest.
FINDINGS_OF_FILE_MAX = 50_000
FINDINGS_AFTER_MAX = 2

Verdict = Literal["accepted", "tolerated", "rejected"]
FileVerdict = Literal["accepted", "partial", "rejected"]


def reading_of(profile: Profile) -> str:
    """Parser, tables and profile, as ``raw.facts.reading`` names them."""
    return f"{READING}.{tables_digest()} {signature(profile)}"


@dataclass(slots=True)
class SetReading:
    """One set. ``facts`` are empty unless it may be loaded; ``table`` is None for a type that is not read.

    ``verdict`` is about envelope and syntax, as an acknowledgment is: a line that is kept out leaves its set accepted.
    """

    taken: TransactionSet
    table: DocumentTable | None
    facts: Spool
    is_strict: bool
    reference: str = ""  # the document's own number (BIA03, W0602, BGM02), where it says one
    # What it is declared a full snapshot of, and names, as the partner writes them; None where it is none.
    locations: tuple[str, ...] | None = None
    snapshot_id: str | None = None  # the snapshot that whoever lands it makes of it

    @property
    def stated(self) -> Iterator[Fact]:
        """Its facts, each with the snapshot whose line it is."""
        told = self.snapshot_id
        return iter(self.facts) if told is None else (fact._replace(snapshot_id=told) for fact in self.facts)

    @property
    def verdict(self) -> Verdict:
        """Final when its interchange has ended."""
        taken = self.taken
        around = taken.interchange.findings.weights
        of_group = around.get(taken.group.control, ())
        weights = {*chain.from_iterable(taken.findings.weights.values()), *around.get(None, ()), *of_group}
        weights = {(severity, scope) for severity, scope in weights if severity != "note"}
        if taken.is_rejected or (self.is_strict and weights):
            return "rejected"
        return "tolerated" if any(scope != "line" for _, scope in weights) else "accepted"

    @property
    def is_proven(self) -> bool:
        """A full snapshot of ``locations``, whole: also no line of it is kept out. Final like the verdict."""
        of_lines = ("error", "line") in set().union(*self.taken.findings.weights.values())
        return bool(self.locations) and self.verdict != "rejected" and not of_lines


class _Kept(Collected):
    """Keeps the segments of an acknowledgment, which has few."""

    def __init__(self, taken: TransactionSet) -> None:
        super().__init__(taken)
        self._taken = taken
        self.other = self._keep

    def _keep(self, segment: Segment) -> None:
        if len(self.segments) < KEPT_SEGMENTS_MAX:
            self.segments.append(segment)
        elif not self._taken.is_rejected:
            self._taken.find("too_many_segments", f"more than {KEPT_SEGMENTS_MAX} segments in one set", segment)


class _Skipped:
    """Body of a set that nothing reads, or that has been read."""

    def __init__(self) -> None:
        self.handlers: dict[str, Take] = {}
        self.units: Units | None = None

    def other(self, segment: object) -> None:
        """Not looked at."""

    def end(self) -> None:
        """Nothing was read."""


READ = _Skipped()


class _Reader:
    def __init__(self, source: str, profile: Profile) -> None:
        self._source, self._profile, self._reading = source, profile, reading_of(profile)
        self._opened: dict[int, SetReading] = {}
        self._plans: dict[str, Plan] = {}
        self._findings = 0

    def open_body(self, taken: TransactionSet) -> Body:
        """The reader of a set: by its table, or nobody where it is not for us."""
        syntax = taken.interchange.delimiters.syntax
        table = table_for(syntax, taken.type, taken.version)
        opened = SetReading(taken, table, Spool(), self._profile.strictness == "strict")
        self._opened[id(taken)] = opened
        self._check_parties(taken)
        if table is None:
            at = 1 if syntax == "x12" else 2
            text = f"{taken.opener.id}{at:02d} is {shown(taken.type)}: no document that is read here"
            taken.find("set_type_unsupported", text, taken.opener, at)
            return _Skipped()
        if table.group and taken.group.opener is not None and taken.group.code not in ("", table.group):
            text = f"GS01 is {shown(taken.group.code)}, a {table.set} belongs to {table.group}"
            taken.find("group_mismatch", text, taken.opener)
        if table.is_kept:
            return _Kept(taken)
        if table.name not in self._plans:
            self._plans[table.name] = Plan(table, self._profile, self._source, self._reading)
        return Interpreter(taken, self._plans[table.name], opened.facts)

    def ended(self, taken: TransactionSet) -> SetReading:
        """What was read of a set that has ended."""
        ended = self._opened.pop(id(taken))
        if isinstance(taken.body, Interpreter):
            number = taken.body.root.values.get(taken.body.plan.table.correlation or "", "")
            ended.reference = "" if number == AMBIGUOUS else number
            if taken.body.snapshot is not None:
                ended.locations = tuple(sorted(taken.body.snapshot.named))
            taken.body = READ  # its loops are of no more use
        self._findings += len(taken.findings)
        if self._findings > FINDINGS_OF_FILE_MAX:
            taken.findings.keep(FINDINGS_AFTER_MAX)
        return ended

    def _check_parties(self, taken: TransactionSet) -> None:
        parties = taken.interchange
        for code, known, told, who in (
            ("sender_unknown", self._profile.senders, parties.sender, "from"),
            ("receiver_unknown", self._profile.receivers, parties.receiver, "for"),
        ):
            if known and told not in known:
                text = (
                    f"the interchange is {who} {shown(told)}, the profile {self._profile.name} knows {', '.join(known)}"
                )
                taken.find(code, text, taken.opener)


def read_sets(
    data: bytes | BinaryIO, *, source: str, profile: Profile = STANDARD
) -> Iterator[SetReading | Interchange]:
    """Each set of a file when it may be used, and each interchange behind its sets. Nothing is held between them.

    A strict partner's sets wait for the end of their interchange: what is wrong there takes them with it.

    Args:
        data: the file; a stream must be seekable. source: prefix of the keys that need one.
    """
    reader = _Reader(source, profile)
    waiting: list[SetReading] = []
    for item in transaction_sets(data, reader.open_body):
        if isinstance(item, Interchange):
            yield from _let_in(waiting)
            waiting = []
            yield item
        elif profile.strictness == "strict":
            waiting.append(reader.ended(item))
        else:
            yield reader.ended(item)


def _let_in(sets: list[SetReading]) -> list[SetReading]:
    for each in sets:
        if each.verdict == "rejected":
            each.facts.clear()
    return sets


@dataclass(slots=True)
class Reading:
    """Result of one file; ``own`` are findings that belong to none of its interchanges."""

    file: str
    sha256: str
    read_by: str  # `reading_of`: raw.facts.reading
    sets: list[SetReading] = field(default_factory=list)
    interchanges: list[Interchange] = field(default_factory=list)
    own: list[Finding] = field(default_factory=list)

    @property
    def facts(self) -> Iterator[Fact]:
        """Good lines of all sets, in file order."""
        return chain.from_iterable(each.stated for each in self.sets)

    @property
    def findings(self) -> list[Finding]:
        """Everything that was found, in file order."""
        around = chain.from_iterable(each.findings for each in self.interchanges)
        inside = chain.from_iterable(each.taken.findings for each in self.sets)
        return [*self.own, *sorted(chain(around, inside), key=lambda found: (found.offset, found.segment_no))]

    @property
    def faults(self) -> list[Finding]:
        """What is kept out and why: one for a set that is refused whole, however much is wrong in it."""
        refused = [each for each in self.sets if each.verdict == "rejected"]
        controls = {id(found) for each in refused for found in each.taken.findings}
        rest = [found for found in self.findings if found.severity == "error" and id(found) not in controls]
        faults = [*(_refusal(each) for each in refused), *rest]
        return sorted(faults, key=lambda found: (found.offset, found.segment_no))

    @property
    def sets_accepted(self) -> int:
        """Sets whose facts count."""
        return sum(each.verdict != "rejected" for each in self.sets)

    @property
    def sets_quarantined(self) -> int:
        """Sets that are refused whole."""
        return len(self.sets) - self.sets_accepted

    @property
    def is_receipt(self) -> bool:
        """Interchanges that acknowledge ours (TA1) need no set."""
        return not self.sets and any(each.service for each in self.interchanges)

    @property
    def verdict(self) -> FileVerdict:
        """``partial``: a set is refused, or the envelope lies about the others."""
        if not self.sets_accepted and not self.is_receipt:
            return "rejected"
        is_whole = not self.own and not any(
            found.severity == "error" for each in self.interchanges for found in each.findings
        )
        return "accepted" if is_whole and not self.sets_quarantined else "partial"

    @property
    def is_refused(self) -> bool:
        """Nothing of the file could be used: it is quarantined whole."""
        if not self.sets_accepted and not self.is_receipt:
            return True
        is_kept_out = any(found.severity == "error" and found.scope == "line" for found in self.findings)
        return is_kept_out and not any(len(each.facts) for each in self.sets)

    def rows(self) -> Iterator[Fact]:
        """Facts and, for each fault, its fault row, ready to land."""
        yield from self.facts
        tests = {each.control for each in self.interchanges if each.is_test}
        tests -= {each.control for each in self.interchanges if not each.is_test}
        for found in self.faults:
            is_test = found.interchange in tests and found.scope != "file"
            yield _row(found, self.file, self.sha256, self.read_by, is_test=is_test)


def read_file(data: bytes | BinaryIO, *, source: str, file: str, profile: Profile = STANDARD) -> Reading:
    """All of a file. Never raises for what the partner wrote.

    Args:
        data: the file as received, already limited in size by the caller; a stream must be seekable.
        source: prefix of the keys that need one. file: its name, for messages.
    """
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    digest, size = _digest(stream)
    reading = Reading(file, digest, reading_of(profile))
    whole = _whole_file_finding(stream, size)
    if whole:
        reading.own.append(whole)
        return reading
    for item in read_sets(stream, source=source, profile=profile):
        if isinstance(item, SetReading):
            reading.sets.append(item)
        else:
            reading.interchanges.append(item)
    if not reading.sets and not reading.is_receipt:
        reading.own.append(_nothing_finding(reading, size))
        if reading.own[-1].code == "no_interchange":
            # That its text stands outside of any interchange says the same once more.
            reading.interchanges = [each for each in reading.interchanges if _is_more_than_text(each)]
    return reading


def _is_more_than_text(outside: Interchange) -> bool:
    return any(found.code != "outside_interchange" for found in outside.findings)


def _nothing_finding(reading: Reading, size: int) -> Finding:
    if any(each.opener is not None for each in reading.interchanges):
        return Finding("no_set", "the file holds no transaction set", "file")
    return Finding("no_interchange", f"neither X12 (ISA) nor EDIFACT (UNB) in {size} bytes", "file")


def _whole_file_finding(stream: BinaryIO, size: int) -> Finding | None:
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if not head.strip() and size <= len(head):
        return Finding("file_empty", f"the file has {size} bytes and says nothing", "file")
    if (packed := compressed_as(head)) is not None:
        text = f"the file is {packed}, not EDI text, and is never unpacked; it must come unpacked"
        return Finding("file_compressed", text, "file")
    binary = sum(head.count(byte) for byte in BINARY_BYTES)
    if b"\x00" in head or binary * BINARY_SHARE_MAX > len(head):
        return Finding("file_binary", "the file is binary, not EDI text", "file")
    return None


def _digest(stream: BinaryIO) -> tuple[str, int]:
    digest, size = sha256(), 0
    while data := stream.read(HEAD_BYTES):
        digest.update(data)
        size += len(data)
    stream.seek(0)
    return digest.hexdigest(), size


def _refusal(refused: SetReading) -> Finding:
    """One finding that speaks for a refused set."""
    taken = refused.taken
    found = [each for each in taken.findings if each.severity != "note"]
    heavy = [each for each in found if each.severity == "error" and each.scope != "line"] or found
    if not heavy:  # strict: something around it is wrong
        text = f"set {shown(taken.control)} quarantined: its interchange has defects, and the partner is strict"
        return _at_opener(taken, "interchange_refused", text)
    first = heavy[0]
    text = "; ".join(each.message if each is first else f"{each.position}: {each.message}" for each in heavy)
    return replace(first, message=f"set {shown(taken.control)} quarantined: {text}"[:DETAIL_MAX_CHARS], scope="set")


def _at_opener(taken: TransactionSet, code: str, text: str) -> Finding:
    opener = taken.opener
    return Finding(
        code, text, "set", opener.number, opener.id[:10], None, None, opener.offset, 1, taken.interchange.control,
        taken.group.control, taken.control,
    )  # fmt: skip


def _row(found: Finding, file: str, digest: str, reading: str, *, is_test: bool) -> Fact:
    where = f"interchange {found.interchange} group {found.group} set {found.set_control}"
    text = printable(f"{file}, {found} [{found.scope}; {where}]"[:DETAIL_MAX_CHARS])
    detail = text.encode("ascii", "backslashreplace").decode()
    key = f"sha256:{digest}/{found.position}/{found.code}"
    return fault(found.code, detail, line_key=key, position=found.position, reading=reading, is_test=is_test)
