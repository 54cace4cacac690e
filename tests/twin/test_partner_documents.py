"""What the 3PLs tell between their 846: written by the twin's writers, read by the product's reader, held to truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from syncline.edi import read_file
from syncline.landing import Fact
from syncline.registry import load_registry
from syncline.sources.sftp_edi.intake import profile_of
from syncline.sources.wms_api.mapping import facts_of
from syncline.twin.compare import live
from syncline.twin.crosswalk import Crosswalk
from syncline.twin.faults import Faults
from syncline.twin.feeding import RESOLVE_EVERY_S, feed
from syncline.twin.ledger import Key
from syncline.twin.network import MEASURES, PARTNERS, Partner
from syncline.twin.schedule import Day
from syncline.twin.statements import instant_ms
from syncline.twin.week import large_day
from syncline.twin.world import World

ACME, BETA = PARTNERS
PROFILES = {source.name: profile_of(source) for source in load_registry().sources if source.files}
ONLY = Faults.none(documents=1.0)
DAY = Day(seed=7, hours=12.0)
MINUTE_MS = 60_000


def documents(world: World, partner: Partner) -> Iterator[tuple[int, bytes]]:
    """(when it appeared, content) of each file with documents."""
    for each in world.files:
        if each.source == partner.source and each.name.startswith("moves_"):
            assert isinstance(each.content, bytes)
            yield each.at_ms, each.content


def told(world: World, partner: Partner) -> list[tuple[int, Fact]]:
    """(when it appeared, fact) of every document; nothing may be wrong with any."""
    found = []
    for at_ms, content in documents(world, partner):
        reading = read_file(content, source=partner.source, file="moves", profile=PROFILES[partner.source])
        assert reading.findings == []
        found += [(at_ms, fact) for fact in reading.facts if fact.status_ref in MEASURES]
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return live(DAY, ONLY, tmp_path_factory.mktemp("partners"))[0]


def test_the_edi_only_sites_documents_are_its_ledger(world: World) -> None:
    """Every change of every measure but ``allocated``, once, with its units and the minute of its posting."""
    crosswalk, zone, found = Crosswalk(), ZoneInfo(BETA.timezone), Counter[tuple[str, str, int, int]]()
    for _, fact in told(world, BETA):
        key = crosswalk.key(BETA.source, fact)
        assert key
        assert key.location == "DC3"
        units = crosswalk.units(key.item, fact.uom, fact.quantity)
        if units:  # a line that was not there: shipped 0
            found[key.item, fact.status_ref or "", instant_ms(fact.recorded or "", zone), units] += 1
    truth = Counter(
        (key.item, key.measure, entry.at_ms // MINUTE_MS * MINUTE_MS, entry.delta)
        for key in world.books.ledger.every_key()
        if key.location == "DC3" and key.measure != "allocated"
        for entry in world.books.ledger.entries(key)[1:]
    )
    assert found == truth
    assert {(measure, units > 0) for _, measure, _, units in truth} == {
        (measure, up) for measure in ("on_hand", "damaged", "quarantined") for up in (True, False)
    }
    assert sum(truth.values()) > 300


def test_every_kind_of_document_and_unit_occurs(world: World) -> None:
    facts = [fact for _, fact in told(world, BETA)]
    assert {fact.line_key.partition("/")[0] for fact in facts} == {"944", "945", "947"}
    assert {fact.uom for fact in facts} == {"EA", "CA"}
    assert {fact.line_key.partition("/")[0] for _, fact in told(world, ACME)} == {"945"}


def test_a_945_and_its_event_have_one_key_and_one_body(world: World) -> None:
    shipped = {
        (fact.event_key, fact.item_ref, int(fact.quantity or ""))
        for posted in world.books.logs["DC1"].records()
        if posted.body["type"] == "shipment.confirmed"
        for fact in facts_of(posted.body, 0, "DC1")
        if fact.status_ref == "on_hand"
    }
    crosswalk, by_edi = Crosswalk(), set()
    for _, fact in told(world, ACME):
        key = crosswalk.key(ACME.source, fact)
        assert key
        assert key.location == "DC1"
        by_edi.add((fact.event_key, key.item, int(fact.quantity or "")))
    assert by_edi == shipped
    assert len(by_edi) > 300


def test_documents_come_some_minutes_after_and_before_the_day_ends(world: World) -> None:
    for partner in PARTNERS:
        waited_s = [
            (at_ms - world.documents[(fact.event_key or "").partition("/")[0]]) / 1000
            for at_ms, fact in told(world, partner)
        ]
        assert 0 < min(waited_s) <= max(waited_s) <= ONLY.documents_after_s
        assert max(waited_s) > ONLY.documents_after_s / 2
        files = len(list(documents(world, partner)))
        assert files <= DAY.hours * 3600 / (ONLY.documents_after_s / 5)


def test_a_partners_clock_stands_in_its_documents(tmp_path: Path) -> None:
    skewed, _ = live(replace(DAY, hours=2.0), Faults.none(documents=1.0, partner_skew_s=900), tmp_path)
    for partner in PARTNERS:
        skew_ms = skewed.day.stream(f"clock/{partner.source}").randint(-900_000, 900_000)
        assert abs(skew_ms) > MINUTE_MS
        for _, fact in told(skewed, partner):
            true_ms = skewed.documents[(fact.event_key or "").partition("/")[0]]
            local = datetime.fromtimestamp((true_ms + skew_ms) / 1000, UTC).astimezone(ZoneInfo(partner.timezone))
            assert fact.recorded == f"{local:%Y-%m-%dT%H:%M}"


def test_the_same_seed_writes_the_same_documents(tmp_path: Path) -> None:
    short = replace(DAY, hours=2.0)
    days = [short, short, replace(short, seed=8)]
    one, two, other = (live(day, Faults(), tmp_path / str(number))[0] for number, day in enumerate(days))
    assert one.files == two.files
    assert one.count == two.count
    assert list(documents(one, BETA)) != list(documents(other, BETA))


def test_documents_leave_the_rest_of_the_day_where_it_was(tmp_path: Path) -> None:
    short = replace(DAY, hours=2.0)
    on, off = (live(short, Faults(documents=rate), tmp_path / str(rate))[0] for rate in (1.0, 0.0))
    assert on.books.logs["DC1"].records() == off.books.logs["DC1"].records()
    assert set(on.advices.values()) == set(off.advices.values())
    assert not list(documents(off, BETA))
    assert not off.documents
    assert {name for name, times in on.count.injected.items() if off.count.injected[name] > times} == set()


def test_no_document_is_told_twice_with_another_control_number(world: World) -> None:
    for partner in PARTNERS:
        controls = [
            content.partition(b"*U*00401*")[2][:9] for source, content in
            ((each.source, each.content) for each in world.files) if source == partner.source
        ]  # fmt: skip
        assert len(set(controls)) == len(controls)
        lines = [(fact.line_key, fact.status_ref) for _, fact in told(world, partner)]
        assert len(set(lines)) == len(lines)


def test_a_shipment_that_only_its_945_tells_is_not_lost(tmp_path: Path) -> None:
    faults = {"lost_event": 0.3}
    silent, _ = live(replace(DAY, hours=4.0), Faults.none(**faults), tmp_path / "silent")
    heard, _ = live(replace(DAY, hours=4.0), Faults.none(**faults, documents=1.0), tmp_path / "heard")
    keys = {key for key in silent.books.lost_ms if key.location == "DC1"} - set(heard.books.lost_ms)
    assert keys
    assert {key.measure for key in keys} == {"on_hand"}
    assert {key for key in silent.books.lost_ms if key.location == "DC2"} <= set(heard.books.lost_ms)
    by_api = {
        fact.event_key for posted in heard.books.logs["DC1"].records() for fact in facts_of(posted.body, 0, "DC1")
    }
    assert {fact.event_key for _, fact in told(heard, ACME)} - by_api


def test_canonical_follows_the_documents_between_two_846(
    warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    """Six hours after the opening 846, six before the next: what was told until then, and nothing else, is there."""
    day = large_day(11, days=0.5, events=3000, items=30)
    fed = feed(warehouse, warehouse_dsn("owner"), day, replace(ONLY, late=0.2, late_max_s=240), lambda _: None)
    noon_ms, crosswalk = day.start_ms + RESOLVE_EVERY_S * 1000, Crosswalk(day.network)
    ledger = fed.world.books.ledger
    stock = {item.sku: ledger.entries(Key("DC3", item.sku, "on_hand"))[0].balance for item in day.network.items}
    opening = dict(stock)
    stated = f"{day.start.astimezone(ZoneInfo(BETA.timezone)):%Y-%m-%dT%H:%M}"
    for at_ms, fact in told(fed.world, BETA):
        key = crosswalk.key(BETA.source, fact)
        assert key
        # The first 846 says a minute: what was posted in it counts as known to it, and is in doubt (semantics §5).
        if at_ms <= noon_ms and fact.status_ref == "on_hand" and (fact.recorded or "") > stated:
            stock[key.item] += crosswalk.units(key.item, fact.uom, fact.quantity) or 0
    believed = {each.key.item: each.units for each in fed.believed if (each.at_ms, each.key[1]) == (noon_ms, "DC3")}
    assert believed == stock
    assert sum(believed[item] != opening[item] for item in opening) > 20

    rows = warehouse.execute(
        "select f.source, d.measure, d.disposition, count(*) from intermediate.int_dispositions d"
        " join staging.stg_facts f using (fact_id) where f.feed = 'edi' and f.kind = 'movement' group by 1, 2, 3"
    ).fetchall()
    became = {(source, measure, disposition): times for source, measure, disposition, times in rows}
    # One shipment counts once: its event is the primary's; nobody owns what is in transit to DC3.
    assert {key for key in became if key[0] == ACME.source} == {(ACME.source, "on_hand", "duplicate")}
    kinds = {"applied", "absorbed"}
    assert {key[2] for key in became if key[0] == BETA.source and key[1] != "in_transit"} <= kinds
    assert {key[2] for key in became if key[1] == "in_transit"} == {"not_owner"}
    truth = {(key.item, key.location, key.measure): ledger.balance(key) for key in ledger.every_key()}
    rows = warehouse.execute("select item, location, measure, quantity from canonical.balances").fetchall()
    assert {(item, location, measure): units for item, location, measure, units in rows} == truth
