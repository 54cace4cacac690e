"""The sides of a comparison: the newest full state of each system at a location, mapped key for key beside canonical.

Set-based, in the partner's words as of its own instant: crosswalks and factors of that instant, exact fractions. What
agrees is only counted; ``compared_keys`` holds the keys about which anybody says something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row

from syncline.reconcile.differences import LIKE
from syncline.reconcile.settling import settle

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

# Of each system the newest state that proves; only where none does, the newest of the others, to say why nothing of it
# is compared. A location is called what its source calls it at the as-of; a target by its own name for it.
_SIDES = """
create temporary table compared_sides on commit drop as
with places as (
  select s.snapshot_id, array_agg(p.ref) as refs
  from raw.snapshots s cross join unnest(s.locations) as p (ref)
  where s.received_at <= %(now)s and case when s.system = 'erp' then coalesce(
      (select n.location from ops.current_target_locations n where n.target = s.source and n.ref = p.ref), p.ref)
    else (
      select c.location from ops.current_location_crosswalk c
      where c.source in (s.source, '*') and c.location_ref = p.ref
        and s.as_of_from >= c.valid_from and s.as_of_from < c.valid_to
      order by c.source = '*' limit 1)
    end = %(location)s
  group by s.snapshot_id
)
select distinct on (s.system) s.system, s.source, s.snapshot_id, s.document_ids[1] as document, s.as_of_from,
  s.as_of_to,
  s.received_at, s.is_proven, s.fault_code, s.measures, p.refs, (s.as_of_from at time zone l.timezone)::date as day,
  coalesce(k.clock_skew_s, 0) as clock_skew_s, coalesce(k.lag_s, 0) as lag_s, coalesce(h.hold_s, 3600) as hold_s
from raw.snapshots s
join places p using (snapshot_id)
join ops.current_locations l on l.location = %(location)s
left join ops.current_speakers k on k.source = s.source
left join ops.current_sources h on h.source = s.source
order by s.system, s.is_proven desc, s.as_of_from desc, s.as_of_to desc, s.received_at desc, s.snapshot_id collate "C"
"""
# What was not settled: everybody's lines and canonical, one group a key. The ERP's books stand beside on hand, without
# lots.
_KEYS = (
    """
create temporary table compared_keys on commit drop as
with heard as materialized (select * from compared_sides where is_proven),
at as materialized (
  select max(as_of_to) filter (where system = 'wms') as wms, max(as_of_to) filter (where system = '3pl') as tpl,
         max(as_of_to) filter (where system = 'erp') as erp, min(as_of_to) as first
  from heard
),
grains as (
  select distinct on (h.system, r.measure, c.item_class) h.system, r.measure, c.item_class, r.grain
  from heard h
  join ops.current_ownership_rules r on r.role = 'primary'
    and h.as_of_from >= r.valid_from and h.as_of_from < r.valid_to and %(location)s like """
    + LIKE
    + """
  join (select distinct item_class from ops.current_items) c on r.item_class in ('*', c.item_class)
  order by h.system, r.measure, c.item_class,
    2 * case r.location when %(location)s then 2 when '*' then 0 else 1 end + (r.item_class <> '*')::integer desc
),
statuses as (
  select distinct on (h.source, c.status_ref) h.source, c.status_ref, c.measure
  from heard h join ops.current_status_crosswalk c on c.source in (h.source, '*') and h.system <> 'erp'
  order by h.source, c.status_ref, c.source = '*'
),
lines as (
  select h.system, i.item, case when h.system = 'erp' then 'on_hand' else m.measure end as measure,
         case when h.system = 'erp' or coalesce(g.grain, 'item') = 'item' then '' else coalesce(l.lot, '') end as lot,
         case when f.factor_num = f.factor_den then l.quantity::numeric
              when f.factor_num is not null then l.quantity::numeric * f.factor_num / f.factor_den
              when l.uom = i.base_uom then l.quantity::numeric end as units
  from compared_lines l
  join heard h on case h.system when 'wms' then 1 when '3pl' then 2 else 4 end = l.bit
  left join ops.current_items i on i.item = l.item
  left join statuses m on m.source = h.source and m.status_ref = l.status_ref
  left join ops.current_unit_factors f on f.item = i.item and f.uom = l.uom
    and h.day >= f.valid_from and h.day < f.valid_to
  left join grains g on g.system = h.system and g.measure = m.measure and g.item_class = i.item_class
  where l.kind = 'line'
),
doubtful as (select item from compared_lines where kind = 'item'),
held as (
  select b.* from canonical.balances b join doubtful using (item) where b.location = %(location)s
),
said as (
  select system, item, measure, lot, units, case when units is null then
    case system when 'wms' then 1 when '3pl' then 2 else 4 end else 0 end as unclear from lines
  union all
  select 'canonical', item, measure, lot, quantity, 0 from held
  union all
  -- The books know no lots: of an item that is kept by lot they are beside the sum of all.
  select 'none', item, measure, '', 0, 0 from held where measure = 'on_hand' and lot <> ''
),
k as (
  select item, measure, lot, sum(units) filter (where system = 'wms') as wms,
         sum(units) filter (where system = '3pl') as tpl, sum(units) filter (where system = 'erp') as erp,
         sum(units) filter (where system = 'canonical') as held, bit_or(unclear) as unclear, count(*) as lines
  from said group by item, measure, lot
),
moved as (
  select g.item, g.measure, g.lot, sum(g.quantity) filter (where g.booked_from >= at.wms) as wms,
         sum(g.quantity) filter (where g.booked_from >= at.tpl) as tpl,
         sum(g.quantity) filter (where g.booked_from >= at.erp) as erp
  from canonical.ledger g join doubtful using (item) cross join at
  where g.location = %(location)s and g.booked_from >= at.first
  group by g.item, g.measure, g.lot
),
placed as materialized (
  select k.*, k.held - coalesce(m.wms, 0) as held_wms, k.held - coalesce(m.tpl, 0) as held_tpl,
         k.held - coalesce(m.erp, 0) as held_erp
  from k left join moved m on m.item = k.item and m.measure = k.measure and m.lot = k.lot
),
-- What the books leave out or add up: goods of others, and lots.
beside as materialized (
  select item, bool_or(lot <> '' and measure = 'on_hand') as has_lots,
    sum(held_wms) filter (where lot <> '' and measure = 'on_hand') as lots_wms,
    sum(held_tpl) filter (where lot <> '' and measure = 'on_hand') as lots_tpl,
    sum(held_erp) filter (where lot <> '' and measure = 'on_hand') as lots_erp,
    sum(wms) filter (where lot <> '' and measure = 'on_hand') as said_wms,
    sum(tpl) filter (where lot <> '' and measure = 'on_hand') as said_tpl,
    coalesce(sum(held_erp) filter (where measure = 'consigned'), 0) as consigned_erp,
    coalesce(sum(coalesce(wms, 0) - coalesce(held_wms, 0)) filter (where measure = 'consigned'), 0) as off_wms,
    coalesce(sum(coalesce(tpl, 0) - coalesce(held_tpl, 0)) filter (where measure = 'consigned'), 0) as off_tpl
  from placed where item is not null and (measure = 'consigned' or lot <> '') group by item
),
scopes as materialized (
  select coalesce(bool_or(system = 'erp'), false) as erp,
    coalesce((array_agg(to_jsonb(measures)) filter (where system = 'wms'))[1], '[]') as wms,
    coalesce((array_agg(to_jsonb(measures)) filter (where system = '3pl'))[1], '[]') as tpl
  from heard
),
told as (
  select p.item, p.measure, p.lot, p.unclear, p.lines, p.held is null as is_new, coalesce(b.has_lots,
    false) as has_lots,
    case when s.wms ? p.measure then coalesce(p.wms, 0) end as wms, p.wms is not null as has_wms,
    case when s.tpl ? p.measure then coalesce(p.tpl, 0) end as tpl, p.tpl is not null as has_tpl,
    case when s.erp and p.measure = 'on_hand' and p.lot = '' then coalesce(p.erp, 0) end as erp,
    coalesce(p.held_wms, case when p.wms is not null then b.lots_wms end, 0) as held_wms,
    coalesce(p.held_tpl, case when p.tpl is not null then b.lots_tpl end, 0) as held_tpl,
    coalesce(p.held_erp, b.lots_erp, 0) - coalesce(b.consigned_erp, 0) as held_erp,
    -- How far the floor is off canonical for the books: all lots together, without goods of others.
    case when s.wms ? 'on_hand' then coalesce(p.wms, 0) + coalesce(b.said_wms, 0) - coalesce(p.held_wms, b.lots_wms, 0)
      - case when s.wms ? 'consigned' then coalesce(b.off_wms, 0) else 0 end end as floor_wms,
    case when s.tpl ? 'on_hand' then coalesce(p.tpl, 0) + coalesce(b.said_tpl, 0) - coalesce(p.held_tpl, b.lots_tpl, 0)
      - case when s.tpl ? 'consigned' then coalesce(b.off_tpl, 0) else 0 end end as floor_tpl
  from placed p cross join scopes s left join beside b on b.item = p.item and p.measure = 'on_hand'
)
select 'key' as kind, t.* from told t
where t.item is not null and (t.unclear <> 0 or t.wms <> t.held_wms or t.tpl <> t.held_tpl or t.erp <> t.held_erp
  or (t.has_lots and t.lot = ''))
union all
select 'count', null, measure, null, null, count(*), null, null, null, null, null, null, count(erp), null, null, null,
  null, null
from told where item is not null group by measure
union all
-- What was settled before, all of it by item without a lot: where there are books, each key on hand is one of theirs.
select 'count', null, l.status_ref, null, null, l.keys, null, null, null, null, null, null,
  case when s.erp and l.status_ref = 'on_hand' then l.keys else 0 end, null, null, null, null, null
from compared_lines l cross join scopes s where l.kind = 'count'
union all
select 'unmapped', null, measure, null, bit_or(unclear), sum(lines), null, null, null, null, null, null, null, null,
  null, null, null, null
from told where item is null group by measure
"""
)


class Side(NamedTuple):
    """One system's full state as it is compared. Not proven: nothing of it is, for ``fault_code``."""

    system: str
    source: str
    snapshot_id: str
    document: str
    as_of_from: datetime
    as_of_to: datetime
    received_at: datetime
    is_proven: bool
    fault_code: str | None
    measures: list[str]

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self._fields}
        return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in told.items()}


def find_sides(conn: psycopg.Connection, location: str, now: datetime) -> list[Side]:
    """Fill ``compared_sides`` with the full states to compare, WMS, 3PL and ERP; inside the caller's transaction."""
    conn.execute("drop table if exists pg_temp.compared_sides, pg_temp.compared_keys")
    conn.execute(_SIDES.encode(), {"location": location, "now": now})
    conn.execute("analyze pg_temp.compared_sides")
    with conn.cursor(row_factory=class_row(Side)) as cursor:
        return cursor.execute(
            f"select {', '.join(Side._fields)} from compared_sides order by system".encode()
        ).fetchall()


def align(conn: psycopg.Connection, location: str) -> dict[str, int]:
    """Fill ``compared_keys``: the keys at ``location`` where anybody is off; returns measure -> keys looked at."""
    settle(conn, location)
    conn.execute(_KEYS.encode(), {"location": location})
    conn.execute("analyze pg_temp.compared_keys")
    counted = conn.execute(
        "select measure, sum(lines), sum(erp) from compared_keys where kind = 'count' group by measure order by measure"
    ).fetchall()
    return {measure: int(lines) for measure, lines, _ in counted} | {
        "financial": sum(int(books or 0) for _, _, books in counted)
    }
