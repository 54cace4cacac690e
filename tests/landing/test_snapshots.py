"""An as-of becomes the interval that semantics §2 gives it, as stg_facts reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from syncline.landing.snapshots import cut, snapshot_id, span_of

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "begins", "ends"),
    [
        ("2026-11-02T13:00:00.123Z", "2026-11-02T13:00:00.123000", "2026-11-02T13:00:00.123001"),
        ("2026-11-02T13:00:00Z", "2026-11-02T13:00:00", "2026-11-02T13:00:01"),
        ("2026-11-02T13:00:00-05:00", "2026-11-02T18:00:00", "2026-11-02T18:00:01"),
        ("2026-11-02T13:00", "2026-11-02T12:00", "2026-11-02T12:01"),
        ("2026-11-02", "2026-11-01T23:00", "2026-11-02T23:00"),
        ("2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23
        ("2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T01:31"),  # repeated: the hull of both
    ],
)
def test_an_as_of_is_an_interval(written: str, begins: str, ends: str) -> None:
    assert span_of(written, BERLIN) == (utc(begins), utc(ends))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "now",
        "2026-13-01",
        "2026-11-02T25:00",
        "2026-11-02 13:00",
        "2026-03-29T02:30",
        "0000-01-01",
        "2026-11-02T13",
    ],
)
def test_what_is_no_time_is_none(written: str) -> None:
    assert span_of(written, BERLIN) is None


def test_a_time_without_a_zone_is_none_where_nobody_declares_one() -> None:
    assert span_of("2026-11-02T13:00") is None
    assert span_of("2026-11-02") is None


def test_it_ends_with_its_receipt() -> None:
    span = span_of("2026-11-02", BERLIN)
    assert span is not None
    assert cut(span, utc("2026-11-02T02:05"), 60) == (span[0], utc("2026-11-02T02:06"))
    assert cut(span, utc("2026-11-05"), 60) == span
    assert cut(span, utc("2026-10-01"), 60) == (span[0], span[0] + timedelta(microseconds=1))


def test_another_document_as_of_source_or_part_is_another_snapshot() -> None:
    told = [
        ("a", "b", ["c"], ""),
        ("a", "b", ["c", "d"], ""),
        ("a", "bc", [], ""),
        ("ab", "", ["c"], ""),
        ("a", "b", ["c"], "1"),
    ]
    assert len({snapshot_id(*each) for each in told}) == len(told)
