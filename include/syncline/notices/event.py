"""An event as a consumer gets it: CloudEvents 1.0, JSON.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

SOURCE = "/syncline"
TYPE_PREFIX = "syncline."


@dataclass(frozen=True, slots=True)
class Event:
    """One row of ``ops.events`` with its position, which orders it among all others."""

    position: int
    event_id: str
    kind: str
    subject: str
    correlation: str
    payload: dict[str, Any]
    occurred_at: datetime

    def as_cloud_event(self) -> dict[str, Any]:
        """Its JSON object; ``id`` is what a receiver knows a repeat by, ``sequence`` orders as text."""
        return {
            "specversion": "1.0",
            "id": self.event_id,
            "source": SOURCE,
            "type": TYPE_PREFIX + self.kind,
            "subject": self.subject,
            "time": self.occurred_at.isoformat(),
            "datacontenttype": "application/json",
            "sequence": f"{self.position:020d}",
            "correlationid": self.correlation,
            "data": self.payload,
        }


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes out in one piece: an event, a digest, a file. A repeat has the same id and the same events."""

    bundle_id: str
    events: tuple[Event, ...]
    try_no: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try came to.

    ``refused``: the receiver judged these events and does not take them. ``failed``: nobody knows whose fault it is
    (no answer, an error, no login). ``gone``: it wants nothing any more. ``told`` is in our words and holds no address.
    """

    verdict: Literal["delivered", "refused", "failed", "gone"]
    told: str
    status_code: int | None = None
    retry_after_s: float | None = None
