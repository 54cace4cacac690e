"""Two by two: what the sides say of the keys that differ, and the known facts that a difference may only wait for.

Numbers are set beside each other at one instant by what canonical booked between their two: how far each is off
canonical at its own as-of, subtracted, is how far they are apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

# A correction that its target did not answer for within this was lost, not late.
PUSH_WAIT_S = 3600

_OFF = """
create temporary table compared_off on commit drop as
with coarse as (
  select item, measure, has_wms, has_tpl from compared_keys where kind = 'key' and has_lots and lot = ''
),
keys as (
  select k.*, b.is_ambiguous, b.quantity_lo, b.quantity_hi, b.quantity, c.has_wms as is_wms_coarse,
    c.has_tpl as is_tpl_coarse
  from compared_keys k
  left join canonical.balances b
    on b.item = k.item and b.location = %(location)s and b.measure = k.measure and b.lot = k.lot
  left join coarse c on c.item = k.item and c.measure = k.measure and k.lot <> ''
  where k.kind = 'key'
),
off as (
  select 'wms' as system, item, measure, lot, wms as said, held_wms as held, 1 as bit, is_new
    and not has_lots as is_new,
         coalesce(is_wms_coarse, false) as is_coarse, is_ambiguous, quantity_lo - quantity as below,
           quantity_hi - quantity as above, unclear
  from keys where wms is not null and not (has_lots and lot = '' and not has_wms)
  union all
  select '3pl', item, measure, lot, tpl, held_tpl, 2, is_new and not has_lots, coalesce(is_tpl_coarse, false),
    is_ambiguous,
         quantity_lo - quantity, quantity_hi - quantity, unclear
  from keys where tpl is not null and not (has_lots and lot = '' and not has_tpl)
  union all
  select 'erp', item, 'financial', '', erp, held_erp, 4, is_new and not has_lots, false, is_ambiguous,
         quantity_lo - quantity, quantity_hi - quantity, unclear
  from keys where erp is not null
)
select system, item, measure, lot, said, held, said - held as off,
  case when unclear & bit <> 0 then 'unit not mapped'
       when is_coarse then 'coarser_than_grain'
       when is_new and said <> 0 then 'not in canonical'
       when is_ambiguous and below is null and said <> held then 'no base'
       when is_ambiguous and said <> held and said - held between below and above then 'ambiguous' end as reason
from off
"""
# Movements of a moment that the as-of does not tell apart: a state may be from before or after each, in their order.
_POSITIONS = """
create temporary table compared_positions on commit drop as
with near as (
  select o.system, o.item, o.measure, o.lot, o.off, g.quantity, g.booked_from, g.fact_id,
    g.booked_from >= s.as_of_to as is_after
  from compared_off o
  join compared_sides s on s.system = o.system
  join canonical.ledger g on g.item = o.item and g.location = %(location)s
    and g.measure = case o.measure when 'financial' then 'on_hand' else o.measure end and g.lot = o.lot
      and g.entry = 'movement'
    and g.booked_from >= s.as_of_from - (s.lag_s + s.clock_skew_s) * interval '1 second'
    and g.booked_from <= s.as_of_to + s.clock_skew_s * interval '1 second'
  where o.off <> 0 and o.reason is null
),
summed as (
  select system, item, measure, lot, off,
    sum(quantity) over (partition by system, item, measure, lot, is_after order by booked_from, fact_id) as total
  from near where is_after
  union all
  select system, item, measure, lot, off,
    -sum(quantity) over (partition by system, item, measure, lot, is_after order by booked_from desc, fact_id desc)
  from near where not is_after
)
select distinct system, item, measure, lot from summed where total = off
"""
# What is known to be under way, as the part of the difference that it would explain.
_KNOWN = """
create temporary table compared_known on commit drop as
select o.system, o.item, o.measure, o.lot, o.off, f.fact_id as told_by, f.document, f.delta::numeric as part, f.due_at
from compared_off o join compared_sides s on s.system = o.system
join intermediate.int_in_flight f on f.source = s.source and f.item = o.item and f.location = %(location)s
  and f.measure = o.measure and f.key_lot = o.lot
where o.off <> 0 and o.reason is null and f.rec_from <= s.as_of_to and f.due_at > s.as_of_from
union all
select o.system, o.item, o.measure, o.lot, o.off, t.fact_id, split_part(t.line_key, '/', 1), -g.quantity,
  g.booked_from + (s.lag_s + s.hold_s) * interval '1 second'
from compared_off o join compared_sides s on s.system = o.system and s.system <> 'erp'
join canonical.ledger g on g.item = o.item and g.location = %(location)s and g.measure = o.measure and g.lot = o.lot
  and g.entry = 'movement' and g.booked_from < s.as_of_to
  and g.booked_from >= s.as_of_from - (s.lag_s + s.hold_s) * interval '1 second'
join intermediate.int_tellings t on t.fact_id = g.fact_id and t.source <> s.source
where o.off <> 0 and o.reason is null and g.quantity <> 0
union all
select o.system, o.item, o.measure, o.lot, o.off, p.correction_id, p.correction_id, (p.shown - p.wanted)::numeric,
  p.created_at + %(push_wait_s)s * interval '1 second'
from compared_off o join compared_sides s on s.system = o.system and s.system = 'erp'
join ops.outbox p on p.target = s.source and p.item = o.item and p.location = %(location)s
where o.off <> 0 and o.reason is null and p.wanted <> p.shown
  and (p.state in ('pending', 'sent', 'unknown') or (p.state = 'applied' and p.closed_at >= s.as_of_from))
"""
_TRANSFERS = """
insert into compared_known
select o.system, o.item, o.measure, o.lot, o.off, t.event_key, t.event_key, t.in_transit,
  coalesce(t.due_at, t.shipped_at + (s.lag_s + s.hold_s) * interval '1 second')
from compared_off o join compared_sides s on s.system = o.system and s.system <> 'erp'
join marts.fct_transfers t on t.item = o.item and t.measure = o.measure and t.to_location = %(location)s and o.lot = ''
where o.off <> 0 and o.reason is null and t.in_transit > 0 and t.shipped_at < s.as_of_to
"""
# Whole facts only: one document's, one correction's, or all there are; never a chosen few (semantics §6).
_EXPLAINED = """
create temporary table compared_explained on commit drop as
with wholes as (
  select system, item, measure, lot, off, 1 as whole, document, sum(part) as total, max(due_at) as due_at,
    array_agg(told_by order by told_by collate "C") as explained_by
  from compared_known group by system, item, measure, lot, off, document
  union all
  select system, item, measure, lot, off, 2, '', sum(part), max(due_at), array_agg(told_by order by told_by collate "C")
  from compared_known group by system, item, measure, lot, off
)
select distinct on (system, item, measure, lot) system, item, measure, lot, total, due_at, explained_by
from wholes where total = off
order by system, item, measure, lot, whole, document collate "C"
"""
# For the books the floor is all lots of an item, without goods of others.
_PAIRS = """
create temporary table compared_pairs on commit drop as
with sides as (
  select o.*, case when p.system is not null then 'position' end as settled, e.total, e.explained_by, e.due_at,
    case when p.system is not null then 0 else o.off end as gap
  from compared_off o
  left join compared_positions p using (system, item, measure, lot)
  left join compared_explained e using (system, item, measure, lot)
),
floor as (
  select 'wms' as system, k.item, k.floor_wms as off, exists (select from sides s where s.system = 'wms'
    and s.item = k.item
      and s.measure in ('on_hand', 'consigned') and s.reason is not null) as is_unclear
  from compared_keys k where k.kind = 'key' and k.erp is not null and k.floor_wms is not null
  union all
  select '3pl', k.item, k.floor_tpl, exists (select from sides s where s.system = '3pl' and s.item = k.item
      and s.measure in ('on_hand', 'consigned') and s.reason is not null)
  from compared_keys k where k.kind = 'key' and k.erp is not null and k.floor_tpl is not null
),
pairs as (
  select s.item, s.measure, s.lot, s.system || '~canonical' as pair, s.said, s.held as beside, s.gap as variance,
    s.held as size,
    s.reason, s.settled, s.explained_by, s.due_at, coalesce(s.total, 0) as total
  from sides s
  union all
  select w.item, w.measure, w.lot, 'wms~3pl', w.said, w.said - (w.gap - t.gap), w.gap - t.gap, t.said,
    nullif(coalesce(nullif(w.reason, 'not in canonical'), nullif(t.reason, 'not in canonical')), 'ambiguous'),
    coalesce(w.settled, t.settled), nullif(coalesce(w.explained_by, '{}') || coalesce(t.explained_by, '{}'), '{}'),
    greatest(w.due_at, t.due_at), coalesce(w.total, 0) - coalesce(t.total, 0)
  from sides w join sides t using (item, measure, lot) where w.system = 'wms' and t.system = '3pl'
  union all
  select f.item, 'financial', '', f.system || '~erp', e.said + f.off - e.gap, e.said,
    case when w.settled is null then f.off else 0 end - e.gap, e.said,
    case when f.is_unclear and coalesce(w.reason, '') not in ('not in canonical', 'ambiguous', 'no base')
      then coalesce(w.reason, 'lots not compared') when e.reason = 'unit not mapped' then e.reason end,
    coalesce(w.settled, e.settled), nullif(coalesce(w.explained_by, '{}') || coalesce(e.explained_by, '{}'), '{}'),
    greatest(w.due_at, e.due_at), coalesce(w.total, 0) - coalesce(e.total, 0)
  from floor f
  join sides e on e.system = 'erp' and e.item = f.item
  left join sides w on w.system = f.system and w.item = f.item and w.measure = 'on_hand' and w.lot = ''
)
select * from pairs
"""
# Who says the same number: the largest group of two or more, if there is one.
_MAJORITY = """
create temporary table compared_majority on commit drop as
with voices as (
  select o.item, o.measure, o.lot, o.system, o.off from compared_off o where o.reason is null
  union all
  select distinct o.item, o.measure, o.lot, 'canonical', 0::numeric from compared_off o
    where coalesce(o.reason, '') not in ('not in canonical', 'no base')
  union all
  select k.item, 'financial', '', v.system, v.off from compared_keys k
  cross join lateral (values ('wms', k.floor_wms), ('3pl', k.floor_tpl)) v (system, off)
  where k.kind = 'key' and k.erp is not null and v.off is not null
),
groups as (
  select item, measure, lot, off, array_agg(system order by system collate "C") as names, count(*) as size
  from voices group by item, measure, lot, off having count(*) > 1
),
ranked as (
  select *, rank() over (partition by item, measure, lot order by size desc) as place,
    count(*) over (partition by item, measure, lot, size) as rivals
  from groups
)
select item, measure, lot, names from ranked where place = 1 and rivals = 1
"""
STEPS = (_OFF, _POSITIONS, _KNOWN, _TRANSFERS, _EXPLAINED, _PAIRS, _MAJORITY)


def pair_up(conn: psycopg.Connection, location: str) -> None:
    """Fill ``compared_pairs`` and ``compared_majority`` from ``compared_keys``; inside the caller's transaction."""
    conn.execute(
        "drop table if exists pg_temp.compared_off, pg_temp.compared_positions, pg_temp.compared_known, "
        "pg_temp.compared_explained, pg_temp.compared_pairs, pg_temp.compared_majority"
    )
    has_transfers = conn.execute("select to_regclass('marts.fct_transfers')").fetchone() != (None,)
    for step in STEPS:
        if step is not _TRANSFERS or has_transfers:
            conn.execute(step.encode(), {"location": location, "push_wait_s": PUSH_WAIT_S})
        # What differs is little beside the ledger: known to be, it is looked up by index.
        if step is _OFF:
            conn.execute("analyze pg_temp.compared_off")
    # Of a flood it is much: looked through once a row, it would take the square of it.
    conn.execute("analyze pg_temp.compared_pairs, pg_temp.compared_majority")
