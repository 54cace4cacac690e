"""Time is passed in: the one place that reads a clock.

``SYNCLINE_CLOCK`` is unset (or ``system``) in production. The demo and the twin set
``virtual:<start, ISO 8601>/<real epoch second of that start>/<rate>`` so that a day of stock movements passes
in minutes and every process agrees on the hour without talking to each other.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from syncline.errors import ConfigurationError


@dataclass(frozen=True)
class Clock:
    """Virtual instant = start + (real - epoch_s) * rate. The system clock has rate 1 and start = epoch."""

    start: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    epoch_s: float = 0.0
    rate: float = 1.0

    def now(self) -> datetime:
        return self.at(time.time())

    def at(self, real_epoch_s: float) -> datetime:
        """Instant, in this clock, of a real epoch second."""
        return self.start + timedelta(seconds=(real_epoch_s - self.epoch_s) * self.rate)

    def real_s(self, virtual: timedelta) -> float:
        """Real seconds that a virtual duration takes."""
        return virtual.total_seconds() / self.rate

    def spec(self) -> str:
        return f"virtual:{self.start.isoformat()}/{self.epoch_s}/{self.rate}"


def clock_from_env(spec: str | None = None) -> Clock:
    """Clock named by ``spec`` or ``SYNCLINE_CLOCK``.

    Raises:
        ConfigurationError: the value is neither ``system`` nor a virtual clock.
    """
    spec = spec if spec is not None else os.environ.get("SYNCLINE_CLOCK", "system")
    if spec in ("", "system"):
        return Clock()
    try:
        kind, rest = spec.split(":", 1)
        start, epoch_s, rate = rest.split("/")
        if kind != "virtual" or float(rate) <= 0:
            raise ValueError(spec)
        return Clock(datetime.fromisoformat(start).astimezone(UTC), float(epoch_s), float(rate))
    except ValueError as error:
        raise ConfigurationError(
            f"SYNCLINE_CLOCK is {spec!r}.",
            next_step="Unset it, or write virtual:<start ISO time>/<epoch second>/<rate>.",
        ) from error
