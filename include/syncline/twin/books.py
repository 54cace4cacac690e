"""What the owner of the stock posts: truth first, then the event its WMS tells, with the faults of telling."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from syncline.twin.ledger import Key, Ledger
from syncline.twin.network import MEASURES
from syncline.twin.wms_log import WmsLog

if TYPE_CHECKING:
    from syncline.twin.faults import FaultCount, Faults
    from syncline.twin.schedule import Day, Schedule

COUNT_LINES_MAX = 40
COUNT = "count"


class Effect(NamedTuple):
    """One true change that an event carries."""

    item: str
    measure: str
    delta: int


class Posting(NamedTuple):
    """What a site did at ``at_ms``, as its people know it: its true lines and effects, whatever its WMS tells."""

    at_ms: int
    kind: str
    transaction_id: str
    lines: list[dict[str, Any]]
    effects: list[Effect]
    reason: str


class Untold(NamedTuple):
    """A true change of a key that no movement ever told, and why (the constants below)."""

    at_ms: int
    units: int
    why: str


# Why: its event was lost, its event named a code that nobody maps, a count found it and told the balance, its 3PL wrote
# no document, or its site tells movements of that measure to nobody.
LOST, MISNAMED, COUNTED, NO_DOCUMENT, NO_FEED = "lost event", "unknown sku", "count", "no document", "no feed"
Listener = Callable[[Posting], set[str]]  # answers with the measures whose effects it passes on


class Books:
    """Ledger and WMS logs of all sites. A site without a WMS changes its truth and tells whoever listens there."""

    def __init__(self, day: Day, schedule: Schedule, faults: Faults, count: FaultCount) -> None:
        self.ledger = Ledger()
        self._day = day
        self._schedule = schedule
        self._faults = faults
        self._count = count
        self._rng = day.stream("telling")
        self._transactions = 0
        self._listeners: dict[str, Listener] = {}
        self.lost_ms: dict[Key, int] = {}  # when the last event was posted that nobody can count
        self.untold: dict[Key, list[Untold]] = defaultdict(list)
        self.logs = {
            site.location: WmsLog(
                site.location,
                faults,
                count,
                day.stream(f"late/{site.location}"),
                day.stream(f"listing/{site.location}"),
                day.stream(f"version/{site.location}"),
            )
            for site in day.network.sites
            if site.wms
        }

    def listen(self, location: str, listener: Listener) -> None:
        """Have every posting of ``location`` told to ``listener`` too, at the instant of the posting."""
        self._listeners[location] = listener

    def balance(self, location: str, item: str, measure: str) -> int:
        return self.ledger.balance(Key(location, item, measure))

    def pickable(self, location: str, item: str) -> int:
        """Units that could leave now: on hand, neither damaged nor on hold."""
        return (
            self.balance(location, item, "on_hand")
            - self.balance(location, item, "damaged")
            - self.balance(location, item, "quarantined")
        )

    def transaction(self) -> str:
        self._transactions += 1
        return f"T-{self._transactions:06d}"

    def open(self, at_ms: int) -> None:
        """Opening stock of every key, and for sites with a WMS the opening counts of all four measures."""
        rng = self._day.stream("opening")
        top = {"A": 160, "B": 80, "C": 40}
        items = self._day.network.items
        for site in self._day.network.sites:
            for item in items:
                on_hand = rng.randint(4, 12) if item.scarce else rng.randint(15, top[item.item_class])
                damaged = rng.randint(1, 2) if rng.random() < 0.1 else 0
                opening = {"on_hand": on_hand, "allocated": 0, "damaged": damaged, "quarantined": 0}
                for measure in MEASURES:
                    self.ledger.open(Key(site.location, item.sku, measure), at_ms, opening[measure])
            for measure in MEASURES if site.wms else ():
                for first in range(0, len(items), COUNT_LINES_MAX):
                    skus = [item.sku for item in items[first : first + COUNT_LINES_MAX]]
                    self.post_count(
                        site.location, at_ms, measure, {sku: self.balance(site.location, sku, measure) for sku in skus}
                    )

    def post(
        self,
        location: str,
        at_ms: int,
        kind: str,
        lines: list[dict[str, Any]],
        effects: list[Effect],
        reason: str,
        **extra: Any,
    ) -> str:
        """Post a movement event. ``lines`` get their ``line`` number here; ``effects`` is what truly happens.

        Returns:
            its transaction.
        """
        transaction_id = self.transaction()
        numbered = [{"line": number, **line} for number, line in enumerate(lines, 1)]
        posting = Posting(at_ms, kind, transaction_id, numbered, effects, reason)
        log = self.logs.get(location)
        if log is None:
            self._apply(location, posting)
            return transaction_id
        if effects and self._faults.lost_event and self._rng.random() < self._faults.lost_event:
            self._apply(location, posting._replace(at_ms=log.lose(at_ms)), LOST)
            self._count.add("lost_event")
            return transaction_id
        self._tell_garbled(log, at_ms, kind, transaction_id, numbered, extra)
        is_misnamed = self._faults.unknown_sku > 0 and self._rng.random() < self._faults.unknown_sku
        if is_misnamed:
            skus = self._day.network.skus
            numbered = [{**line, "sku": skus[line["sku"]].alias} for line in numbered]
            self._count.add("unknown_sku")
        posted = log.append(
            at_ms, kind, transaction_id, numbered, book=self._book_after(location, numbered, effects), **extra
        )
        self._apply(location, posting._replace(at_ms=posted.posted_ms), MISNAMED if is_misnamed else None)
        # A late event is not retried: the retry would be heard first and carry the event to its own, later time.
        if posted.visible_ms == posted.posted_ms and effects:
            self._tell_again(log, posted.posted_ms, kind, transaction_id, numbered, extra)
        return transaction_id

    def post_count(
        self, location: str, at_ms: int, measure: str, counted: dict[str, int], reason: str = "count"
    ) -> str:
        """Post a count; a difference to the books is booked to the truth at the same instant. Never retried:
        a balance told again at a later time would be another, wrong statement.

        Returns:
            its transaction.
        """
        lines = [
            {"line": number, "sku": sku, "uom": "EA", "counted": quantity, "measure": measure}
            for number, (sku, quantity) in enumerate(counted.items(), 1)
        ]
        effects = [
            Effect(sku, measure, quantity - self.balance(location, sku, measure)) for sku, quantity in counted.items()
        ]
        log, transaction_id = self.logs.get(location), self.transaction()
        if log is not None:
            at_ms = log.append(at_ms, "inventory.adjusted", transaction_id, lines, mode=COUNT).posted_ms
        effects = [effect for effect in effects if effect.delta]
        self._apply(
            location,
            Posting(at_ms, COUNT, transaction_id, lines, effects, reason),
            COUNTED if log is not None else None,
        )
        return transaction_id

    def _book_after(
        self, location: str, lines: list[dict[str, Any]], effects: list[Effect]
    ) -> dict[tuple[str, str], int]:
        """Balances of the items of ``lines`` once ``effects`` are booked, as a WMS prints them on its message."""
        known = {line["sku"] for line in lines if line["sku"] in self._day.network.skus}
        book = {(sku, measure): self.balance(location, sku, measure) for sku in known for measure in MEASURES}
        for effect in effects:
            if (effect.item, effect.measure) in book:
                book[effect.item, effect.measure] += effect.delta
        return book

    def _apply(self, location: str, posting: Posting, why: str | None = None) -> None:
        """Book it to the truth and tell who listens. ``why``: no movement of the site's WMS tells it."""
        for effect in posting.effects:
            self.ledger.post(Key(location, effect.item, effect.measure), posting.at_ms, effect.delta, posting.reason)
        listener = self._listeners.get(location)
        passed_on = listener(posting) if listener and posting.effects else set()
        if location in self.logs and why is None:
            return
        for effect in posting.effects:
            if effect.measure not in passed_on:
                key = Key(location, effect.item, effect.measure)
                self.untold[key].append(Untold(posting.at_ms, effect.delta, why or _undocumented(effect.measure)))
                if why in (LOST, MISNAMED):
                    self.lost_ms[key] = posting.at_ms

    def _tell_garbled(
        self,
        log: WmsLog,
        at_ms: int,
        kind: str,
        transaction_id: str,
        lines: list[dict[str, Any]],
        extra: dict[str, Any],
    ) -> None:
        """A record that breaks the contract, in front of the right one."""
        if self._faults.broken_record and self._rng.random() < self._faults.broken_record:
            broken = copy.deepcopy(lines)
            name = "delta" if "delta" in broken[0] else "quantity"
            broken[0][name] = f"{broken[0][name]}x"
            log.append(at_ms, kind, transaction_id, broken, may_be_late=False, **extra)
            self._count.add("broken_record")
        if self._faults.unknown_type and self._rng.random() < self._faults.unknown_type:
            log.append(at_ms, "inventory.vanished", transaction_id, copy.deepcopy(lines), may_be_late=False, **extra)
            self._count.add("unknown_type")

    def _tell_again(
        self,
        log: WmsLog,
        posted_ms: int,
        kind: str,
        transaction_id: str,
        lines: list[dict[str, Any]],
        extra: dict[str, Any],
    ) -> None:
        again, conflict = self._rng.random() < self._faults.retry, self._rng.random() < self._faults.key_conflict
        delay_s = self._rng.randint(self._faults.retry_delay_min_s, self._faults.retry_delay_max_s)
        at_ms = posted_ms + delay_s * 1000
        if not (again or conflict) or at_ms > self._day.end_ms + self._day.grace_s * 1000:
            return
        told = copy.deepcopy(lines)
        if conflict:
            told[0]["delta" if "delta" in told[0] else "quantity"] += 1
        self._count.add("key_conflict" if conflict else "retry")

        def tell(now_ms: int) -> None:
            log.append(now_ms, kind, transaction_id, told, book=self._book_after(log.site, told, []), **extra)

        self._schedule.at(at_ms, tell)


def _undocumented(measure: str) -> str:
    return NO_FEED if measure == "allocated" else NO_DOCUMENT
