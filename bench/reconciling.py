"""Full states of three systems compared with canonical, beside a bare SQL join of the same lines.

python -m bench --only reconciling
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg

from bench.figures import Figure
from bench.resolving import filled, say
from bench.sizes import Size
from bench.warehouse import Bench
from syncline.reconcile import runs
from syncline.reconcile.comparing import compare

LOCATIONS = 10
WRONG_EVERY = 1_000  # one key of so many is off in one of the systems
RATIO = 2.0
AS_OF = datetime(2026, 11, 20, 2, tzinfo=UTC)
SYSTEMS = {"wms": "dc1_wms", "3pl": "acme_3pl", "erp": "erp"}
# Everybody uses our names here, so that the bare join needs none of ours: it is the least that can be done.
BARE = """
select count(*), count(*) filter (where w.units is distinct from t.units or t.units is distinct from e.units)
from (select location_ref, item_ref,
  quantity::numeric as units from raw.snapshot_lines where snapshot_id like 'wms %') w
full join (select location_ref, item_ref,
  quantity::numeric as units from raw.snapshot_lines where snapshot_id like '3pl %') t
  using (location_ref, item_ref)
full join (select location_ref, item_ref,
  quantity::numeric as units from raw.snapshot_lines where snapshot_id like 'erp %') e
  using (location_ref, item_ref)
"""
CONFIGURED = """
with places as (select 'L' || n as location from generate_series(1, %(locations)s) n),
goods as (select 'B-' || n as item from generate_series(1, %(items)s) n),
v as (select kind, max(version_id) as version_id from ops.config_versions group by kind),
locations as (
  insert into ops.locations (version_id, location, timezone, region)
  select version_id, location, 'UTC', 'eu' from places, v where kind = 'locations'
),
names as (
  insert into ops.location_crosswalk (version_id, source, location_ref, location, valid_from, valid_to)
  select version_id, '*', location, location, '-infinity', 'infinity' from places, v where kind = 'location_crosswalk'
),
items as (
  insert into ops.items (version_id, item, base_uom, item_class, unit_value)
  select version_id, item, 'EA', 'A', 100 from goods, v where kind = 'items'
),
refs as (
  insert into ops.item_crosswalk (version_id, source, item_ref, item, valid_from, valid_to)
  select version_id, '*', item, item, '-infinity', 'infinity' from goods, v where kind = 'item_crosswalk'
)
insert into ops.unit_factors (version_id, item, uom, factor_num, factor_den, valid_from, valid_to)
select version_id, item, 'EA', 1, 1, '-infinity', 'infinity' from goods, v where kind = 'unit_factors'
"""
HELD = """
insert into canonical.balances (item, location, measure, lot, quantity, quantity_lo, quantity_hi, is_ambiguous,
  base_fact,
  base_from, base_to, batch_id)
select 'B-' || i, 'L' || l, 'on_hand', '', (i * 7 + l) %% 500, (i * 7 + l) %% 500, (i * 7 + l) %% 500, false,
  'f' || i || '/' || l, %(at)s, %(at)s, 1
from generate_series(1, %(items)s) i, generate_series(1, %(locations)s) l
"""
LEDGER = """
insert into canonical.ledger (item, location, measure, lot, fact_id, entry, quantity, booked_from, batch_id)
select item, location, measure, lot, base_fact, 'opening', quantity, base_from, batch_id from canonical.balances
where item like 'B-%%'
"""
STATES = """
insert into raw.snapshots (snapshot_id, source, system, load_id, document_ids, locations, measures, recorded,
  as_of_from,
  as_of_to, received_at, read_lines, read_units, declares_complete, is_proven, document_key)
select %(system)s || ' ' || l, %(source)s, %(system)s, 1, array['d'], array['L' || l], array[%(measure)s], 'r', %(at)s,
  %(to)s, %(to)s, %(items)s, 0, true, true, %(system)s || l
from generate_series(1, %(locations)s) l
"""
LINES = """
insert into raw.snapshot_lines (snapshot_id, position, item_ref, location_ref, status_ref, uom, quantity, received_at)
select %(system)s || ' ' || l, i::text, 'B-' || i, 'L' || l, %(measure)s, 'EA',
  ((i * 7 + l) %% 500 + ((i + %(shift)s) %% %(wrong)s = 0)::integer)::text, %(to)s
from generate_series(1, %(locations)s) l, generate_series(1, %(items)s) i
"""


def reconciling_figures(bench: Bench, size: Size, seed: int) -> Iterator[Figure]:
    """Seconds of comparing every location, and the ratio to the bare join of the same lines in the same session."""
    items = size.reconciled // LOCATIONS
    filled(bench, "reconciling", size.rebuilds[0] if size.name == "small" else 100_000, seed)
    with bench.connect("reconciling") as owner:
        say(f"full states of {size.reconciled:,} item-locations of {len(SYSTEMS)} systems")
        owner.execute("set statement_timeout = 0")
        _fill(owner, items)
    rounds = []
    with bench.connect("reconciling", "transformer") as conn:
        conn.execute("set statement_timeout = 0")
        for number in range(size.reconciling_rounds):
            conn.execute("set work_mem = '128MB'")
            started = time.perf_counter()
            row = conn.execute(BARE).fetchone()
            bare = time.perf_counter() - started
            assert row is not None
            assert row[0] == items * LOCATIONS
            conn.execute("reset work_mem")
            rounds.append((bare, _compared(conn, number, items)))
            say(f"round {number + 1}: bare {bare:.1f} s, compared {rounds[-1][1]:.1f} s")
    bench.drop("reconciling")
    what = f"{size.reconciled:,} item-locations × {len(SYSTEMS)} systems"
    yield Figure.of("reconciling", f"{what} compared and judged", [each[1] for each in rounds], "s")
    yield Figure.of(
        "reconciling", f"{what}, against a bare SQL join of the three", [each[1] / each[0] for each in rounds], "×",
        target=("<=", RATIO),
    )  # fmt: skip


def _compared(conn: psycopg.Connection, number: int, items: int) -> float:
    now = AS_OF + timedelta(minutes=5 + number)
    taken = 0.0
    for place in range(1, LOCATIONS + 1):
        run = runs.begin(conn, f"L{place}", f"bench {number}", now)
        started = time.perf_counter()
        compared = compare(conn, run.run_id, now)
        taken += time.perf_counter() - started
        assert compared is not None
        wrong = sum(count for verdict, count in compared.pairs["wms~canonical"].items() if verdict != "match")
        assert compared.keys["on_hand"] == items, compared.keys
        assert wrong == items // WRONG_EVERY, compared.pairs
    return taken


def _fill(owner: psycopg.Connection, items: int) -> None:
    values = {
        "items": items, "locations": LOCATIONS, "at": AS_OF, "to": AS_OF + timedelta(microseconds=1),
        "wrong": WRONG_EVERY,
    }  # fmt: skip
    before = {**values, "at": AS_OF - timedelta(days=1)}
    owner.execute(CONFIGURED, values)
    owner.execute(HELD, before)
    owner.execute(LEDGER.replace("%%", "%").encode())
    for shift, (system, source) in enumerate(SYSTEMS.items(), 1):
        measure = "financial" if system == "erp" else "on_hand"
        told = {**values, "system": system, "source": source, "measure": measure, "shift": shift}
        owner.execute(STATES, told)
        owner.execute(LINES, told)
    owner.execute("vacuum analyze")
