"""How fast a load closes, as ratios measured in one run.

``rows_to_load``: facts in memory -> closed load, against bare COPY of the same rows into the same table.
``bytes_to_load``: answers of a WMS API -> closed load, against ``json.loads`` of the same bytes.
``file_to_load``: a whole 846 -> closed load, in facts a second, against those of an API's answers around it.
All take an open connection of the loader to a migrated warehouse and a seed, and give seconds, CPU seconds of the
client and ratios: medians of ``REPETITIONS`` repetitions whose candidates alternate, so that a slow minute of the
machine meets all of them. Each repetition speaks for a source of its own: nothing it lands was told before.

python -m bench.landing [--seed N]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import BytesIO
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.warehouse import throw_away
from syncline.landing import Document, Fact, Load, land
from syncline.landing.copy_text import lines, rows
from syncline.landing.land import COPY_FACTS
from syncline.registry import FileRules, Source
from syncline.sources.sftp_edi.intake import take
from syncline.sources.sftp_edi.register import Claim
from syncline.sources.wms_api import Page, pull
from syncline.sources.wms_api.mapping import Key, facts_of
from syncline.sources.wms_api.records import read_records
from syncline.twin.edi.large import write_846
from syncline.twin.faults import Faults
from syncline.twin.schedule import Day
from syncline.twin.world import World

if TYPE_CHECKING:
    import psycopg

REPETITIONS = 5
EVENTS_PER_PAGE = 500  # the most that the WMS API gives
PAGES = 20
NO_EVENTS = b'{"events":[],"has_more":false}'
SITE = "DC1"
DAY_HOURS, EVENTS_PER_HOUR = 1.0, 50_000  # a day of the twin busy enough for PAGES
_numbers = count(1)


def rows_to_load(conn: psycopg.Connection, seed: int) -> dict[str, float]:
    """Facts in memory to a closed load, against bare COPY; ``ratio`` is COPY's seconds by the load's."""
    documents = [Document(f"page {number}", content, _facts(content)) for number, content in enumerate(_pages(seed))]
    at = _end(seed)
    facts = sum(len(document.facts) for document in documents)
    seconds: dict[str, list[float]] = {"copy": [], "load": [], "load_cpu": []}
    conn.execute("select raw.ensure_partitions((%s at time zone 'UTC')::date)", [at])
    for _ in range(REPETITIONS):
        source = _new_source(conn)
        # Rendered beforehand: what Postgres needs to take them is the measure.
        blocks = [
            lines(rows(source, "bare", each.facts), "d" * 40, 0, source, "bare", at).encode() for each in documents
        ]
        seconds["copy"].append(_timed(partial(_bare_copy, conn, blocks))[0])
        load = Load(source, "api", at, documents, {})
        wall, cpu = _timed(partial(land, conn, load))
        seconds["load"].append(wall)
        seconds["load_cpu"].append(cpu)
    found = {f"{name}_s": median(values) for name, values in seconds.items()}
    return {"facts": facts, **found, "ratio": found["copy_s"] / found["load_s"]}


def bytes_to_load(conn: psycopg.Connection, seed: int) -> dict[str, float]:
    """Answers in memory to a closed load, against ``json.loads``; ``ratio`` is the load's seconds by json's."""
    pages = _pages(seed)
    at = _end(seed)
    seconds: dict[str, list[float]] = {"json": [], "json_cpu": [], "load": [], "load_cpu": []}
    for _ in range(REPETITIONS):
        source = Source(name=_new_source(conn), kind="wms_api", conn_id="none", site=SITE, pages_max=PAGES + 1)
        # The source was read to its end before; what is measured is its next poll.
        pull(conn, _Answers([NO_EVENTS]), source, at)
        for name, value in zip(("json", "json_cpu"), _timed(lambda: [json.loads(each) for each in pages]), strict=True):
            seconds[name].append(value)
        wall, cpu = _timed(partial(pull, conn, _Answers(pages), source, at))
        seconds["load"].append(wall)
        seconds["load_cpu"].append(cpu)
    found = {f"{name}_s": median(values) for name, values in seconds.items()}
    return {"bytes": sum(map(len, pages)), **found, "ratio": found["load_s"] / found["json_s"]}


def file_to_load(conn: psycopg.Connection, seed: int, items: int) -> dict[str, float]:
    """An 846 of ``items`` LIN loops to a closed load; ``ratio`` is its facts a second by those of an API.

    The file is landed once, between two of the API's polls.
    """
    stream = BytesIO()
    write_846(stream, items)
    content, pages, at = stream.getvalue(), _pages(seed), _end(seed)
    conn.execute("select raw.ensure_partitions((%s at time zone 'UTC')::date)", [at])
    facts, seconds = _poll(conn, pages, at)
    name = _new_source(conn)
    source = Source(name=name, kind="sftp_edi", conn_id="none", files=FileRules(size_max_bytes=len(content)))
    claim = Claim(_claimed(conn, name, len(content), at), "large.edi", "1__large.edi", "claimed", len(content), 0)
    begun = time.perf_counter()
    landed = take(conn, source, claim, content, len(content), at).landed
    file_s = time.perf_counter() - begun
    more, more_s = _poll(conn, pages, at)
    found = {"facts_per_s": landed.facts / file_s, "api_facts_per_s": (facts + more) / (seconds + more_s)}
    ratio = found["facts_per_s"] / found["api_facts_per_s"]
    return {"bytes": len(content), "facts": landed.facts, "load_s": file_s, **found, "ratio": ratio}


def _poll(conn: psycopg.Connection, pages: list[bytes], at: Any) -> tuple[int, float]:
    """Facts of one poll of a source that was read to its end before, and its seconds."""
    source = Source(name=_new_source(conn), kind="wms_api", conn_id="none", site=SITE, pages_max=PAGES + 1)
    pull(conn, _Answers([NO_EVENTS]), source, at)
    wall, _ = _timed(partial(pull, conn, _Answers(pages), source, at))
    facts = conn.execute("select sum(facts) from raw.loads where source = %s", [source.name]).fetchone()
    return int(facts[0]) if facts else 0, wall


def _claimed(conn: psycopg.Connection, source: str, size: int, at: Any) -> int:
    statement = """
        insert into ops.files (source, name, size_bytes, state, seen_at, changed_at)
        values (%s, 'large.edi', %s, 'claimed', %s, %s) returning file_id
    """
    row = conn.execute(statement, [source, size, at, at]).fetchone()
    assert row is not None
    return int(row[0])


class _Answers:
    """A client whose answers are in memory: what the network costs is no part of the measure."""

    def __init__(self, pages: list[bytes]) -> None:
        self._pages = iter(pages)

    def page(self, after: Key) -> Page:
        content = next(self._pages)
        return Page(f"GET after {after.event_id}", content, read_records(content, SITE))


def _pages(seed: int) -> list[bytes]:
    """Answers as the twin's WMS API writes them: compact, all four types of event as its business mixes them."""
    world = World(_day(seed), Faults.none())
    world.advance(_day(seed).end_ms)
    events = [posted.body for posted in world.books.logs[SITE].records()][: PAGES * EVENTS_PER_PAGE]
    starts = range(0, len(events), EVENTS_PER_PAGE)
    return [
        json.dumps(
            {"events": events[start : start + EVENTS_PER_PAGE], "has_more": start != starts[-1]},
            separators=(",", ":"),
        ).encode()
        for start in starts
    ]


def _day(seed: int) -> Day:
    return Day(seed, hours=DAY_HOURS, events_per_hour=EVENTS_PER_HOUR)


def _end(seed: int) -> Any:
    day = _day(seed)
    return day.start + timedelta(hours=day.hours)


def _facts(content: bytes) -> list[Fact]:
    return [fact for i, event in enumerate(read_records(content, SITE).events) for fact in facts_of(event, i, SITE)]


def _new_source(conn: psycopg.Connection) -> str:
    """A name that nothing in this warehouse was told under."""
    while True:
        name = f"bench_{next(_numbers)}"
        if conn.execute("select from raw.facts where source = %s limit 1", [name]).fetchone() is None:
            return name


def _bare_copy(conn: psycopg.Connection, blocks: list[bytes]) -> None:
    with conn.transaction(), conn.cursor() as cursor, cursor.copy(COPY_FACTS) as copy:
        for block in blocks:
            copy.write(block)


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and own CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seed", type=int, default=7)
    seed = options.parse_args().seed
    with throw_away() as bench, bench.database("landing"), bench.connect("landing", "loader") as conn:
        for measure in (rows_to_load, bytes_to_load):
            print(measure.__name__, json.dumps({name: round(value, 4) for name, value in measure(conn, seed).items()}))


if __name__ == "__main__":
    main()
