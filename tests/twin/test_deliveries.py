"""The delivery log: the feed as it became visible, whoever polls how often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from syncline.twin.compare import live
from syncline.twin.deliveries import deliveries
from syncline.twin.faults import Faults
from syncline.twin.schedule import Day
from syncline.twin.world import World


def lived(folder: Path, faults: Faults) -> tuple[World, int]:
    return live(Day(seed=7, hours=2.0), faults, folder)


def test_every_event_is_delivered_when_it_becomes_visible_and_twice_when_listed_twice(tmp_path: Path) -> None:
    world, now_ms = lived(tmp_path, Faults.none(late=0.3, duplicate=0.2))
    told = deliveries(world, now_ms)
    assert [each.at_ms for each in told] == sorted(each.at_ms for each in told)
    times = Counter((each.source, each.name, each.at_ms) for each in told if isinstance(each.content, dict))
    records = [(source, posted) for source, location in (("dc1_wms", "DC1"), ("dc2_wms", "DC2"))
               for posted in world.books.logs[location].records()]  # fmt: skip
    assert times == {
        (source, posted.event_id, posted.visible_ms): 1 + posted.is_listed_twice for source, posted in records
    }
    assert sum(times.values()) - len(records) == world.count.injected["duplicate"] > 20
    assert sum(posted.visible_ms > posted.posted_ms for _, posted in records) == world.count.injected["late"]


def test_how_often_somebody_polls_does_not_change_the_feed(tmp_path: Path) -> None:
    polled, quiet = World(Day(seed=7, hours=1.0), Faults()), World(Day(seed=7, hours=1.0), Faults())
    for at_ms in range(polled.day.start_ms, polled.day.end_ms, 60_000):
        polled.advance(at_ms)
        polled.books.logs["DC1"].page(polled.day.start_ms, "", 500, at_ms)
    quiet.advance(quiet.day.end_ms)
    polled.advance(polled.day.end_ms)
    assert deliveries(polled, polled.day.end_ms) == deliveries(quiet, quiet.day.end_ms)


def test_what_is_not_visible_yet_is_not_delivered_yet(tmp_path: Path) -> None:
    world, _ = lived(tmp_path, Faults.none(late=0.5))
    noon_ms = world.day.start_ms + 3_600_000
    told = deliveries(world, noon_ms)
    assert told == [each for each in deliveries(world, noon_ms * 2) if each.at_ms <= noon_ms]
    assert any(noon_ms - 240_000 < posted.posted_ms <= noon_ms < posted.visible_ms
               for log in world.books.logs.values() for posted in log.records())  # fmt: skip


def test_files_are_delivered_as_they_stand_in_the_inbox(tmp_path: Path) -> None:
    """Half-written ones twice: the half under its final name, then the whole."""
    world, now_ms = lived(tmp_path, Faults.none(half_written=1.0, file_twice=1.0, junk_file=1.0))
    files = [each for each in deliveries(world, now_ms) if isinstance(each.content, bytes)]
    last = {(each.source, each.name): each.content for each in files}
    assert last == {(path.parent.parent.name, path.name): path.read_bytes() for path in tmp_path.glob("*/inbox/*")}
    halves = Counter((each.source, each.name) for each in files)
    assert sum(times == 2 for times in halves.values()) == world.count.injected["half_written"] > 5
    assert max(halves.values()) == 2
