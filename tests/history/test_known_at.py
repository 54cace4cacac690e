"""What was believed: computed again from what was known, it is what was published, for every batch of a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from loopback_wms import WmsServer, event
from tests.history.conftest import Scratch
from tests.history.telling import at, released, said, tell
from tests.rereading.conftest import warehouses
from tests.rereading.network import Warehouse, an_846, edi_source, wms_source

from syncline import resolve
from syncline.config import apply, read_folder
from syncline.decisions import Decision, store
from syncline.edi import PROFILES, Profile
from syncline.errors import TerminalError
from syncline.explain import StockKey
from syncline.history.answer import ask
from syncline.history.derive import derive
from syncline.history.knowledge import Knowledge, latest, of_batch
from syncline.history.knowledge import at as known_at
from syncline.history.published import canonical_hash, published, published_hash
from syncline.history.snapshot import snapshot
from syncline.home import project_root
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn

pytestmark = pytest.mark.deep  # every question about the past is a rebuild of its own: minutes

ITEMS = [{"sk": f"SKU-000{n}", "vn": f"SKU-000{n + 1}", "on_hand": str(20 + n)} for n in (1, 2, 3)]


def count(number: int, minute: float, sku: str, counted: int) -> dict[str, Any]:
    line = {"line": 1, "sku": sku, "uom": "EA", "counted": counted, "measure": "on_hand"}
    return event(number, minute, "inventory.adjusted", mode="count", lines=[line])


def moved(number: int, minute: float, sku: str, delta: int, uom: str = "EA", **changes: Any) -> dict[str, Any]:
    line = {"line": 1, "sku": sku, "uom": uom, "delta": delta, "measure": "on_hand", "reason": "scrap"}
    return event(number, minute, "inventory.adjusted", mode="delta", lines=[line], **changes)


class Day:
    """One release after each step; what stood in ``canonical.balances`` then is kept by batch."""

    def __init__(self, ours: Warehouse, server: WmsServer) -> None:
        self.ours, self.server = ours, server
        self.stood: dict[int, str] = {}
        self.rules = read_folder(project_root() / "dbt_project" / "seeds")
        self.hour = 11

    def now(self, minute: int = 0) -> datetime:
        return at(f"{self.hour}:{minute:02}")

    def poll(self, *events: dict[str, Any]) -> None:
        self.server.events += events
        self.ours.poll(self.server, wms_source(), self.now())

    def configure(self, table: str, *, remove: Callable[[dict[str, Any]], bool] | None = None, **row: Any) -> None:
        rows = [each for each in self.rules[table] if remove is None or not remove(each)]
        self.rules = {**self.rules, table: [*rows, row] if row else rows}
        apply(self.ours.owner, self.rules, self.now(30), "test")

    def batch(self) -> int:
        done = released(self.ours, self.now(40))
        self.stood[done.batch_id] = canonical_hash(self.ours.owner)
        self.hour += 1
        return done.batch_id


@pytest.fixture(scope="module")
def day(
    server: embedded.Server, role_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Day]:
    """Late facts, a decided conflict, a misread file that is read again, rules that come, change and go in between."""
    wms = WmsServer()
    with (
        warehouses(server, role_passwords, tmp_path_factory.mktemp("day")) as make,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setitem(PROFILES, "misread", Profile("misread", item_qualifiers=("VN", "SK")))
        day = Day(make(), wms)
        wrong, right = edi_source("misread"), edi_source()
        day.poll(count(1, 0, "SKU-0001", 100), count(2, 1, "SKU-0002", 50), moved(3, 2, "SKU-0001", -5))
        day.ours.file("a.edi", an_846("R-1", ITEMS, as_of="0400"), wrong, day.now())
        day.batch()
        # Late, told after a count of its time; and a thing that no crosswalk knows yet.
        tell(day.ours, "dc1_wms", "api", day.now(), said("movement", -4, "09:30:00", "late", item_ref="SKU-0002"))
        day.poll(count(5, 61, "SKU-0002", 46), moved(6, 62, "NEW-1", 3))
        day.batch()
        day.configure("item_crosswalk", source="*", item_ref="NEW-1", item="SKU-0001", valid_from="-infinity",
                      valid_to="infinity")  # fmt: skip
        day.batch()
        day.ours.reread(right, now=day.now())
        day.poll(moved(7, 150, "SKU-0001", -1))
        day.batch()
        # The same transaction with another number: a conflict. And cases, whose factor is corrected afterwards.
        day.poll(moved(8, 200, "SKU-0001", -2, transaction_id="T-7"), moved(9, 201, "SKU-0002", 1, "CA"))
        day.batch()
        # A person decides the conflict, in the batch in which a factor is corrected.
        ((second, first),) = day.ours.rows(
            "select max(fact_id), max(decided_by) from intermediate.int_dispositions where disposition = 'conflict'"
        )
        store(day.ours.transformer, Decision("d-1", "keep", "ann", day.now(), "two it was", second, (first,)))
        factor = next(row for row in day.rules["unit_factors"] if (row["item"], row["uom"]) == ("SKU-0002", "CA"))
        day.configure("unit_factors", remove=lambda row: row is factor, **(factor | {"factor_num": 7}))
        day.batch()
        # NEW-1 was something else after all: facts leave a key, and one that nobody told of before gets a row.
        day.configure("item_crosswalk", remove=lambda row: row["item_ref"] == "NEW-1", source="*", item_ref="NEW-1",
                      item="SKU-0007", valid_from="-infinity", valid_to="infinity")  # fmt: skip
        day.batch()
        day.poll(moved(10, 300, "SKU-0003", 9))
        day.batch()
        # The 3PL becomes the owner at DC1, in a batch that was open already when the rule came.
        tell(day.ours, "acme_3pl", "edi", day.now(), said("balance", 70, "13:30:00", "846/1", location_ref="DC1"))
        opened = resolve.open_batch(day.ours.transformer, day.now(20))
        assert opened is not None
        owner = next(
            row for row in day.rules["ownership_rules"]
            if (row["measure"], row["location"], row["source"]) == ("on_hand", "DC1", "dc1_wms")
        )  # fmt: skip
        day.configure("ownership_rules", remove=lambda row: row is owner, **(owner | {"role": "observer"}))
        assert day.batch() == opened.batch_id
        yield day
    wms.close()


def test_every_batch_of_a_day_is_what_was_published(day: Day, scratch: Scratch) -> None:
    ours = day.ours
    assert len(day.stood) == 9
    assert len(set(day.stood.values())) == 9, "every batch changed a number"
    for batch_id, stood in day.stood.items():
        assert published_hash(ours.owner, batch_id) == stood, f"batch {batch_id}: the record is not what stood there"
        known = of_batch(ours.owner, batch_id)
        assert computed(ours, scratch, known) == stood, f"batch {batch_id}: computed again it is another number"
    # What the test is worth: read with the newest rules, the past is another one.
    for batch_id in (2, 5, 8):
        known = replace(of_batch(ours.owner, batch_id), config_version=latest(ours.owner).config_version)
        assert computed(ours, scratch, known) != day.stood[batch_id]
    assert ours.rows("select count(distinct batch_id) from ops.published_balances") == [(9,)]


def computed(ours: Warehouse, scratch: Scratch, known: Knowledge) -> str:
    with connect_dsn(ours.dsn("bi")) as reader, scratch() as (conn, dsn, folder):
        with snapshot(reader):
            derive(reader, conn, dsn, known, folder)
        return canonical_hash(conn)


def test_one_key_needs_only_its_own_facts(day: Day, scratch: Scratch) -> None:
    """Each key by each batch, from the facts that are found for it; NEW-1 and SKU-0002 at DC3 were mapped otherwise."""
    ours = day.ours
    keys = {
        ("SKU-0001", "DC1"): (1, 3, 5, 7, 9), ("SKU-0002", "DC1"): (2, 5, 6), ("SKU-0007", "DC1"): (7,),
        ("SKU-0002", "DC3"): (3, 4), ("SKU-0004", "DC3"): (3, 4),
    }  # fmt: skip
    seen = set()
    with connect_dsn(ours.dsn("bi")) as reader:
        for (item, location), batches in keys.items():
            for batch_id in batches:
                key = StockKey(item, location, "on_hand", "", "UTC")
                with scratch() as (conn, dsn, folder):
                    found = ask(reader, conn, dsn, key, of_batch(reader, batch_id), folder)
                    carried = conn.execute("select count(*) from raw.facts").fetchone()
                expected = published(reader, batch_id, item, location, "on_hand", "")
                assert (found.number, found.differs) == (expected, False), f"batch {batch_id}, {item} at {location}"
                assert carried is not None
                assert carried[0] < 9
                seen.add((item, location, expected and expected.quantity))
    assert len(seen) > 9


def test_an_instant_is_the_batch_published_by_then(day: Day) -> None:
    conn = day.ours.owner
    assert known_at(conn, at("11:40")).batch_id == 1
    assert known_at(conn, at("12:39")).batch_id == 1
    assert known_at(conn, at("23:00")).batch_id == 9
    with pytest.raises(TerminalError, match=r"Nothing was published by 2026-11-02T11:39.*Batch 1 was the first"):
        known_at(conn, at("11:39"))
    with pytest.raises(TerminalError, match="Batch 77 was not released"):
        of_batch(conn, 77)


def test_a_difference_is_told(day: Day, scratch: Scratch) -> None:
    """Were the rules of today read for a question about then, the answer would say that it is another number."""
    key = StockKey("SKU-0001", "DC1", "on_hand", "", "UTC")
    with connect_dsn(day.ours.dsn("bi")) as reader, scratch() as (conn, dsn, folder):
        known = replace(of_batch(reader, 3), config_version=latest(reader).config_version)
        found = ask(reader, conn, dsn, key, known, folder)
    assert found.differs
