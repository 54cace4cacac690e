"""What a proven state says otherwise becomes facts of its documents, and the real models decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.reconcile.conftest import AS_OF, SCOPE, Partner
from tests.resolve.lane import Lane, at, counted, moved

from syncline.reconcile.client import open_client
from syncline.reconcile.promoting import Promoted, promote
from syncline.reconcile.pulling import Pulled, pull
from syncline.warehouse.connect import connect_dsn

Start = Callable[[list[Any]], Partner]
ASKED, HEARD = at(60), at(61)


@pytest.fixture
def lane(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Lane:
    return Lane(warehouse, warehouse_dsn, tmp_path)


def of(number: int, units: int, **rest: Any) -> Any:
    """A count of an item at noon."""
    return counted(number, 0, units)._replace(item_ref=f"SKU-{number:04d}", **rest)


def state(lines: list[tuple[Any, ...]], scope: dict[str, Any] = SCOPE, **wrong: Any) -> list[dict[str, Any]]:
    """Pages of two lines each of (sku, unit, quantity[, lot])."""
    rows = [
        {"sku": sku, "measure": "on_hand", "uom": uom, "quantity": quantity, **({"lot": lot[0]} if lot else {})}
        for sku, uom, quantity, *lot in lines
    ]
    pages = [rows[first : first + 2] for first in range(0, len(rows), 2)]
    told: list[dict[str, Any]] = [
        {"as_of": AS_OF, "page": number, "scope": scope, "balances": page, "next_page_token": str(number + 1)}
        for number, page in enumerate(pages, 1)
    ]
    control = {"lines": len(rows), "units": sum(row["quantity"] for row in rows)}
    told[-1] |= {"next_page_token": None, "control": control, **wrong}
    return told


def hear(lane: Lane, told: Partner, now: datetime = HEARD) -> Pulled:
    books = told.books()
    with connect_dsn(lane.dsn("loader")) as loader, open_client(told.connection(), books) as client:
        return pull(loader, client, books, ASKED, now)


def promoted(lane: Lane, flood: str | None = None) -> list[Promoted]:
    """Promote every state there is, all of them proven or not; ``flood``: why none is believed."""
    states = [row[0] for row in lane.rows("select snapshot_id from raw.snapshots")]
    floods = dict.fromkeys(states, flood) if flood else {}
    with connect_dsn(lane.dsn("loader")) as loader, connect_dsn(lane.dsn("transformer")) as transformer:
        return promote(transformer, loader, "DC1", states, floods)


def on_hand(lane: Lane) -> dict[str, int]:
    return dict(lane.rows("select item, quantity from canonical.balances where measure = 'on_hand' order by item"))  # type: ignore[arg-type]


def facts(lane: Lane) -> list[tuple[Any, ...]]:
    return list(
        lane.rows(
            "select item_ref, quantity, uom, line_key, position, d.name from raw.facts f join raw.documents d"
            " using (document_id) where d.feed = 'balances' and f.received_at = d.received_at order by item_ref"
        )
    )


def test_only_what_differs_becomes_facts_and_the_owner_is_believed(lane: Lane, partner: Start) -> None:
    lane.tell(1, of(1, 10), of(2, 20), of(3, 5), of(6, 12))
    lane.batch(2)
    lines = [
        ("SKU-0001", "EA", 10),
        ("SKU-0002", "CA", 2),
        ("SKU-0004", "EA", 7),
        ("SKU-0006", "CA", 1),
        ("NOPE", "EA", 3),
    ]
    heard = hear(lane, partner(state(lines)))
    assert heard.is_proven

    first = promoted(lane)
    key = heard.snapshot_id
    assert [(each.compared, each.differing, each.facts, each.flood) for each in first] == [(6, 4, 4, None)]
    name = f"GET /wms/v1/DC1/balances?as_of={AS_OF}&page="
    assert facts(lane) == [
        ("NOPE", "3", "EA", f"{key}/NOPE/on_hand", "balances[0]", f"{name}3"),
        ("SKU-0002", "2", "CA", f"{key}/SKU-0002/on_hand", "balances[1]", f"{name}1"),
        ("SKU-0003", "0", "EA", f"{key}/SKU-0003/on_hand/absent", "absent", f"{name}3"),
        ("SKU-0004", "7", "EA", f"{key}/SKU-0004/on_hand", "balances[0]", f"{name}2"),
    ]
    assert [(each.differing, each.facts) for each in promoted(lane)] == [(4, 0)], "the same facts are known"

    lane.batch(62)
    assert on_hand(lane) == {"SKU-0001": 10, "SKU-0002": 24, "SKU-0003": 0, "SKU-0004": 7, "SKU-0006": 12}
    assert lane.exceptions("quarantined: unmapped_item") != []
    assert [(each.differing, each.facts) for each in promoted(lane)] == [(1, 0)], "what nobody maps differs on"
    assert not lane.batch(63)


def test_canonical_is_asked_for_its_number_at_the_instant_of_the_state(lane: Lane, partner: Start) -> None:
    lane.tell(1, of(1, 10))
    lane.tell(91, moved(2, 90, -3))
    lane.batch(92)
    assert on_hand(lane) == {"SKU-0001": 7}
    hear(lane, partner(state([("SKU-0001", "EA", 10)])), at(93))
    assert [(each.compared, each.differing) for each in promoted(lane)] == [(1, 0)]


def test_an_event_that_was_lost_is_made_good_and_what_came_later_stays(lane: Lane, partner: Start) -> None:
    lane.tell(1, of(1, 10))
    lane.tell(91, moved(3, 90, -3))
    lane.batch(92)
    hear(lane, partner(state([("SKU-0001", "EA", 6)])), at(93))  # -4 was never told
    assert [each.facts for each in promoted(lane)] == [1]
    lane.batch(94)
    assert on_hand(lane) == {"SKU-0001": 3}


def test_a_lot_is_part_of_the_sum_where_the_owner_counts_items(lane: Lane, partner: Start) -> None:
    lane.tell(1, of(1, 10), of(2, 10))
    lane.batch(2)
    lines = [
        ("SKU-0001", "EA", 4, "L1"),
        ("SKU-0001", "EA", 6, "L2"),
        ("SKU-0002", "EA", 4, "L1"),
        ("SKU-0002", "EA", 5, "L/2"),
    ]
    heard = hear(lane, partner(state(lines)))
    assert [(each.compared, each.differing, each.facts) for each in promoted(lane)] == [(2, 1, 1)]
    assert [fact[1:4] for fact in facts(lane)] == [("9", "EA", f"{heard.snapshot_id}/SKU-0002/on_hand/sum")]
    lane.batch(62)
    assert on_hand(lane) == {"SKU-0001": 10, "SKU-0002": 9}


def test_a_cut_state_zeroes_nothing_and_the_last_proven_one_stays(lane: Lane, partner: Start) -> None:
    lane.tell(1, of(1, 10), of(2, 20))
    lane.batch(2)
    cut = hear(lane, partner(state([("SKU-0001", "EA", 11)], control={"lines": 2, "units": 31})))
    assert cut.fault_code == "control_lines"
    assert promoted(lane) == []
    assert not lane.batch(62) or on_hand(lane) == {"SKU-0001": 10, "SKU-0002": 20}
    assert lane.exceptions("snapshot.unproven") == [("dc1_wms/DC1", "open")]


def test_a_flood_is_not_believed(lane: Lane, partner: Start) -> None:
    lane.tell(1, *(of(number, 10) for number in range(1, 6)))
    lane.batch(2)
    hear(lane, partner(state([(f"SKU-{number:04d}", "EA", 120 if number < 4 else 10) for number in range(1, 6)])))
    (refused,) = promoted(lane, "3 of 5 keys differ")
    assert (refused.differing, refused.facts, refused.flood) == (3, 0, "3 of 5 keys differ")
    assert facts(lane) == []
    (taken,) = promoted(lane)
    assert (taken.facts, taken.flood) == (3, None)


def test_what_is_absent_of_another_measure_or_location_stays(lane: Lane, partner: Start) -> None:
    lane.tell(1, of(1, 10), of(2, 20, status_ref="damaged"))
    lane.tell(1, of(3, 30, location_ref="DC2"))
    lane.batch(2)
    hear(lane, partner(state([("SKU-0001", "EA", 10)])))
    assert [(each.compared, each.differing) for each in promoted(lane)] == [(1, 0)]


def test_a_state_in_two_batches_is_that_in_one(lane: Lane, partner: Start) -> None:
    """Promoted before the movement it holds was told: late, it is absorbed, and the number is the same."""
    lane.tell(1, of(1, 10))
    lane.batch(2)
    hear(lane, partner(state([("SKU-0001", "EA", 6)])))
    promoted(lane)
    lane.batch(62)
    assert on_hand(lane) == {"SKU-0001": 6}
    lane.tell(63, moved(2, 50, -4))
    lane.batch(64)
    assert on_hand(lane) == {"SKU-0001": 6}
    assert lane.rows("select reason, disposition from intermediate.int_dispositions where disposition = 'absorbed'")
