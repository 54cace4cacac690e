"""Dates and times of X12 and EDIFACT to text whose precision is meaning (semantics §2)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

# Element 623. Offsets in hours; the generic ET, CT, MT, PT and AT are missing on purpose: in summer and winter
# they are different instants, and a wrong hour is worse than a quarantined set.
ZONES = {"GM": "Z", "UT": "Z"} | {
    name: f"{hours:+03d}:00"
    for name, hours in {
        "ES": -5, "ED": -4, "CS": -6, "CD": -5, "MS": -7, "MD": -6, "PS": -8, "PD": -7, "AS": -4, "AD": -3,
        "HS": -10, "HD": -9,
    }.items()
}  # fmt: skip
ZONES |= {f"{n:02d}": f"{n:+03d}:00" for n in range(1, 13)} | {f"{n:02d}": f"{n - 25:+03d}:00" for n in range(13, 25)}

CENTURY = "70"  # a year of two digits from this one on is of the last century
_DAY = re.compile(r"[0-9]{6}([0-9]{2})?")
_TIME = re.compile(r"[0-9]{4}([0-9]{2}([0-9]{1,2})?)?")
# Element 2379: date and time digits of a format, and where its zone begins.
_FORMATS = {"101": (6, 0), "102": (8, 0), "201": (6, 4), "202": (6, 6), "203": (8, 4), "204": (8, 6)}
_FORMATS |= {"303": (8, 4), "304": (8, 6)}
_ZONED = {"303", "304"}


@lru_cache(4_096)
def recorded(day: str, time: str, zone: str = "") -> str:
    """``2026-11-02``, ``2026-11-02T14:30``, ``…T14:30:15`` or ``…T14:30:15.25``, with ``zone`` appended as given.

    Args:
        day: CCYYMMDD, or YYMMDD as before 004010. time: empty, HHMM, HHMMSS or HHMMSSDD; 2400 is 00:00 of the next
            day. zone: ``Z``, ``+05:00`` …
    Raises:
        ValueError: there is no such day or time; the text says which.
    """
    if not _DAY.fullmatch(day):
        raise ValueError(f"{day!a} is no date CCYYMMDD")
    if time and not _TIME.fullmatch(time):
        raise ValueError(f"{time!a} is no time HHMM, HHMMSS or HHMMSSDD")
    if len(day) == 6:
        day = f"{19 if day[:2] >= CENTURY else 20}{day}"
    try:
        on = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
    except ValueError:
        raise ValueError(f"{day} is no day of the calendar") from None
    if not time:
        return on.isoformat()
    hour, minute, second = time[:2], time[2:4], time[4:6]
    if hour == "24" and not (minute + time[4:]).strip("0"):
        if on == date.max:
            raise ValueError(f"{day} {time} is after the last day of the calendar")
        on, hour = on + timedelta(days=1), "00"
    if int(hour) > 23 or int(minute) > 59 or int(second or "0") > 59:
        raise ValueError(f"{time} is no time of the day")
    seconds = f":{second}" if second else ""
    fraction = f".{time[6:]}" if len(time) > 6 else ""
    return f"{on.isoformat()}T{hour}:{minute}{seconds}{fraction}{zone}"


@lru_cache(4_096)
def recorded_in(text: str, form: str) -> str:
    """``recorded`` of an EDIFACT date in the format that its code (2379) names; a named zone counts as UTC or GMT only.

    Raises:
        ValueError: another format, or no such moment.
    """
    if form not in _FORMATS:
        raise ValueError(f"dates in format {form!a} are not read")
    day, time = _FORMATS[form]
    zone = text[day + time :]
    if form in _ZONED and zone not in EDIFACT_ZONES:
        raise ValueError(f"{zone!a} is no zone with one offset")
    if form not in _ZONED and zone:
        raise ValueError(f"{text!a} is longer than format {form}")
    return recorded(text[:day], text[day : day + time], EDIFACT_ZONES[zone] if form in _ZONED else "")


EDIFACT_ZONES = {"UTC": "Z", "GMT": "Z", "Z": "Z"}


@lru_cache(4_096)
def localised(text: str, zone: str) -> str:
    """``text`` of ``recorded`` with the offset of an IANA zone; a text that has one is left as it is.

    A day, and a time that daylight saving repeats, become ``from/to`` of their first and last candidates.

    Raises:
        ValueError: the clock of that zone skips this time.
    """
    local = ZoneInfo(zone)
    if "T" not in text:
        start = datetime.fromisoformat(text).replace(tzinfo=local)
        return f"{_offset(start)}/{_offset(start + timedelta(days=1))}"
    if text.endswith("Z") or re.search(r"[+-]\d\d:\d\d$", text):
        return text
    first = datetime.fromisoformat(text).replace(tzinfo=local)
    second = first.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return f"{text}{first.isoformat()[-6:]}"
    if first.astimezone(UTC).astimezone(local).replace(tzinfo=None) != first.replace(tzinfo=None):
        raise ValueError(f"{text} does not exist in {zone}: the clock skips it")
    step = timedelta(minutes=1) if text.count(":") == 1 else timedelta(seconds=1)
    return f"{_offset(first)}/{_offset((second.astimezone(UTC) + step).astimezone(local))}"


def _offset(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


@lru_cache(64)
def minutes_since_2000(day: str, time: str) -> int:
    """Minutes from 2000 to the date (YYMMDD or CCYYMMDD) and time (HHMM) of an envelope; 0 where there is no such."""
    try:
        at = datetime.fromisoformat(recorded(day, time[:4] or "0000"))
    except ValueError:
        return 0
    return max(0, (at - datetime(2000, 1, 1)) // timedelta(minutes=1))
