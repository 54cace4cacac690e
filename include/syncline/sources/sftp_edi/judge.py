"""What came before: each set of a file is new, a duplicate, in conflict with one of its number, or a test.

Numbers are kept per source: its lane serialises its readers, and a partner cannot take the numbers of another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from syncline.edi.identity import identified
from syncline.sources.sftp_edi.verdicts import Told

if TYPE_CHECKING:
    import psycopg

    from syncline.edi import Profile, Reading, SetReading
    from syncline.edi.identity import InterchangeIdentity, SetIdentity
    from syncline.edi.units import Interchange
    from syncline.sources.sftp_edi.verdicts import State

Verdict = Literal["accepted", "partial", "rejected", "duplicate", "conflict", "test"]

# The newest holder of each number: after the partner's window it is used again, as the next generation.
_INTERCHANGES = """select distinct on (key) key, interchange_id, sha256, generation, received_at, file
    from ops.edi_interchanges where source = %s and is_holder and key = any(%s) order by key, generation desc"""
_SETS = """select distinct on (s.key) s.key, s.set_id, s.sha256, s.generation, s.received_at, i.file
    from ops.edi_sets s join ops.edi_interchanges i using (interchange_id)
    where s.source = %s and s.is_holder and s.key = any(%s) order by s.key, s.generation desc"""
_BODIES = """select distinct on (type, body_sha256) type, body_sha256, set_id from ops.edi_sets
    where source = %s and state = 'accepted' and body_sha256 = any(%s) order by type, body_sha256, set_id"""


class Holder(NamedTuple):
    """Who has a number: its row, its bytes, how often the number was used, and its receipt."""

    row: int
    sha256: str | None
    generation: int
    received_at: datetime
    file: str

    @property
    def told(self) -> str:
        """How a conflict names what it contradicts."""
        return f"{self.file}, received {self.received_at.isoformat()}"


@dataclass(slots=True)
class JudgedSet:
    """A row of ``ops.edi_sets``; ``facts`` counts what the set says, whatever becomes of it."""

    read: SetReading
    identity: SetIdentity
    row: int
    facts: int
    state: State = "accepted"
    message: str = ""  # of its conflict
    generation: int = 1
    is_holder: bool = False
    duplicate_of: int | None = None
    resent_of: int | None = None


@dataclass(slots=True)
class JudgedInterchange:
    """A row of ``ops.edi_interchanges``. ``conflict`` is None, or what it is in conflict with, in words."""

    interchange: Interchange
    identity: InterchangeIdentity
    row: int
    sets: list[JudgedSet]
    generation: int = 1
    duplicate_of: int | None = None
    is_duplicate: bool = False
    conflict: str | None = None

    @property
    def verdict(self) -> Verdict:
        """What became of it as a whole; final when the findings of its conflicts are in the reading."""
        states = {each.state for each in self.sets}
        if self.interchange.is_test:
            return "test"
        if self.is_duplicate or states == {"duplicate"}:
            return "duplicate"
        if self.conflict is not None or (states and states <= {"conflict", "duplicate"}):
            return "conflict"
        is_sound = not any(found.severity == "error" for found in self.interchange.findings)
        if "accepted" not in states and (states or not is_sound):
            return "rejected"
        return "accepted" if is_sound and states <= {"accepted", "duplicate"} else "partial"

    @property
    def is_holder(self) -> bool:
        """Its number is taken. A cut one, or one that told nothing, leaves it free for the whole and right one."""
        if self.verdict not in ("accepted", "partial") or not self.identity.key or self.identity.sha256 is None:
            return False
        return not self.sets or any(each.is_holder for each in self.sets)


@dataclass(slots=True)
class Judged:
    """All of a file; ``told``: byte of a set's opener -> what it is kept out for."""

    interchanges: list[JudgedInterchange] = field(default_factory=list)

    @property
    def told(self) -> Mapping[int, Told]:
        """What ``verdicts.production`` needs, as the register will tell it again."""
        return {
            each.read.taken.opener.offset: Told(each.state, _code(inside), each.message)
            for inside in self.interchanges
            for each in inside.sets
            if each.state in ("duplicate", "conflict")
        }


def judge(
    conn: psycopg.Connection,
    source: str,
    profile: Profile,
    now: datetime,
    reading: Reading,
    content: bytes,
    *,
    is_repeated: bool,
) -> Judged:
    """Compare a file with everything that its source sent before, and with itself.

    Args:
        now: its receipt; numbers held for longer than the profile's ``reuse_after_days`` are free.
        is_repeated: the file has the bytes of an accepted one, so all of it is a duplicate.
    """
    found = identified(reading, content)
    ledger = _Ledger(conn, source, now, timedelta(days=profile.reuse_after_days))
    ledger.load([each.identity.key for each in found], [identity for each in found for _, identity in each.sets])
    interchange_ids = _ids(conn, "ops.edi_interchange_ids", len(found))
    set_ids = iter(_ids(conn, "ops.edi_set_ids", sum(len(each.sets) for each in found)))
    judged = Judged()
    for row, each in zip(interchange_ids, found, strict=True):
        sets = [JudgedSet(read, identity, next(set_ids), len(read.facts)) for read, identity in each.sets]
        inside = JudgedInterchange(each.interchange, each.identity, row, sets)
        ledger.judge(inside, is_repeated=is_repeated)
        judged.interchanges.append(inside)
    return judged


class _Ledger:
    """Numbers held, by key; grows with those of the file at hand."""

    def __init__(self, conn: psycopg.Connection, source: str, now: datetime, window: timedelta) -> None:
        self._conn, self._source, self._now, self._window = conn, source, now, window
        self._interchanges: dict[str, Holder] = {}
        self._sets: dict[str, Holder] = {}
        self._bodies: dict[tuple[str, str | None], int] = {}

    def load(self, keys: list[str], sets: list[SetIdentity]) -> None:
        for statement, wanted, into in (
            (_INTERCHANGES, keys, self._interchanges),
            (_SETS, [each.key for each in sets], self._sets),
        ):
            rows = self._conn.execute(statement.encode(), [self._source, sorted({*wanted} - {""})])
            into.update((row[0], Holder(*row[1:])) for row in rows)
        bodies = sorted({each.body_sha256 for each in sets if each.body_sha256 is not None})
        rows = self._conn.execute(_BODIES.encode(), [self._source, bodies])
        self._bodies.update(((row[0], row[1]), row[2]) for row in rows)

    def judge(self, inside: JudgedInterchange, *, is_repeated: bool) -> None:
        """Give the interchange and its sets their states."""
        if inside.interchange.is_test:
            for each in inside.sets:
                each.state = "test"
            return
        holder = self._held(self._interchanges, inside.identity.key)
        digest = inside.identity.sha256
        is_same = holder is not None and holder.sha256 == digest
        if is_repeated or (is_same and digest is not None):
            self._repeat(inside, holder if is_same else None)
        elif holder is not None and digest is not None:
            self._contradict(inside, holder)
        else:
            inside.generation = self._next(self._interchanges, inside.identity.key)
            for each in inside.sets:
                self._judge_set(each)
            if inside.is_holder:
                self._interchanges[inside.identity.key] = Holder(
                    inside.row, digest, inside.generation, self._now, "the same file"
                )

    def _repeat(self, inside: JudgedInterchange, holder: Holder | None) -> None:
        inside.is_duplicate, inside.duplicate_of = True, holder and holder.row
        for each in inside.sets:
            known = self._held(self._sets, each.identity.key)
            each.state = "duplicate"
            each.duplicate_of = known.row if known is not None and known.sha256 == each.identity.sha256 else None

    @staticmethod
    def _contradict(inside: JudgedInterchange, holder: Holder) -> None:
        inside.conflict = f"its number was used with other content: {holder.told}"
        for each in inside.sets:
            each.state, each.message = "conflict", f"interchange {inside.interchange.control!a}: {inside.conflict}"

    def _judge_set(self, each: JudgedSet) -> None:
        if each.read.verdict == "rejected":
            each.state = "rejected"
            return
        key, digest, body = each.identity
        holder = self._held(self._sets, key)
        if holder is not None and holder.sha256 == digest:
            each.state, each.duplicate_of = "duplicate", holder.row
        elif holder is not None:
            each.state = "conflict"
            each.message = f"set {each.read.taken.control!a}: its number was used with other content: {holder.told}"
        else:
            each.generation, each.is_holder = self._next(self._sets, key), bool(key) and not _is_void(each)
            each.resent_of = self._bodies.get((each.read.taken.type, body))
            self._bodies.setdefault((each.read.taken.type, body), each.row)
            if each.is_holder:
                self._sets[key] = Holder(each.row, digest, each.generation, self._now, "the same file")

    def _held(self, among: Mapping[str, Holder], key: str) -> Holder | None:
        holder = among.get(key)
        return holder if holder is not None and self._now - holder.received_at <= self._window else None

    @staticmethod
    def _next(among: Mapping[str, Holder], key: str) -> int:
        """The generation of a number that nobody holds now."""
        return among[key].generation + 1 if key in among else 1


def _is_void(each: JudgedSet) -> bool:
    """Every line of it was kept out: sent again, after the profile was corrected, it must be read."""
    return not each.facts and any(
        found.severity == "error" and found.scope == "line" for found in each.read.taken.findings
    )


def _code(inside: JudgedInterchange) -> str:
    return "set_conflict" if inside.conflict is None else "interchange_conflict"


def _ids(conn: psycopg.Connection, sequence: str, count: int) -> list[int]:
    rows = conn.execute("select nextval(%s::regclass) from generate_series(1, %s)", [sequence, count])
    return [int(row[0]) for row in rows]
