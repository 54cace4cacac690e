"""What reading documents again would change. Nothing is written here.

The documents are taken in their order of landing and told apart from what was told before, as landing does it: the
result is what would be stored had they been read this way at first. A fact that another document told first is
left out of the later one, so a document that is read otherwise may concern its neighbours: those come along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from syncline.errors import ConfigurationError
from syncline.landing import Document, Fact, Trouble
from syncline.landing.copy_text import Row, rows
from syncline.landing.known import LOOK_BACK, is_future
from syncline.rereading import stored as store
from syncline.rereading.readers import Reader, reader_of
from syncline.rereading.stored import Receipt, Selection, Stored

if TYPE_CHECKING:
    import psycopg

    from syncline.registry import Source

FACTS_MAX = 1_000_000  # of one run: their ids are held in memory
_Read = tuple[Stored, Document, list[Trouble], list[Row]]


@dataclass(slots=True)
class Changed:
    """A document whose reading differs: what it says now, and the ids of its facts that count, in order."""

    stored: Stored
    document: Document  # without facts and content: they are read once more when they are landed
    troubles: list[Trouble]
    fact_ids: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """The present reading of ``documents`` against the stored one. ``vanished``, ``appeared``: ids of facts."""

    source: Source
    reader: Reader
    documents: list[Stored]
    changed: list[Changed] = field(default_factory=list)
    old: set[str] = field(default_factory=set)
    new: dict[str, list[Receipt]] = field(default_factory=dict)
    vanished: set[str] = field(default_factory=set)
    appeared: dict[str, Fact] = field(default_factory=dict)
    joined: int = 0  # documents that came along with the selected ones

    @property
    def stays(self) -> int:
        """Facts that are told before and after."""
        return len(self.old & self.new.keys())

    @property
    def digest(self) -> str:
        """Equal for plans that would write the same."""
        known = sha256(self.reader.name.encode())
        for each in self.changed:
            known.update(ascii((each.stored.key, each.document.status, each.fact_ids)).encode())
        return known.hexdigest()


def make_plan(conn: psycopg.Connection, source: Source, selection: Selection) -> Plan:
    """Read the selected documents, and those that depend on how they are read, with the present code and registry.

    Args:
        conn: autocommit connection of the loader.
    Raises:
        ConfigurationError: no such document or profile, or more than ``FACTS_MAX`` facts at once.
    """
    reader = reader_of(source, conn)
    chosen = store.select(conn, source.name, selection)
    selected = len(chosen)
    is_all = selection == Selection()
    while True:
        plan = Plan(source, reader, chosen, joined=len(chosen) - selected)
        _Comparison(conn, plan, is_all=is_all).run()
        more = [] if is_all or not chosen else _neighbours(conn, plan)
        if not more:
            return plan
        chosen = store.in_order([*chosen, *more])


class _Comparison:
    """Fills a plan, chunk by chunk. ``is_all``: no document of the source is left that could tell something too."""

    def __init__(self, conn: psycopg.Connection, plan: Plan, *, is_all: bool) -> None:
        self._conn = conn
        self._plan = plan
        self._is_all = is_all
        self._source = plan.source.name
        self._taken = {each.key for each in plan.documents}
        self._accepted: dict[str, Stored] = {}
        self._novel: dict[str, Fact] = {}

    def run(self) -> None:
        plan = self._plan
        for part in store.chunks(plan.documents):
            self._compare(part)
            if len(plan.new) > FACTS_MAX:
                raise ConfigurationError(
                    f"{self._source}: more than {FACTS_MAX} facts would be read again at once.",
                    next_step="Narrow it with --from and --to, and go on part by part.",
                    source=self._source,
                )
        plan.appeared = {key: fact for key, fact in self._novel.items() if key not in plan.old}
        gone = plan.old - plan.new.keys()
        plan.vanished = gone - self._elsewhere(gone).keys()

    def _compare(self, part: Sequence[Stored]) -> None:
        plan = self._plan
        old = store.facts_of(self._conn, part)
        read = self._read(part)
        elsewhere = self._elsewhere({row[0] for *_, facts in read for row in facts})
        for each, document, troubles, facts in read:
            counted = _landed(each, facts, plan.new, elsewhere)
            before = old[each.key]
            plan.old.update(before)
            self._novel.update(
                (key, fact) for key, fact in counted.items() if key not in before and key not in elsewhere
            )
            is_same = {key: fact.position for key, fact in counted.items()} == before
            if not is_same or document.status != each.status:
                plan.changed.append(Changed(each, _without_facts(document), troubles, tuple(counted)))

    def _read(self, part: Sequence[Stored]) -> list[_Read]:
        content = store.contents(self._conn, part)
        reader = self._plan.reader
        others: list[Stored] = []
        if reader.has_duplicates and not self._is_all:
            others = store.accepted_elsewhere(self._conn, self._source, (each.sha256 for each in part), self._taken)
        found = []
        for each in part:
            earlier = None
            if reader.has_duplicates:
                earlier = self._accepted.get(each.sha256) or next(
                    (other for other in others if other.sha256 == each.sha256 and other.order < each.order), None
                )
            document, troubles = reader.read(each, content[each.key], earlier and earlier.told)
            if document.status in ("accepted", "partial"):
                self._accepted.setdefault(each.sha256, each)
            found.append((each, document, troubles, rows(self._source, each.feed, document.facts)))
        return found

    def _elsewhere(self, keys: set[str]) -> dict[str, list[Receipt]]:
        if self._is_all or not keys:
            return {}
        return store.receipts_elsewhere(self._conn, self._source, keys, self._taken)


def _landed(
    each: Stored, facts: Sequence[Row], told: dict[str, list[Receipt]], elsewhere: dict[str, list[Receipt]]
) -> dict[str, Fact]:
    """The facts that landing would store for this document, after what was ``told`` by those before it."""
    counted: dict[str, Fact] = {}
    for key, _, _, fact in facts:
        before = [r for r in elsewhere.get(key, ()) if r.order < each.order] + told.get(key, [])
        if key not in counted and not any(_is_known(fact, receipt, each) for receipt in before):
            counted[key] = fact
    for key in counted:
        told.setdefault(key, []).append(Receipt(each.received_at, each.order))
    return counted


def _is_known(fact: Fact, earlier: Receipt, each: Stored) -> bool:
    """Landing's rule (``landing.known``), for one earlier receipt."""
    if earlier.order[0] == each.load_id:
        return True
    if abs(earlier.received_at - each.received_at) > LOOK_BACK:
        return False
    return not is_future(fact.recorded, earlier.received_at) or is_future(fact.recorded, each.received_at)


def _neighbours(conn: psycopg.Connection, plan: Plan) -> list[Stored]:
    """Documents that, read now, tell a fact that appears or vanishes.

    Left as they are, an overlapping page would tell the same record another way, or keep its fault; and a fact that
    vanishes from the first document would be lost, though a later one repeats it: there landing left it out.
    """
    concerned = plan.vanished | plan.appeared.keys()
    if not concerned:
        return []
    found = []
    for part in store.chunks(store.received_near(conn, plan.source.name, plan.documents)):
        content = store.contents(conn, part)
        for each in part:
            document, _ = plan.reader.read(each, content[each.key], None)
            if any(row[0] in concerned for row in rows(plan.source.name, each.feed, document.facts)):
                found.append(each)
    return found


def _without_facts(document: Document) -> Document:
    return Document(
        document.name, b"", (), document.status, document.fault_code, document.fault_detail, document.fault_position
    )
