"""A whole file: which sets are good, what they say, and one fault row for everything that is kept out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256

from syncline.edi.documents.x12_846 import TYPE, Document846, reading_of
from syncline.edi.envelope import TransactionSet, transaction_sets
from syncline.edi.errors import Fault, shown
from syncline.edi.profiles import PROFILES, Profile
from syncline.landing import Fact, fault

DETAIL_MAX_CHARS = 1_000
BINARY_BYTES = frozenset(range(32)) - {7, 9, 10, 13, 21, 28, 29, 30, 31}  # 0x15, 0x1c-0x1f separate in real files
BINARY_SHARE_MAX = 100  # one in so many bytes


@dataclass(slots=True)
class Reading:
    """Result of one file. ``facts`` are good lines, ``faults`` everything kept out or wrong, in file order."""

    file: str
    sha256: str
    read_by: str  # parser and profile: ``raw.facts.reading``
    facts: list[Fact] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    sets_accepted: int = 0
    sets_quarantined: int = 0

    @property
    def is_refused(self) -> bool:
        """Nothing of the file could be used: it is quarantined whole."""
        return bool(self.faults) and not self.facts and not self.sets_accepted

    def rows(self) -> list[Fact]:
        """Facts and, for each fault, its fault row, ready to land."""
        return self.facts + [_row(found, self.sha256, self.read_by) for found in self.faults]


def read_846(data: bytes, *, source: str, file: str, profile: Profile = PROFILES["standard"]) -> Reading:
    """Every 846 of ``data``. Never raises for what the partner wrote.

    Args:
        data: the file as received, already limited in size by the caller.
        source: prefix of the event keys. file: name for positions.
    """
    reading = Reading(file, sha256(data).hexdigest(), reading_of(profile))
    whole = _whole_file_fault(data, file)
    if whole:
        reading.faults.append(whole)
        return reading
    for item in transaction_sets(data, file):
        if isinstance(item, Fault):
            reading.faults.append(item)
        else:
            _read_set(item, reading, source, profile)
    if not reading.sets_accepted and not reading.faults:
        reading.faults.append(Fault("no_set", "the file holds no transaction set", "file", file))
    return reading


def _read_set(taken: TransactionSet, reading: Reading, source: str, profile: Profile) -> None:
    if taken.type != TYPE:
        text = f"ST01 is {shown(taken.type)}; only {TYPE} is read here"
        taken.faults.append(taken.fault("set_type_unsupported", text, taken.st, 1))
    if not taken.faults:
        document = Document846(taken, source, profile)
        document.read()
        if not taken.faults:
            reading.sets_accepted += 1
            reading.facts += document.facts
            reading.faults += document.line_faults
            return
    reading.sets_quarantined += 1
    first = taken.faults[0]
    text = "; ".join(found.text if found is first else f"{found.position}: {found.text}" for found in taken.faults)
    text = f"set {shown(taken.control)} quarantined: {text}"[:DETAIL_MAX_CHARS]
    reading.faults.append(replace(first, text=text, scope="set"))


def _whole_file_fault(data: bytes, file: str) -> Fault | None:
    if not data.strip():
        return Fault("file_empty", f"the file has {len(data)} bytes and says nothing", "file", file)
    binary = sum(data[:65_536].count(byte) for byte in BINARY_BYTES)
    if b"\x00" in data or binary * BINARY_SHARE_MAX > min(len(data), 65_536):
        return Fault("file_binary", "the file is binary, not EDI text", "file", file)
    if b"ISA" not in data:
        return Fault("isa_missing", f"no ISA in {len(data)} bytes: not an X12 interchange", "file", file)
    return None


def _row(found: Fault, digest: str, reading: str) -> Fact:
    where = f"ISA13 {found.interchange} GS06 {found.group} ST02 {found.set_control}"
    detail = f"{found} [{found.scope}; {where}]"[:DETAIL_MAX_CHARS].encode("ascii", "backslashreplace").decode()
    key = f"sha256:{digest}/{found.position}/{found.code}"
    return fault(found.code, detail, line_key=key, position=found.position, reading=reading)
