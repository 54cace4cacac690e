"""X12 dates and times to text whose precision is meaning (semantics §2)."""

from __future__ import annotations

from datetime import date, timedelta

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


def recorded(day: str, time: str, zone: str = "") -> str:
    """``2026-11-02``, ``2026-11-02T14:30``, ``…T14:30:15`` or ``…T14:30:15.25``, with ``zone`` appended as given.

    Args:
        day: CCYYMMDD. time: empty, HHMM, HHMMSS or HHMMSSDD; 2400 is 00:00 of the next day. zone: ``Z``, ``+05:00`` …
    Raises:
        ValueError: there is no such day or time; the text says which.
    """
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
