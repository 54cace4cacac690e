"""Compare the full states of a location three ways with canonical, judge each pair by its tolerance.

What differs is kept, what agrees is counted.

A run is a function of its states, the batch that canonical is of, the configuration, and the run before it (whose open
variances are closed by the lower limit only): run again, it writes the same rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from syncline.reconcile.flooding import Flooded, find_floods, tell_floods
from syncline.reconcile.pairing import pair_up
from syncline.reconcile.promoting import Flood
from syncline.reconcile.runs import run_of
from syncline.reconcile.sides import Side, align, find_sides
from syncline.reconcile.variances import sync_variances

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

# A state of a large warehouse is joined in memory or not in time.
WORK_MEM = "128MB"
PAIRS = ("wms~canonical", "3pl~canonical", "erp~canonical", "wms~3pl", "wms~erp", "3pl~erp")

_NEWER = """
select exists (select from ops.reconciliations r, ops.reconciliations o
  where r.run_id = %(run)s and o.location = r.location and o.run_id > r.run_id and o.compared is not null)
"""
# The verdict of a pair: equal (at some position), waiting, too far off, or within. What was open stays so down to the
# lower limit, and what cannot be compared now stays as it was.
_JUDGE = """
insert into ops.reconciliation_rows (run_id, item, location, measure, lot, pair, said, beside, variance, verdict,
  reason,
  majority, rule, criticality, unit_value, explained_by, due_at, is_open, since)
with before as (
  select w.* from ops.reconciliation_rows w
  where w.is_open and w.run_id = (
    select max(o.run_id) from ops.reconciliations o
    where o.location = %(location)s and o.run_id < %(run)s and o.compared is not null)
),
-- Once a class and measure: a rule looks through all channels and tolerances.
classes as materialized (
  select c.item_class, c.measure, t.*
  from (select distinct i.item_class, p.measure from compared_pairs p join ops.current_items i using (item)) c
  cross join lateral ops.variance_rule(c.item_class, %(location)s, c.measure) t
),
weighed as (
  select p.*, m.names as majority, c.rule, c.criticality, i.unit_value, b.item is not null as was_open,
    b.since as open_since,
    p.explained_by is not null and p.variance = p.total and p.variance <> 0 as is_explained,
    ops.is_within(p.variance, p.size, i.unit_value, c.open_units, c.open_permille, c.open_value) as is_small,
    ops.is_within(p.variance, p.size, i.unit_value, c.close_units, c.close_permille, c.close_value) as is_closing
  from compared_pairs p
  join ops.current_items i using (item)
  join classes c on c.item_class = i.item_class and c.measure = p.measure
  left join compared_majority m on m.item = p.item and m.measure = p.measure and m.lot = p.lot
  left join before b on b.item = p.item and b.measure = p.measure and b.lot = p.lot and b.pair = p.pair
  where split_part(p.pair, '~', 1) <> all(%(flooded)s) and split_part(p.pair, '~', 2) <> all(%(flooded)s)
),
judged as (
  select *, case
    when reason is not null then 'incomparable'
    when variance = 0 then 'match'
    when is_explained and due_at > %(now)s then 'delay'
    when is_explained or not is_small or (was_open and not is_closing) then
      case when is_small and not (was_open and not is_closing) then 'within_tolerance' else 'discrepancy' end
    else 'within_tolerance' end as verdict
  from weighed
)
select %(run)s, item, %(location)s, measure, lot, pair, said, beside, variance, verdict,
  case when reason is not null then reason when verdict = 'discrepancy' and is_explained then 'overdue'
       when verdict = 'match' then settled end,
  majority, rule, criticality, unit_value, case when is_explained then explained_by end,
  case when is_explained then due_at end,
  verdict = 'discrepancy' or (was_open and verdict in ('incomparable', 'delay')),
  case when verdict = 'discrepancy' or (was_open and verdict in ('incomparable', 'delay'))
    then coalesce(open_since, %(as_of)s) end
from judged where verdict <> 'match' or was_open
union all
-- Nothing was heard of it this time: an open one stays open.
select %(run)s, b.item, %(location)s, b.measure, b.lot, b.pair, null, null, null, 'incomparable', 'not heard', null,
  b.rule, b.criticality, b.unit_value, null, null, true, b.since
from before b
where exists (
    select from unnest(string_to_array(b.pair, '~')) n (name)
    where n.name <> 'canonical'
      and (n.name = any(%(flooded)s) or not exists (select from compared_sides s where s.system = n.name
        and s.is_proven)))
  and not exists (select from judged j where (j.item, j.measure, j.lot, j.pair) = (b.item, b.measure, b.lot, b.pair))
union all
select %(run)s, b.item, %(location)s, b.measure, b.lot, b.pair, null, null, 0, 'match', null, null, b.rule,
  b.criticality,
  b.unit_value, null, null, false, null
from before b
where not exists (
    select from unnest(string_to_array(b.pair, '~')) n (name)
    where n.name <> 'canonical'
      and (n.name = any(%(flooded)s) or not exists (select from compared_sides s where s.system = n.name
        and s.is_proven)))
  and not exists (select from judged j where (j.item, j.measure, j.lot, j.pair) = (b.item, b.measure, b.lot, b.pair))
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of a run.

    ``pairs``: pair -> verdict -> keys, ``match`` among them. ``keys``: measure -> keys looked at.
    """

    run_id: int
    sides: Sequence[Side]
    keys: dict[str, int]
    pairs: dict[str, dict[str, int]]
    floods: Sequence[Flooded]

    def as_json(self) -> dict[str, Any]:
        return {
            "sides": [side.as_json() for side in self.sides], "keys": self.keys, "pairs": self.pairs,
            "floods": [flood._asdict() for flood in self.floods],
        }  # fmt: skip


def compare(conn: psycopg.Connection, run_id: int, now: datetime, limit: Flood | None = None) -> Compared | None:
    """Compare what the newest full states of the run's location say; keep the rows that differ, raise what must be.

    Safe to repeat. A side that is a flood (``limit``) opens one exception and a trip, and none of its pairs is judged.

    Args:
        conn: role transformer, autocommit.
        now: run time in the product's clock.
    Returns:
        None when a newer run of the location was compared already: its evidence is not taken back.
    Raises:
        ConfigurationError: there is no such run.
    """
    run, bound = run_of(conn, run_id), limit or Flood()
    with conn.transaction():
        conn.execute(f"set local work_mem = '{WORK_MEM}'".encode())
        conn.execute("select pg_advisory_xact_lock(hashtext('syncline reconcile ' || %s))", [run.location])
        if conn.execute(_NEWER, {"run": run_id}).fetchone() == (True,):
            return None
        sides = find_sides(conn, run.location, now)
        keys = align(conn, run.location)
        pair_up(conn, run.location)
        floods = find_floods(conn, sides, keys, run.location, bound, now)
        values = {
            "run": run_id, "location": run.location, "as_of": run.as_of, "now": now,
            "flooded": [flood.system for flood in floods],
        }  # fmt: skip
        conn.execute("delete from ops.reconciliation_rows where run_id = %s", [run_id])
        conn.execute(_JUDGE.encode(), values)
        compared = Compared(run_id, sides, keys, _counts(conn, run_id, sides, keys, floods), floods)
        tell_floods(conn, sides, floods, run.location, bound, now)
        sync_variances(conn, run_id, run.location, now)
        conn.execute(
            "update ops.reconciliations set compared = %s || jsonb_build_object('batch', (select max(batch_id) from "
            "ops.current_batch), 'configuration', (select max(version_id) from ops.config_versions)), compared_at = %s "
            "where run_id = %s",
            [Jsonb(compared.as_json()), now, run_id],
        )
    return compared


def flood_of(conn: psycopg.Connection, run_id: int, source: str) -> str | None:
    """Why nothing of ``source`` is promoted in this run, in a line; None when its state was believed."""
    row = conn.execute(
        "select f ->> 'line' from ops.reconciliations, jsonb_array_elements(compared -> 'floods') f "
        "where run_id = %s and f ->> 'source' = %s",
        [run_id, source],
    ).fetchone()
    return None if row is None else str(row[0])


def _counts(
    conn: psycopg.Connection, run_id: int, sides: Sequence[Side], keys: dict[str, int], floods: Sequence[Flooded]
) -> dict[str, dict[str, int]]:
    """Of each pair how many keys came to which verdict. A pair of which a side is not believed is all incomparable."""
    kept: dict[str, Counter[str]] = {pair: Counter() for pair in PAIRS}
    for pair, verdict, count in conn.execute(
        "select pair, verdict, count(*) from ops.reconciliation_rows where run_id = %s and verdict <> 'match' "
        "and reason is distinct from 'not heard' group by pair, verdict",
        [run_id],
    ):
        kept[pair][verdict] = count
    heard = {side.system: set(side.measures) for side in sides if side.is_proven}
    flooded = {flood.system for flood in floods}
    known = {side.system for side in sides}
    for pair, counts in kept.items():
        names = [name for name in pair.split("~") if name != "canonical"]
        if not known.issuperset(names):
            continue
        scope = {"financial"} if "erp" in names else set.intersection(*(heard.get(name, set(keys)) for name in names))
        total = sum(count for measure, count in keys.items() if measure in scope)
        is_believed = all(name in heard and name not in flooded for name in names)
        counts["match" if is_believed else "incomparable"] += max(0, total - sum(counts.values()))
    return {pair: dict(sorted(counts.items())) for pair, counts in kept.items() if counts}
