"""The typed way to a record's facts and the way through the JSON Schemas are one truth.

Each page is read twice: as the client reads it, and as plain JSON judged by the schemas alone. Facts and faults must be
equal, whatever a partner sends; so must the places in the API's order.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from loopback_wms import event

from syncline.landing import Fact
from syncline.sources.wms_api.contract import SCHEMAS
from syncline.sources.wms_api.decoding import decoded
from syncline.sources.wms_api.events import Event
from syncline.sources.wms_api.mapping import Key, facts_of, key_of
from syncline.sources.wms_api.records import NotAPageError, read_records
from syncline.sources.wms_api.upcast import Upcast
from syncline.twin.faults import Faults
from syncline.twin.schedule import Day
from syncline.twin.world import World

SITE = "DC1"
SEED = 2026
SCHEMA_OF = {path.stem: json.loads(path.read_text()) for path in sorted(SCHEMAS.glob("v1/*.json"))}
SCHEMA_OF_2 = {path.stem: json.loads(path.read_text()) for path in sorted(SCHEMAS.glob("v2/*.json"))}
Read = tuple[list[list[Fact]], bool, Key | None, Key | None] | None


def facts(events: Any) -> list[list[Fact]]:
    return [facts_of(record, index, SITE) for index, record in enumerate(events)]


def as_client_reads(content: bytes) -> Read:
    try:
        records = read_records(content, SITE)
    except NotAPageError:
        return None
    return facts(records.events), records.has_more, records.first, records.last


def as_schemas_judge(content: bytes) -> Read:
    try:
        page = decoded(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(page, dict) or not isinstance(page.get("events"), list) or type(page.get("has_more")) is not bool:
        return None
    keys = [key for key in map(key_of, page["events"]) if key is not None]
    return facts(page["events"]), page["has_more"], min(keys, default=None), max(keys, default=None)


def page_of(*records: bytes, has_more: bytes = b"false") -> bytes:
    return b'{"events":[' + b",".join(records) + b'],"has_more":' + has_more + b"}"


def written(value: Any, **how: Any) -> bytes:
    return json.dumps(value, **({"separators": (",", ":")} | how)).encode()


def typed(content: bytes) -> list[bool]:
    return [isinstance(record, (Event, Upcast)) for record in read_records(content, SITE).events]


def twin_events(seed: int) -> list[dict[str, Any]]:
    day = Day(seed, hours=0.2, events_per_hour=8000)
    world = World(day, Faults.none())
    world.advance(day.end_ms)
    return [posted.body for posted in world.books.logs[SITE].records()]


# --- documents generated from the schemas ---------------------------------------------------------------------------

TEXTS = [
    "A", "SKU-0001", "O-1/1", "Größe", "箱", "🚚" * 80, "x" * 80, "x" * 81, "🚚" * 81, "", " ", "a b", "a\u00a0b",
    "\u2028", "a\\b", 'a"b', "\t", "\n", "a\n", "\x00", "\x7f", "\x85", "\ud800", ":x", "\ufeff", "null",
]  # fmt: skip
NUMBERS = [
    "5.0",
    "5e0",
    "-0",
    "-0.0",
    "1e400",
    "NaN",
    "Infinity",
    "123456789012345678901",
    "1" * 5000,
    "true",
    "null",
    '"5"',
]
INSTANTS = [
    "2026-11-02T10:00:00Z", "2026-11-02T10:00:00.1Z", "2026-11-02T10:00:00.123456Z", "2026-11-02T10:00:00.1234567Z",
    "2026-11-02T10:00:00+01:00", "2026-11-02t10:00:00z", "2026-11-02 10:00:00Z", "2026-11-02T10:00:00",
    "2026-02-30T10:00:00Z", "2026-11-02T24:00:00Z", "2026-11-02T10:00:60Z", "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+14:00", "2026-11-02T10:00:00Z\n", "2026-11-02T10:00:00.Z", "２０２６-11-02T10:00:00Z",
    "2026-W45-1T10:00:00Z",
    "2026-11-02T10:00:00-00:00", "20261102T100000Z", "2026-11-02T10:00:00,5Z",
]  # fmt: skip


class Pairs(list[tuple[str, Any]]):
    """An object as it is written: in which a key may come twice."""


class Number:
    """A number as it is written, which Python's values cannot say."""

    def __init__(self, text: str) -> None:
        self.text = text


def render(value: Any, rng: random.Random) -> bytes:
    """JSON of ``value``, in any legal way of writing it."""
    blank = rng.choice([b""] * 12 + [b" ", b"\n", b"\t"])
    if isinstance(value, Number):
        return value.text.encode()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=rng.random() < 0.3).encode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        value = Pairs(value.items())
    if isinstance(value, Pairs):
        parts = [render(name, rng) + blank + b":" + blank + render(each, rng) for name, each in value]
        return b"{" + (b"," + blank).join(parts) + b"}"
    if isinstance(value, list):
        return b"[" + blank + b",".join(render(each, rng) for each in value) + b"]"
    return json.dumps(value).encode()


def drawn(schema: dict[str, Any], rng: random.Random, odd: float) -> Any:
    """A value of ``schema``; with probability ``odd`` at each place one at its borders or beyond."""
    is_odd = rng.random() < odd
    if is_odd and rng.random() < 0.2:
        return rng.choice([None, True, [], {}, "x", 0, [{}], Number(rng.choice(NUMBERS))])
    if "const" in schema:
        return schema["const"] if not is_odd else rng.choice([schema["const"], True, 2, "inventory.lost"])
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "integer":
        low, high = schema["minimum"], schema["maximum"]
        if is_odd:
            return rng.choice([low, high, low - 1, high + 1, 0, Number(rng.choice(NUMBERS))])
        return rng.randint(max(low, -9), min(high, 9)) or 1
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "string":
        is_instant = "T[0-9]" in schema["pattern"]
        if is_odd:
            return rng.choice(INSTANTS if is_instant else TEXTS)
        return (
            f"2026-11-02T10:00:{rng.randint(0, 59):02d}.{rng.randint(0, 999):03d}Z"
            if is_instant
            else rng.choice(TEXTS[:3])
        )
    if kind == "array":
        count = rng.choice([0, 1001]) if is_odd and rng.random() < 0.1 else rng.randint(1, 3)
        return [drawn(schema["items"], rng, odd) for _ in range(count)]
    assert kind == "object"
    return drawn_object(schema, rng, odd)


def drawn_object(schema: dict[str, Any], rng: random.Random, odd: float) -> Pairs:
    required = set(schema.get("required", ()))
    names = [name for name in schema["properties"] if name in required or rng.random() < 0.5]
    pairs = Pairs((name, drawn(schema["properties"][name], rng, odd)) for name in names)
    if rng.random() < odd:
        pairs = Pairs(pair for pair in pairs if rng.random() < 0.9)
    if rng.random() < odd:
        pairs.append(("unknown", rng.choice(["", {"a": [1]}, Number("1.5"), Number("NaN"), "\ud800"])))
    if pairs and rng.random() < odd:
        pairs.append((rng.choice(pairs)[0], rng.choice([1, "x", rng.choice(pairs)[1]])))
    if rng.random() < 0.3:
        rng.shuffle(pairs)
    return pairs


def an_event(rng: random.Random, odd: float) -> Any:
    """An event of some schema, mostly of our site, with numbered lines that fit its mode; one in four of version 2."""
    if rng.random() < 0.25:
        return an_event_of_version_2(rng, odd)
    event = drawn(SCHEMA_OF[rng.choice(sorted(SCHEMA_OF))], rng, odd)
    if not isinstance(event, Pairs):
        return event
    mode = dict(event).get("mode")
    for place, (name, value) in enumerate(event):
        if name == "site" and rng.random() < 0.97:
            event[place] = (name, SITE)
        if name == "lines" and isinstance(value, list):
            event[place] = (name, [
                a_line(line, number, mode) if isinstance(line, Pairs) and rng.random() >= odd else line
                for number, line in enumerate(value, 1)
            ])  # fmt: skip
    return event


def an_event_of_version_2(rng: random.Random, odd: float) -> Any:
    event = drawn(SCHEMA_OF_2[rng.choice(sorted(SCHEMA_OF_2))], rng, odd)
    if not isinstance(event, Pairs) or rng.random() < odd:
        return event
    for place, (name, value) in enumerate(event):
        if name == "location" and isinstance(value, Pairs):
            event[place] = (name, Pairs([("site", SITE), *(pair for pair in value if pair[0] != "site")]))
        if name == "lines" and isinstance(value, list):
            event[place] = (name, [
                Pairs([("line", number), *(pair for pair in line if pair[0] != "line")])
                if isinstance(line, Pairs) else line
                for number, line in enumerate(value, 1)
            ])  # fmt: skip
    return event


def a_line(line: Pairs, number: int, mode: Any) -> Pairs:
    line = Pairs((name, number if name == "line" and type(value) is int else value) for name, value in line)
    if mode not in ("delta", "count"):
        return line
    kept, other = ("counted", "delta") if mode == "count" else ("delta", "counted")
    needed = {"counted": {"counted": 3}, "delta": {"delta": -3, "reason": "lost"}}[kept]
    line = Pairs(pair for pair in line if pair[0] != other)
    return Pairs([*line, *((name, value) for name, value in needed.items() if name not in dict(line))])


@pytest.mark.parametrize("odd", [0.0, 0.005, 0.03, 0.15])
def test_random_pages_read_the_same_both_ways(odd: float) -> None:
    rng = random.Random(f"{SEED}/{odd}")
    fast = slow = 0
    for number in range(600):
        records = [render(an_event(rng, odd), rng) for _ in range(rng.randint(0, 6))]
        content = page_of(*records, has_more=rng.choice([b"true", b"false"]))
        expected = as_schemas_judge(content)
        assert as_client_reads(content) == expected, f"seed {SEED}/{odd}, page {number}: {content!r}"
        if expected:
            is_typed = typed(content)
            fast, slow = fast + sum(is_typed), slow + len(is_typed) - sum(is_typed)
    assert fast > 30, f"only {fast} of {fast + slow} records went the typed way: it was hardly tried"
    assert slow > 200 or odd < 0.03


def test_bytes_changed_at_random_read_the_same_both_ways() -> None:
    rng = random.Random(SEED)
    pages = [page_of(*map(written, twin_events(SEED)[start : start + 5])) for start in range(0, 200, 5)]
    junk = [
        b"\\",
        b'"',
        b"\x00",
        b"\xff",
        b" ",
        b":",
        b",",
        b"0",
        b".",
        b"e",
        b"\x7f",
        b"{",
        b"]",
        b"\xed\xa0\x80",
        b"\xc2\xa0",
    ]
    for number in range(3000):
        content = rng.choice(pages)
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(content))
            content = content[:at] + rng.choice(junk) + content[at + rng.choice([0, 1, 1, 5]) :]
        assert as_client_reads(content) == as_schemas_judge(content), f"seed {SEED}, change {number}: {content!r}"


@pytest.mark.parametrize("how", [{}, {"indent": 1}, {"separators": (", ", ": ")}, {"sort_keys": True}], ids=str)
def test_a_day_of_the_twin_is_typed_however_it_is_laid_out(how: dict[str, Any]) -> None:
    events = twin_events(SEED)
    content = written({"events": events, "has_more": False}, **how)
    assert len(events) > 300
    assert {each["type"] for each in events} == set(SCHEMA_OF)
    assert all(typed(content))
    assert as_client_reads(content) == as_schemas_judge(content)


RECORD = written(event(7))


@pytest.mark.parametrize(
    ("record", "is_typed"),
    [
        (RECORD, True),
        (RECORD.replace(b'"quantity":5', b'"quantity":5.0'), False),
        (RECORD.replace(b'"quantity":5', b'"quantity":5e0'), False),
        (RECORD.replace(b'"quantity":5', b'"quantity":6,"quantity":5'), False),
        (RECORD.replace(b'"quantity":5', b'"quantity" :6,"quantity":5'), False),
        (RECORD.replace(b'"quantity":5', b'"quantity":true'), False),
        (RECORD.replace(b'"version":1', b'"version":true'), False),
        (RECORD.replace(b'"quantity":5', b'"quantity":' + b"9" * 5000), False),
        (RECORD.replace(b'"site":"DC1"', b'"site":"DC2"'), False),
        (RECORD.replace(b"SKU-0001", b"SKU\\u002d0001"), False),
        (RECORD.replace(b"SKU-0001", b"SKU 0001"), True),
        (RECORD.replace(b'"uom":"EA"', b'"uom":"E A"'), False),
        (RECORD.replace(b"SKU-0001", b"\x7f"), False),
        (RECORD.replace(b"SKU-0001", "Ø".encode()), True),
        (RECORD.replace(b"DC1-00000007", "E\u00a07".encode()), False),
        (RECORD.replace(b'"sandbox":false', b'"sandbox":true'), True),
        (RECORD.replace(b'"sandbox":false,', b""), True),
        (RECORD.replace(b'"sandbox":false', b'"sandbox":null'), False),
        (RECORD.replace(b'"sandbox":false', b'"more":{"a":[1,{"b":"x"}]}'), True),
        (RECORD.replace(b'"sandbox":false', b'"more":{"a":1,"a":2}'), True),
        (
            RECORD.replace(b'"type":"inventory.received"', b'"type":"inventory.received","type":"inventory.moved"'),
            False,
        ),
        (b"[]", False),
        (b"null", False),
        (b'{"type":"inventory.received"}', False),
    ],
)
@pytest.mark.parametrize("neighbours", [0, 2])
def test_one_odd_record_goes_the_long_way_alone(record: bytes, is_typed: bool, neighbours: int) -> None:
    others = [written(event(number)) for number in range(1, 1 + neighbours)]
    content = page_of(*others, record)
    assert typed(content) == [True] * neighbours + [is_typed]
    assert as_client_reads(content) == as_schemas_judge(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda page: b"\xef\xbb\xbf" + page,
        lambda page: page.decode().encode("utf-16"),
        lambda page: page + b" x",
        lambda page: page[:-1],
        lambda page: page.replace(b'"has_more":false', b'"has_more":0'),
        lambda page: page.replace(b'"has_more":false', b'"has_more":false,"has_more":true'),
        lambda page: page.replace(b'"has_more":false', b'"has_more":false,"events":[]'),
        lambda page: page.replace(b'"has_more":false', b'"has_more":false,"next":"\xff"'),
        lambda page: page.replace(b'"has_more":false', b'"has_more":false,"next":NaN'),
        lambda page: page.replace(b'"has_more":false', b'"has_more":false,"next":' + b"[" * 50_000 + b"]" * 50_000),
        lambda page: b"[" + page + b"]",
        lambda page: b"",
    ],
)
def test_a_page_that_is_odd_as_a_whole(change: Callable[[bytes], bytes]) -> None:
    content = change(page_of(RECORD, written(event(8))))
    assert as_client_reads(content) == as_schemas_judge(content)
