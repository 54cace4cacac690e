"""What a proven full state says and canonical does not: found in one statement, at the as-of of the state.

The warehouse holds canonical as it is known now; its number at an instant is the balance without what the ledger books
after it. Lines are mapped by the crosswalks and factors of that instant, exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row, dict_row

if TYPE_CHECKING:
    import psycopg

# A pattern of a rule as one of `like`, as in int_roles.
LIKE = (
    "replace(replace(replace(replace(replace(r.location, '\\', '\\\\'), '%%', '\\%%'), '_', '\\_'),"
    " '*', '%%'), '?', '_')"
)
_STATE = """select source, measures, as_of_from as begins, as_of_to as ends, received_at from raw.snapshots
    where snapshot_id = %s"""
# A line that cannot be mapped differs from everything: as a fact it is quarantined with its reason, for a person.
_MAPPED = (
    """
create temporary table state_keys on commit drop as
with lines as (
  select l.*,
         coalesce(own_item.item, any_item.item) as item,
         coalesce(own_status.measure, any_status.measure) as measure
  from raw.snapshot_lines l
  left join ops.current_item_crosswalk own_item on own_item.source = %(source)s and own_item.item_ref = l.item_ref
    and %(begins)s >= own_item.valid_from and %(begins)s < own_item.valid_to
  left join ops.current_item_crosswalk any_item on any_item.source = '*' and any_item.item_ref = l.item_ref
    and %(begins)s >= any_item.valid_from and %(begins)s < any_item.valid_to
  left join ops.current_status_crosswalk own_status
    on own_status.source = %(source)s and own_status.status_ref = l.status_ref
  left join ops.current_status_crosswalk any_status
    on any_status.source = '*' and any_status.status_ref = l.status_ref
  where l.snapshot_id = %(snapshot)s and l.received_at = %(received_at)s
),
-- The grain of the primary at the as-of: the most specific rule decides, place before item class (semantics §3).
grains as (
  select distinct on (r.measure, c.item_class) r.measure, c.item_class, r.grain
  from ops.current_ownership_rules r
  join (select distinct item_class from ops.current_items) c on r.item_class in ('*', c.item_class)
  where r.role = 'primary'
    and %(begins)s >= r.valid_from and %(begins)s < r.valid_to and %(location)s like """
    + LIKE
    + """
  order by r.measure, c.item_class,
    2 * case r.location when %(location)s then 2 when '*' then 0 else 1 end + (r.item_class <> '*')::integer desc
),
units as (
  select l.position, l.item_ref, l.status_ref, l.item, l.measure, i.base_uom,
         row_number() over (order by l.item_ref collate "C", l.status_ref collate "C", l.position collate "C") as place,
         case when coalesce(g.grain, 'item') = 'item' then '' else coalesce(l.lot, '') end as key_lot,
         coalesce(g.grain, 'item') = 'item' and l.lot is not null as is_finer,
         case when f.factor_num is not null then l.quantity::numeric * f.factor_num / f.factor_den
              when l.uom = i.base_uom then l.quantity::numeric end as units
  from lines l
  left join ops.current_items i on i.item = l.item
  left join grains g on g.measure = l.measure and g.item_class = i.item_class
  left join ops.current_locations p on p.location = %(location)s
  left join ops.current_unit_factors f on f.item = l.item and f.uom = l.uom
    and (%(begins)s::timestamptz at time zone p.timezone)::date >= f.valid_from
    and (%(begins)s::timestamptz at time zone p.timezone)::date < f.valid_to
),
said as (
  select item, measure, key_lot, min(base_uom) as base_uom, count(*) as lines,
         sum(units) as units, count(units) < count(*) as is_unclear, bool_or(is_finer) as is_finer, min(place) as place
  from units where item is not null and measure is not null
  group by item, measure, key_lot
),
-- How its source calls the measures of the scope: its own word before everybody's.
measures as (
  select distinct on (m.measure) m.measure, c.status_ref
  from unnest(%(measures)s::text[]) as m (measure)
  join ops.current_status_crosswalk c on c.measure = m.measure and c.source in (%(source)s, '*')
  order by m.measure, c.source = '*', c.status_ref collate "C"
),
held as (
  select b.item, b.measure, b.lot as key_lot, b.is_ambiguous, m.status_ref,
         b.quantity - coalesce((
           select sum(g.quantity) from canonical.ledger g
           where (g.item, g.location, g.measure, g.lot) = (b.item, b.location, b.measure, b.lot)
             and g.booked_from >= %(ends)s), 0) as quantity
  from canonical.balances b
  join measures m on m.measure = b.measure
  where b.location = %(location)s
)
select coalesce(t.item, h.item) as item, coalesce(t.measure, h.measure) as measure,
       coalesce(t.key_lot, h.key_lot) as key_lot, t.base_uom, t.lines, t.units, t.is_finer, u.position, u.item_ref,
       coalesce(u.status_ref, h.status_ref) as status_ref, h.quantity as held,
       case
         when t.item is null then h.quantity <> 0 or h.is_ambiguous
         when h.item is null then t.is_unclear or t.units <> 0
         else t.is_unclear or h.is_ambiguous or t.units <> h.quantity
       end as differs
from said t
full join held h on h.item = t.item and h.measure = t.measure and h.key_lot = t.key_lot
left join units u on u.place = t.place
union all
select null, null, null, null, 1, null, false, position, item_ref, status_ref, null, true
from units where item is null or measure is null
"""
)
_COUNTS = """
select count(*) as compared, count(*) filter (where differs) as differing from state_keys
"""
# What one line says is told as it is written; what several say together, or what is not there, in base units.
_SAID = """
select 'line' as kind, l.position, l.item_ref, l.status_ref, l.lot, l.uom, l.quantity
from raw.snapshot_lines l
join state_keys k on k.position = l.position and k.lines = 1 and not k.is_finer
where k.differs and l.snapshot_id = %(snapshot)s and l.received_at = %(received_at)s
union all
select 'sum', k.position, k.item_ref, k.status_ref, nullif(k.key_lot, ''), k.base_uom, trim_scale(k.units)::text
from state_keys k where k.differs and (k.lines > 1 or k.is_finer) and k.units is not null
union all
select 'absent', null, r.item_ref, k.status_ref, nullif(k.key_lot, ''), i.base_uom, '0'
from state_keys k
join ops.current_items i on i.item = k.item
cross join lateral (
  select c.item_ref from ops.current_item_crosswalk c
  where c.item = k.item and c.source in (%(source)s, '*') and %(begins)s >= c.valid_from and %(begins)s < c.valid_to
    and (c.source <> '*' or not exists (
      select from ops.current_item_crosswalk o where o.source = %(source)s and o.item_ref = c.item_ref
        and %(begins)s >= o.valid_from and %(begins)s < o.valid_to))
  order by c.source = '*', c.item_ref collate "C" limit 1
) r
where k.differs and k.lines is null
order by 1, 2, 3, 4, 5
"""


class Counts(NamedTuple):
    """Keys of a state and of canonical in its scope."""

    compared: int
    differing: int


class Said(NamedTuple):
    """What a state says of one key, in the words of its source. ``kind``: line, sum or absent."""

    kind: str
    position: str | None
    item_ref: str
    status_ref: str
    lot: str | None
    uom: str | None
    quantity: str


class Differences:
    """The keys of one proven state beside canonical. Use it inside one transaction of the transformer."""

    def __init__(self, conn: psycopg.Connection, snapshot_id: str, location: str) -> None:
        self._conn = conn
        # Its few values are parameters: joined, they would leave the planner guessing how many lines there are.
        with conn.cursor(row_factory=dict_row) as cursor:
            state = cursor.execute(_STATE, [snapshot_id]).fetchone()
        assert state is not None
        self._values = {"snapshot": snapshot_id, "location": location, **state}
        conn.execute("drop table if exists pg_temp.state_keys")
        conn.execute(_MAPPED.encode(), self._values)
        conn.execute("analyze state_keys")

    def counts(self) -> Counts:
        """How many keys there are, and differ."""
        with self._conn.cursor(row_factory=class_row(Counts)) as cursor:
            found = cursor.execute(_COUNTS).fetchone()
        assert found is not None
        return found

    def said(self) -> list[Said]:
        """What has to become a fact, in a total order."""
        with self._conn.cursor(row_factory=class_row(Said)) as cursor:
            return cursor.execute(_SAID, self._values).fetchall()
