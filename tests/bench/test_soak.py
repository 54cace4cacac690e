"""The soak's verdicts and record, on samples whose growth is known; event latencies from rows in a real Postgres."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench.soak.latency import Latencies
from bench.soak.plot import draw
from bench.soak.record import Recorder, read
from bench.soak.verdicts import judge, judge_latency, percentile, slope, steady


def sample(minute: float, **more: Any) -> dict[str, Any]:
    memory = {"workers": 300, "airflow-scheduler": 200, "airflow-api-server": 200, "twin": 100}
    figures = {
        "phase": "business", "lag_events": 1000, "unresolved_facts": 3000, "outbox_open": 100, "connections": 12,
        "memory_mib": memory, "dead_rows": 5000, "table_mib": {"working": 30.0}, "latency_s": [],
    }  # fmt: skip
    return {"t_s": minute * 60, **figures, **more}


def test_a_steady_soak_is_good() -> None:
    assert [verdict.what for verdict in judge([sample(minute) for minute in range(20)]) if not verdict.is_good] == []


@pytest.mark.parametrize("what", ["lag_events", "unresolved_facts", "connections", "dead_rows"])
def test_what_grows_is_named(what: str) -> None:
    base = sample(0)[what]
    samples = [sample(minute, **{what: base * (1 + minute)}) for minute in range(20)]
    assert [verdict.what for verdict in judge(samples) if not verdict.is_good] == [what]


def test_memory_of_the_workers_that_grows_is_named() -> None:
    samples = [sample(m, memory_mib={**sample(0)["memory_mib"], "workers": 300 + 20 * m}) for m in range(20)]
    assert [verdict.what for verdict in judge(samples) if not verdict.is_good] == ["memory_mib.workers"]


def test_the_warm_up_and_the_end_are_not_judged() -> None:
    samples = [sample(minute) for minute in range(-1, 8)]
    samples += [sample(8, phase="settling"), sample(9, phase="quiet")]
    assert [each["t_s"] / 60 for each in steady(samples)] == [2, 3, 4, 5, 6, 7]


def test_percentile_and_slope() -> None:
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.0
    assert percentile([], 0.5) is None
    assert slope([0, 1, 2], [5, 7, 9]) == 2
    assert slope([1], [5]) == 0


def test_no_latency_at_all_is_not_good() -> None:
    assert not judge_latency([], []).is_good
    assert judge_latency([{"p95_s": 20.0}], [10.0, 20.0]).is_good
    assert not judge_latency([{"p95_s": 70.0}], [10.0, 70.0]).is_good


def test_the_record_pools_latencies_by_minute_and_can_be_drawn(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "soak.jsonl")
    recorder.begin(date="2026-11-02", commit="abc", minutes=4.0, rate=10.0)
    for minute in range(4):
        recorder.add(sample(minute, latency_s=[10.0 + minute, 20.0 + minute]))
    recorder.end({"batches": 3})
    lines = read(recorder.path)
    assert lines["minute"][1] == {"minute": 1, "events": 2, "p50_s": 11.0, "p95_s": 21.0}
    assert lines["shares"] == [{"batches": 3}]
    assert lines["verdict"][0]["what"] == "event_to_erp_p95_s"
    assert lines["sample"][0]["latency_events"] == 2
    assert "latency_s" not in lines["sample"][0]
    draw(recorder.path, tmp_path / "soak.svg")
    first = (tmp_path / "soak.svg").read_bytes()
    draw(recorder.path, tmp_path / "soak.svg")
    assert (tmp_path / "soak.svg").read_bytes() == first


ROWS = """
insert into ops.batches (batch_id, as_of, state) overriding system value
  values (1, '2026-11-02T10:00:10Z', 'released'), (2, '2026-11-02T10:00:40Z', 'released'),
         (3, '2026-11-02T10:01:10Z', 'released');
insert into raw.loads (load_id, source, feed, received_at, documents, facts)
  select n, 'dc1_wms', 'api', '2026-11-02T10:00:00Z', 1, 1 from generate_series(1, 3) n;
insert into ops.batch_loads select n, n from generate_series(1, 3) n;
insert into raw.facts (fact_id, load_id, document_id, position, source, feed, reading, received_at, kind, item_ref,
    location_ref, status_ref, uom, quantity, recorded, line_key, event_key)
  select 'f' || n || m, n, 'd', '1', 'dc1_wms', 'api', '1', '2026-11-02T10:00:00Z', 'movement', 'A', 'DC1',
         m, 'EA', '1',
         to_char('2026-11-02T10:00:00Z'::timestamptz + n * interval '30 seconds', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'l' || n || m, 'e' || n || m
  from generate_series(1, 3) n, unnest(array['on_hand', 'allocated']) m;
insert into ops.target_versions select 'erp', 'A', 'DC1', n, n, n from generate_series(1, 3) n;
insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, quantity,
    state, batch_id, created_at, changed_at, fact_id)
  values ('c2', 'erp', 'A', 'DC1', 2, 1, 'delta', 2, 0, 2, 'pending', 2, now(), now(), 'f2on_hand');
update ops.outbox set state = 'sent', tries = 1;
update ops.outbox set state = 'applied';
insert into ops.target_changes values
  ('erp', 1, 'A', 'DC1', 'opening', 0, 0, null, null, '2026-11-02T10:00:00Z'),
  ('erp', 2, 'A', 'DC1', 'adjustment', 2, 2, 'c2', null, '2026-11-02T10:02:00Z');
"""


def test_a_correction_carries_the_events_of_the_versions_since_the_one_before(warehouse: psycopg.Connection) -> None:
    warehouse.execute(ROWS)
    latencies = Latencies(speed=2.0)
    # Version 3 is not pushed yet; versions 1 and 2 went together at 10:02:00, their events are of 10:00:30 and 10:01.
    assert latencies.look(warehouse) == (1, [45.0, 30.0])
    assert latencies.look(warehouse) == (0, [])
