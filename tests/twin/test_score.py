"""The score: one code for both integrators, on figures small enough to check by hand."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console

from syncline.connections import Connection
from syncline.errors import PartnerUnavailable
from syncline.twin.belief import StockKey, Timeline
from syncline.twin.naive import Arrival, Mapping, replay
from syncline.twin.orders import Attempt
from syncline.twin.score import Truth, open_corrections, percentile, score_both, score_naive, score_syncline
from syncline.twin.score_table import fetch_truth, print_table
from syncline.twin.seeds import write_seeds

ONE = StockKey("SKU-0001", "DC1")  # class A: safety stock 3 in the shop, 12 EA in a case
START_MS = 1_793_620_800_000


def arrival(at_s: int, kind: str, measure: str, quantity: str, **other: Any) -> Arrival:
    told = Arrival(
        START_MS + at_s * 1000,
        at_s,
        f"f-{at_s}",
        "dc1_wms",
        kind,
        "SKU-0001",
        "DC1",
        measure,
        "EA",
        quantity,
        f"T-{at_s}/1",
    )
    return replace(told, **other)


def truth(on_hand: int, attempts: list[Attempt] | None = None, **other: Any) -> Truth:
    return replace(Truth({ONE: on_hand}, attempts or [], {}, {ONE: 40}, {ONE: 50}, {ONE: on_hand}, [], 10.0), **other)


@pytest.fixture
def mapping(tmp_path: Path) -> Mapping:
    write_seeds(tmp_path)
    return Mapping(tmp_path)


def test_a_timeline_answers_at_and_since() -> None:
    belief = Timeline()
    belief.set(ONE, 10, 5)
    belief.set(ONE, 20, 7)
    assert [belief.at(ONE, at) for at in (9, 10, 19, 20, 99)] == [0, 5, 5, 7, 7]
    assert belief.changed_ms(ONE, 19) == 10
    assert belief.last(StockKey("SKU-0002", "DC1")) == 0
    with pytest.raises(ValueError, match="comes after"):
        belief.set(ONE, 19, 1)


def test_the_baseline_adds_overwrites_and_doubles(mapping: Mapping) -> None:
    acme = {"source": "acme_3pl", "item_ref": "A-10001", "location_ref": "ACM-CHI"}
    told = [
        arrival(1, "balance", "on_hand", "100"),
        arrival(2, "movement", "on_hand", "-5"),
        arrival(3, "movement", "on_hand", "-5", event_key="T-2/1"),  # a retry
        arrival(4, "movement", "on_hand", "2", uom="CA"),
        arrival(5, "movement", "allocated", "4"),
        arrival(6, "movement", "on_hand", "3", item_ref="ALT-0001"),
        arrival(7, "movement", "on_hand", "12x"),
    ]
    naive = replay(told, mapping, {ONE: 50}, {ONE: 40})
    assert naive.erp.last(ONE) == 100 - 5 - 5 + 24
    assert naive.shop.last(ONE) == 114 - 4 - 3
    assert naive.double_posts == 1
    stale = replay([*told, arrival(8, "balance", "17", "100", **acme)], mapping, {ONE: 50}, {ONE: 40})
    assert stale.erp.last(ONE) == 100


def test_a_fact_our_overlap_asked_for_again_is_not_held_against_the_baseline(mapping: Mapping) -> None:
    first = arrival(1, "movement", "on_hand", "-5")
    told = [first, replace(first, at_ms=first.at_ms + 1000, load_id=2)]
    naive = replay(told, mapping, {ONE: 50}, {ONE: 40})
    assert (naive.erp.last(ONE), naive.double_posts) == (45, 0)


def test_the_baselines_figures(mapping: Mapping) -> None:
    told = [arrival(1, "balance", "on_hand", "10"), arrival(2, "movement", "on_hand", "-5", event_key="x"),
            arrival(3, "movement", "on_hand", "-5", event_key="x"), arrival(60, "balance", "on_hand", "9")]  # fmt: skip
    attempts = [
        Attempt(START_MS, "SKU-0001", "DC1", 4, 40, 2, 4),  # shows the opening 40, truly 2 left: 2 oversold
        Attempt(START_MS + 61_000, "SKU-0001", "DC1", 5, 9, 5, 5),  # shows 9-3 = 6: 5 of 5
        Attempt(START_MS + 62_000, "SKU-0001", "DC1", 5, 4, 0, 0),  # 6 less the 5 just sold: 1 oversold
    ]
    score = score_naive(told, truth(5, attempts), mapping)
    assert (score.wrong_balances, score.wrong_unflagged, score.drift_units) == (1, 1, 4)
    assert (score.erp_wrong, score.erp_drift_units) == (1, 4)
    assert (score.oversold_units, score.double_posts, score.lock_failures) == (3, 1, None)
    assert score.wrong_keys == ["SKU-0001@DC1 unflagged"]


def test_percentiles_are_nearest_rank() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([7.0], 0.95)) == (50.0, 95.0, 7.0)
    assert percentile([], 0.5) is None


CANONICAL = """
create table canonical.balances (
  item text, location text, measure text, lot text, quantity bigint, is_ambiguous boolean);
create table canonical.verdicts (
  fact_id text, item text, location text, measure text, verdict text, is_decided boolean);
create table intermediate.int_dispositions (fact_id text, item text, location text, measure text, disposition text);
insert into canonical.balances values ('SKU-0001', 'DC1', 'on_hand', '', %(quantity)s, false);
insert into intermediate.int_dispositions values
  ('f1', 'SKU-0001', 'DC1', 'on_hand', 'applied'), ('f2', 'SKU-0001', 'DC1', 'on_hand', 'applied');
"""
RECEIPT = """
insert into raw.loads (load_id, source, feed, received_at, documents, facts)
  values (%(load)s, 'dc1_wms', 'api', %(at)s, 1, 1);
insert into raw.facts (fact_id, load_id, document_id, position, source, feed, reading, received_at, kind, item_ref,
    location_ref, status_ref, uom, quantity, recorded, line_key, event_key)
  values (%(fact)s, %(load)s, 'd', 'p', 'dc1_wms', 'api', 'r', %(at)s, 'movement', 'SKU-0001', 'DC1', 'on_hand', 'EA',
    '-5', '2026-11-02T12:00:00Z', %(event)s || '/1', %(event)s);
insert into ops.batches (as_of, state) values (%(at)s, 'released');
insert into ops.batch_loads select %(load)s, max(batch_id) from ops.batches;
insert into ops.target_versions select 'erp', 'SKU-0001', 'DC1', %(load)s, 45, max(batch_id) from ops.batches;
insert into ops.outbox select %(event)s || '-c', 'erp', 'SKU-0001', 'DC1', %(load)s, 1, 'delta', 45, 50, -5, null,
    'pending', null, max(batch_id), 0, null, null, null, %(at)s, %(at)s, null from ops.batches;
"""


def _statements(conn: psycopg.Connection, script: str, values: dict[str, Any]) -> None:
    for statement in filter(str.strip, script.split(";")):
        conn.execute(statement, values)


@pytest.fixture
def resolved(warehouse: psycopg.Connection) -> psycopg.Connection:
    """Two events of one key, each with an applied ERP correction; canonical says 44."""
    _statements(warehouse, CANONICAL.replace("%(quantity)s", "44"), {})
    for load, (fact, event) in enumerate((("f1", "e1"), ("f2", "e2")), 1):
        at = datetime.fromtimestamp((START_MS + load * 1000) / 1000, UTC)
        _statements(warehouse, RECEIPT, {"load": load, "at": at, "fact": fact, "event": event})
        warehouse.execute("update ops.outbox set state = 'applied' where correction_id = %s", (f"{event}-c",))
    return warehouse


def test_synclines_figures_from_the_warehouse(resolved: psycopg.Connection) -> None:
    posted = [("e1-c", START_MS + 21_000), ("e2-c", START_MS + 62_000)]
    visible = {"e1": START_MS + 1000, "e2": START_MS + 2000}
    score = score_syncline(resolved, truth(45, adjustments=posted, visible_ms=visible))
    assert (score.wrong_balances, score.wrong_unflagged, score.drift_units) == (1, 1, 1)
    assert (score.erp_wrong, score.double_posts, score.lock_failures) == (0, 0, 0)
    assert (score.latency_p50_s, score.latency_p95_s, score.latency_events) == (2.0, 6.0, 2)


def test_events_from_before_anybody_listened_are_not_measured(resolved: psycopg.Connection) -> None:
    posted = [("e1-c", START_MS + 21_000), ("e2-c", START_MS + 62_000)]
    score = score_syncline(resolved, truth(44, adjustments=posted, visible_ms={"e1": START_MS, "e2": START_MS + 2000}))
    assert (score.wrong_balances, score.latency_events, score.latency_p95_s) == (0, 1, 6.0)


@pytest.mark.parametrize(
    "flag",
    [
        "update canonical.balances set is_ambiguous = true",
        "insert into canonical.verdicts values ('f2', 'SKU-0001', 'DC1', 'on_hand', 'discrepancy', true)",
        "insert into canonical.verdicts values ('f2', 'SKU-0001', 'DC1', 'on_hand', 'match', false)",
        "update intermediate.int_dispositions set disposition = 'conflict' where fact_id = 'f2'",
        "update intermediate.int_dispositions set disposition = 'contradicted' where fact_id = 'f2'",
    ],
)
def test_a_wrong_balance_that_says_so_is_flagged(resolved: psycopg.Connection, flag: str) -> None:
    resolved.execute(flag)
    score = score_syncline(resolved, truth(45))
    assert (score.wrong_balances, score.wrong_unflagged, score.wrong_keys) == (1, 0, ["SKU-0001@DC1"])


def test_a_certain_match_is_no_flag(resolved: psycopg.Connection) -> None:
    resolved.execute("insert into canonical.verdicts values ('f2', 'SKU-0001', 'DC1', 'on_hand', 'match', true)")
    assert score_syncline(resolved, truth(45)).wrong_unflagged == 1


def test_a_reference_posted_twice_is_a_double_post(resolved: psycopg.Connection) -> None:
    score = score_syncline(resolved, truth(44, adjustments=[("e1-c", START_MS), ("e1-c", START_MS)]))
    assert score.double_posts == 1


def test_both_columns_and_what_is_open_are_printed(resolved: psycopg.Connection, tmp_path: Path) -> None:
    resolved.execute(
        "insert into ops.outbox select 'held-1', target, item, 'DC2', 9, 1, kind, 1, 1, 1, null, 'held', 'conflict',"
        " batch_id, 0, null, null, null, created_at, changed_at, null from ops.outbox limit 1"
    )
    write_seeds(tmp_path)
    scores = score_both(resolved, truth(45), tmp_path)
    assert [score.name for score in scores] == ["syncline", "latest arrival wins"]
    status = {"events": {"DC1": 2}, "orders": 3, "phase": "quiet", "now": "x", "faults": {"late": 4}}
    console = Console(record=True, width=110, file=io.StringIO())
    print_table(scores, open_corrections(resolved), status, console)
    text = console.export_text()
    assert "latest arrival wins" in text
    assert "open: erp SKU-0001 at DC2: held conflict" in text
    assert "late 4" in text


def test_the_truth_of_a_running_twin_can_be_scored(serve: Any, warehouse: psycopg.Connection, tmp_path: Path) -> None:
    served = serve(at_minutes=100)
    api = served.api("twin")
    api_port = int(api.url.rsplit(":", 1)[1])
    token = served.twin.serving.tokens["twin"]
    value = fetch_truth(Connection("twin", "http", host="127.0.0.1", port=api_port, password=token))
    parsed = Truth.from_json(value)
    assert len(parsed.on_hand) == len(parsed.erp) == len(parsed.erp_opening) == len(parsed.shop_opening) == 240
    assert parsed.attempts == served.twin.serving.world.orders.attempts
    write_seeds(tmp_path)
    untouched = score_naive([], parsed, Mapping(tmp_path))
    assert untouched.wrong_balances > 100
    with pytest.raises(PartnerUnavailable, match="truth"):
        fetch_truth(Connection("twin", "http", host="127.0.0.1", port=api_port, password="wrong"))
