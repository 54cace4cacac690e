"""The event log of one WMS: what it posted, when, and when its API began to show it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncline.twin.faults import FaultCount, Faults
from syncline.twin.wms_v2 import as_version_2

if TYPE_CHECKING:
    from random import Random

Book = dict[tuple[str, str], int]  # (sku, measure) -> balance after the event


@dataclass(frozen=True)
class Posted:
    """One record of the log. ``visible_ms`` may lie after ``posted_ms`` (fault ``late``)."""

    posted_ms: int
    event_id: str
    visible_ms: int
    body: dict[str, Any]
    is_listed_twice: bool = False  # fault ``duplicate``: in every page that has room for both


def iso_ms(at_ms: int) -> str:
    """``2026-11-02T10:00:00.123Z`` of an epoch millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class WmsLog:
    """Append-only log of a site. ``sequence`` rises by one, ``posted_at`` strictly, so order is never in doubt."""

    def __init__(
        self, site: str, faults: Faults, count: FaultCount, rng: Random, listing_rng: Random, version_rng: Random
    ) -> None:
        """``listing_rng`` draws what is listed twice, once for each record: polling often must not change the feed.

        ``version_rng`` draws in which version a record is told.
        """
        self.site = site
        self._version_rng = version_rng
        self._faults = faults
        self._count = count
        self._rng = rng
        self._listing_rng = listing_rng
        self._log: list[Posted] = []
        self._sequence = 0
        self._posted_to_ms = 0

    def __len__(self) -> int:
        return len(self._log)

    @property
    def last_visible_ms(self) -> int:
        """When the last record becomes visible; 0 for an empty log."""
        return max((posted.visible_ms for posted in self._log), default=0)

    def next_ms(self, at_ms: int) -> int:
        """The instant at which a record appended now would be posted."""
        return max(at_ms, self._posted_to_ms + 1)

    def lose(self, at_ms: int) -> int:
        """Post an event that nobody will ever be told: its sequence number is missing. When it was posted."""
        posted_ms, _ = self._next(at_ms)
        return posted_ms

    def _next(self, at_ms: int) -> tuple[int, int]:
        self._posted_to_ms = self.next_ms(at_ms)
        self._sequence += 1
        return self._posted_to_ms, self._sequence

    def append(
        self,
        at_ms: int,
        kind: str,
        transaction_id: str,
        lines: list[dict[str, Any]],
        *,
        may_be_late: bool = True,
        book: Book | None = None,
        **extra: Any,
    ) -> Posted:
        """Post one event; ``extra`` are further fields of the event (``mode``, ``shipment_id``).

        ``book`` is what version 2 says of the balances after the event; None says nothing of them.
        """
        posted_ms, sequence = self._next(at_ms)
        body = {
            "event_id": f"{self.site}-{sequence:08d}", "type": kind, "version": 1, "site": self.site,
            "sequence": sequence, "transaction_id": transaction_id, "posted_at": iso_ms(posted_ms), "sandbox": False,
            **extra, "lines": lines,
        }  # fmt: skip
        if self._version_rng.random() < self._faults.event_v2:
            body = as_version_2(body, book or {})
            self._count.add("event_v2")
        delay_ms = 0
        if may_be_late and self._rng.random() < self._faults.late:
            delay_ms = self._rng.randint(1, max(1, self._faults.late_max_s)) * 1000
            self._count.add("late")
        is_listed_twice = self._listing_rng.random() < self._faults.duplicate
        if is_listed_twice:
            self._count.add("duplicate")
        posted = Posted(posted_ms, body["event_id"], posted_ms + delay_ms, body, is_listed_twice)
        self._log.append(posted)
        return posted

    def page(self, from_ms_exact: float, after_id: str, limit: int, now_ms: int) -> tuple[list[Posted], bool]:
        """Visible records strictly after (``from``, ``after_id``), at most ``limit``; True when there are more.

        ``from_ms_exact`` may have a fraction: a client may ask with microseconds.
        """
        start = bisect_left(self._log, (from_ms_exact, after_id + "\x00" if after_id else ""), key=_order)
        found: list[Posted] = []
        for posted in self._log[start:]:
            if posted.visible_ms > now_ms:
                continue
            if len(found) == limit:
                return found, True
            found.append(posted)
            if posted.is_listed_twice and len(found) < limit:
                found.append(posted)
        return found, False

    def records(self) -> list[Posted]:
        return list(self._log)


def _order(posted: Posted) -> tuple[float, str]:
    return posted.posted_ms, posted.event_id
