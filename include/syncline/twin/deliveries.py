"""The feed as delivered: every event as it became visible, every file as it appeared in an inbox, in time order.

Baselines are fed from this, not from what our pollers happened to read. A poller that re-reads its overlap window
hears most events several times; how often depends on its own habits, and whoever polls like that drops what it saw a
minute ago. So an event is delivered once at the instant it becomes visible (a late one late), once more when the API
lists it twice (fault ``duplicate``), and a retry is an event of its own. A file is delivered when it has its final
name, and again when a half-written one is complete. Answers lost over HTTP lose nothing here: a client asks again.
"""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncline.twin.wms_log import WmsLog
    from syncline.twin.world import World


class Delivery(NamedTuple):
    """``content`` is an event of a WMS or the bytes of a file; the event is shared with the log, never copied."""

    at_ms: int
    source: str
    name: str
    content: dict[str, Any] | bytes


def deliveries(world: World, to_ms: int) -> list[Delivery]:
    """Everything delivered up to and including ``to_ms``, in time order; at one instant a source's own order."""
    locations = world.day.network.locations
    told = chain(*(_of_log(log, locations[site].wms) for site, log in world.books.logs.items()), world.files)
    return sorted((each for each in told if each.at_ms <= to_ms), key=attrgetter("at_ms"))


def _of_log(log: WmsLog, source: str | None) -> Iterator[Delivery]:
    assert source is not None  # only a site with a WMS has a log
    for posted in log.records():
        delivery = Delivery(posted.visible_ms, source, posted.event_id, posted.body)
        yield from (delivery,) * (2 if posted.is_listed_twice else 1)
