"""The score: one code for every integrator, on figures small enough to check by hand."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from rich.console import Console

from syncline.connections import Connection
from syncline.errors import PartnerUnavailable
from syncline.twin.baselines import BASELINES
from syncline.twin.crosswalk import StockKey
from syncline.twin.drift import DriftMeter
from syncline.twin.faults import Faults
from syncline.twin.orders import Attempt
from syncline.twin.replay import Outcome
from syncline.twin.score import Truth, open_corrections, percentile, score_all, score_baseline, score_syncline
from syncline.twin.score_table import ROWS, fetch_truth, print_table

ONE = StockKey("SKU-0001", "DC1")  # class A: safety stock 3 in the shop, 12 EA in a case
START_MS = 1_793_620_800_000


def truth(on_hand: int, attempts: list[Attempt] | None = None, **other: Any) -> Truth:
    return replace(Truth({ONE: on_hand}, attempts or [], {}, {ONE: on_hand}, 0, [], [], 10.0), **other)


def test_drift_is_units_times_time_inside_the_day() -> None:
    """Off by 10 for 1 h, right for 1 h, off by 3 for half an hour; what lies outside the day does not count."""
    hour_ms = 3_600_000
    meter = DriftMeter(START_MS, START_MS + 4 * hour_ms)
    meter.set_shown(ONE, START_MS - hour_ms, 50)
    meter.set_truth(ONE, START_MS, 60)
    meter.set_shown(ONE, START_MS + hour_ms, 60)
    meter.set_truth(ONE, START_MS + 2 * hour_ms, 57)
    meter.set_shown(ONE, START_MS + 5 * hour_ms // 2, 57)
    meter.set_shown(ONE, START_MS + 9 * hour_ms, 0)
    assert meter.unit_ms() == 10 * hour_ms + 3 * hour_ms // 2
    assert meter.wrong_ms == {"DC1": 3 * hour_ms // 2}
    assert meter.unit_ms() == 10 * hour_ms + 3 * hour_ms // 2


def test_a_baselines_figures() -> None:
    attempts = [
        Attempt(START_MS, "SKU-0001", "DC1", 4, 40, 2, 4, "a"),  # shown 40, truly 2 left: 2 oversold
        Attempt(START_MS + 61_000, "SKU-0001", "DC1", 5, 9, 5, 5, "b"),  # shown 6: 5 of 5
        Attempt(START_MS + 62_000, "SKU-0001", "DC1", 5, 4, 0, 0, "c"),  # shown 1: 1 oversold
    ]
    outcome = Outcome("it", {ONE: 9}, set(), [40, 6, 1], 1, 7_199_999)
    score = score_baseline(outcome, truth(5, attempts))
    assert (score.wrong_balances, score.wrong_unflagged, score.drift_units) == (1, 1, 4)
    assert (score.erp_wrong, score.erp_drift_units, score.drift_unit_hours) == (1, 4, 1)
    assert (score.oversold_units, score.double_posts, score.lock_failures, score.latency_events) == (3, 1, None, None)
    assert score.wrong_keys == ["SKU-0001@DC1 unflagged"]
    flagged = score_baseline(replace(outcome, flagged={ONE}), truth(5, attempts))
    assert (flagged.wrong_balances, flagged.wrong_unflagged) == (1, 0)


def test_an_outcome_survives_the_wire() -> None:
    outcome = Outcome("it", {ONE: 9}, {ONE}, [40, 6, 1], 1, 7_199_999, {"DC1": 5})
    assert Outcome.from_json(json.loads(json.dumps(outcome.as_json()))) == outcome


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
    'pending', null, max(batch_id), 0, null, null, null, %(at)s, %(at)s, null, null, 'books', %(fact)s from ops.batches;
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


def test_every_column_and_what_is_open_are_printed(resolved: psycopg.Connection) -> None:
    resolved.execute(
        "insert into ops.outbox select 'held-1', target, item, 'DC2', 9, 1, kind, 1, 1, 1, null, 'held', 'conflict',"
        " batch_id, 0, null, null, null, created_at, changed_at, null, null, event, fact_id from ops.outbox limit 1"
    )
    baselines = [Outcome(kind.name, {ONE: 45}, set(), [], 0, 0) for kind in BASELINES]
    scores = score_all(resolved, truth(45, baselines=baselines))
    assert [score.name for score in scores] == ["syncline", *(kind.name for kind in BASELINES)]
    status = {"events": {"DC1": 2}, "orders": 3, "phase": "quiet", "now": "x", "faults": {"late": 4}}
    console = Console(record=True, width=110, file=io.StringIO())
    print_table(scores, open_corrections(resolved), status, console)
    text = console.export_text()
    assert all(label in text for label, _ in ROWS if "p50" not in label and "p95" not in label)
    assert "open: erp SKU-0001 at DC2: held conflict" in text
    assert "late 4" in text


def test_the_truth_of_a_running_twin_can_be_scored(serve: Any, warehouse: psycopg.Connection) -> None:
    served = serve(Faults(), at_minutes=100)
    api = served.api("twin")
    api_port = int(api.url.rsplit(":", 1)[1])
    token = served.twin.serving.tokens["twin"]
    connection = Connection("twin", "http", host="127.0.0.1", port=api_port, password=token)
    parsed = Truth.from_json(fetch_truth(connection))
    world = served.twin.serving.world
    assert len(parsed.on_hand) == len(parsed.erp) == 240
    assert parsed.attempts == world.orders.attempts
    assert [outcome.name for outcome in parsed.baselines] == [kind.name for kind in BASELINES]
    naive, recipe = parsed.baselines[0], parsed.baselines[-1]
    assert naive.drift_unit_ms > recipe.drift_unit_ms
    assert score_baseline(naive, parsed).wrong_balances > score_baseline(recipe, parsed).wrong_balances
    with pytest.raises(PartnerUnavailable, match="truth"):
        fetch_truth(Connection("twin", "http", host="127.0.0.1", port=api_port, password="wrong"))
