"""Instants and intervals as the wall clock of a site shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Times:
    """``timezone`` is an IANA name; instants of ``day`` are shown without their date."""

    timezone: str
    day: date | None = None

    def local(self, instant: datetime) -> datetime:
        return instant.astimezone(ZoneInfo(self.timezone))

    def of_day(self, instant: datetime | None) -> Times:
        """The same clock for a page about the day of ``instant``."""
        return Times(self.timezone, self.local(instant).date() if instant else None)

    def moment(self, instant: datetime) -> str:
        """``2026-11-02 10:00:00.123``; microseconds only where there are any."""
        local = self.local(instant)
        fraction = f".{local.microsecond:06d}".rstrip("0") if local.microsecond else ""
        return f"{self._date(local)}{local:%H:%M:%S}{fraction}"

    def span(self, begins: datetime, ends: datetime | None) -> str:
        """A point or a second as an instant; a minute or a day as what was written; anything else from – to."""
        width = ends - begins if ends else timedelta(0)
        if ends is None or width <= timedelta(seconds=1):
            return self.moment(begins)
        start, end = self.local(begins), self.local(ends)
        if width == timedelta(minutes=1) and start.second == 0:
            return f"{self._date(start)}{start:%H:%M}"
        # 23 to 25 hours where daylight saving begins or ends.
        if start.time() == end.time() == datetime.min.time() and width < timedelta(hours=26):
            return f"{start:%Y-%m-%d} (a day)"
        return f"{self.moment(begins)} – {self.moment(ends)}"

    def _date(self, local: datetime) -> str:
        return "" if local.date() == self.day else f"{local:%Y-%m-%d} "
