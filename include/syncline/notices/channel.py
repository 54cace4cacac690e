"""What a kind of subscriber has to do, and our limits towards it. Seconds are real seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from syncline.notices.event import Bundle, Outcome
    from syncline.registry import Subscriber

# Between the end of a call and the end of its lease: room to write down what happened.
LEASE_MARGIN_S = 5.0
# Airflow's mail hook tries five times more, each with a time-out of its own.
EMAIL_LEASE_S = 240.0


class Channel(Protocol):
    """Takes one bundle to the receiver. ``deliver`` never raises for what a receiver does."""

    def deliver(self, bundle: Bundle) -> Outcome: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class SubscriberPolicy:
    """Limits of one subscriber.

    Attributes:
        events_max: of one bundle. by_day: a bundle holds the events of one UTC day.
        failures_max: failed tries in a row that end a run and pause the subscriber.
        run_s: a run begins nothing new after this.
    """

    name: str
    events_max: int = 1
    by_day: bool = False
    tries_max: int = 8
    lease_s: float = 15.0
    run_s: float = 60.0
    failures_max: int = 3
    back_off_s: float = 5.0
    back_off_max_s: float = 3_600.0
    from_start: bool = False

    def pause_s(self, failures: int, asked_s: float | None = None) -> float:
        """Seconds after so many failures: doubling, and never less than the receiver asked for."""
        return max(min(self.back_off_s * 2.0 ** min(failures - 1, 20), self.back_off_max_s), asked_s or 0.0)

    @classmethod
    def of(cls, entry: Subscriber) -> SubscriberPolicy:
        """The policy of a registry entry."""
        return cls(
            entry.name,
            events_max=1 if entry.kind == "webhook" else entry.events_max,
            by_day=entry.kind == "files",
            tries_max=entry.tries_max,
            lease_s=EMAIL_LEASE_S if entry.kind == "email" else entry.timeout_s + LEASE_MARGIN_S,
            from_start=entry.from_start,
        )
