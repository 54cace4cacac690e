"""What every side says as canonical holds it, settled in one pass: counted and left out of the exact comparison.

An item is settled when each side tells it in at most one line, in its base unit, on hand, without a lot, in the digits
of what canonical holds, and nothing was booked since the earliest state. That is a comparison of words: no line of
such an item needs an exact fraction. Any doubt about one line makes all lines and keys of its item doubtful.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

BITS = {"wms": 1, "3pl": 2, "erp": 4}
_HEARD = """
select system, source, snapshot_id, received_at, as_of_from, as_of_to, refs, measures from compared_sides
where is_proven
"""
# A line of one side: its own partition and index, known to the planner.
_LINES = """
  select {bit} as bit, l.item_ref, l.status_ref, l.lot, l.uom, l.quantity from raw.snapshot_lines l
  where l.snapshot_id = %({name}_id)s and l.received_at = %({name}_received)s and l.location_ref = any(%({name}_refs)s)
"""
# `named` is what a reference means to each side (a bit each), its own word before everybody's; the ERP may use ours.
# Where a line can only be doubtful, `base_uom` or `held` is null.
_SETTLE = """
create temporary table compared_lines on commit drop as
with own as (
  select c.item_ref, c.item, {own_bits} as mask from ops.current_item_crosswalk c where c.source = any(%(sources)s)
  union all
  select n.ref, n.item, 4 from ops.current_target_items n where n.target = %(erp_source)s
),
taken as (select item_ref, bit_or(mask) as mask from own group by item_ref),
named as (
  select item_ref, item, mask from own where mask <> 0
  union all
  select c.item_ref, c.item, {any_bits} & ~coalesce(t.mask, 0)
  from ops.current_item_crosswalk c left join taken t using (item_ref) where c.source = '*'
),
held as materialized (
  select item, measure, lot, quantity from canonical.balances where location = %(location)s
),
odd as (
  select item from held where lot <> '' or measure = 'consigned' or (measure <> 'on_hand' and quantity <> 0)
    or quantity is null
  union
  select item from canonical.ledger where location = %(location)s and booked_from >= %(first)s
),
goods as materialized (
  select i.item, case when f.item is null then i.base_uom end as base_uom,
    case when o.item is null then h.quantity::text end as held
  from ops.current_items i
  left join held h on h.item = i.item and h.measure = 'on_hand' and h.lot = ''
  left join odd o on o.item = i.item
  left join (select distinct item, uom from ops.current_unit_factors where factor_num <> factor_den) f
    on f.item = i.item and f.uom = i.base_uom
),
refs as (
  select n.item_ref, n.mask, g.item, g.base_uom, g.held
  from named n left join goods g on g.item = n.item where n.mask <> 0
  union all
  select g.item, 4, g.item, g.base_uom, g.held
  from goods g left join named n on n.item_ref = g.item and n.mask & 4 <> 0
  where n.item_ref is null and %(erp_source)s::text is not null
),
words as materialized (
  select l.bit, l.status_ref, l.lot, l.uom, l.quantity, r.item,
    coalesce(l.uom = r.base_uom and l.quantity = r.held and coalesce(l.lot, '') = '' and {is_on_hand}, false) as agrees
  from ({lines}) l
  left join refs r on r.item_ref = l.item_ref and r.mask & l.bit <> 0
),
-- 8: a line that does not agree; 16: nothing is held, so that a side may be silent.
told as (
  select item, count(*) as lines, bit_or(case when agrees then bit else 8 end | case when quantity = '0' then 16
    else 0 end) as said
  from words where item is not null group by item
),
doubtful as materialized (
  select item from told
  where said & 8 <> 0 or lines <> bit_count((said & 7)::bit(3)) or (said & 7 <> %(expected)s and said & 16 = 0)
  union
  select h.item from held h left join told t using (item) where t.item is null and h.quantity is distinct from 0
  union
  select item from odd
)
select 'line' as kind, w.bit, w.item, w.status_ref, w.lot, w.uom, w.quantity, null::bigint as keys
from words w left join doubtful d on d.item = w.item where w.item is null or d.item is not null
union all
select 'item', null, item, null, null, null, null, null from doubtful
union all
select 'count', null, null, h.measure, null, null, null, count(*)
from held h left join doubtful d on d.item = h.item where d.item is null group by h.measure
"""
_MEANT = """
select distinct on (h.system, c.status_ref) h.system, c.status_ref, c.measure
from compared_sides h join ops.current_status_crosswalk c on c.source in (h.source, '*')
where h.is_proven and h.system <> 'erp' order by h.system, c.status_ref, c.source = '*'
"""


def settle(conn: psycopg.Connection, location: str) -> None:
    """Fill ``compared_lines``: lines and items in doubt, and how many keys of each measure are settled.

    After ``find_sides``, inside the caller's transaction.
    """
    heard = conn.execute(_HEARD).fetchall()
    values: dict[str, Any] = {
        "location": location, "first": None, "expected": 0, "erp_source": None, "sources": [side[1] for side in heard],
    }  # fmt: skip
    lines, own, anybody, on_hand = [], ["0"], ["0"], ["false"]
    meant = conn.execute(_MEANT).fetchall()
    for system, source, snapshot_id, received_at, begins, ends, refs, measures in heard:
        bit, name = BITS[system], {"3pl": "tpl"}.get(system, system)
        words = ["financial", "on_hand"] if system == "erp" else [
            ref for who, ref, measure in meant if who == system and measure == "on_hand" and "on_hand" in measures
        ]  # fmt: skip
        values |= {
            f"{name}_id": snapshot_id, f"{name}_received": received_at, f"{name}_refs": refs, f"{name}_words": words,
            f"{name}_source": source, f"{name}_at": begins,
            "first": ends if values["first"] is None else min(ends, values["first"]),
        }  # fmt: skip
        is_valid = f"%({name}_at)s >= c.valid_from and %({name}_at)s < c.valid_to"
        own.append(f"case when c.source = %({name}_source)s and {is_valid} then {bit} else 0 end")
        anybody.append(f"case when {is_valid} then {bit} else 0 end")
        on_hand.append(f"(l.bit = {bit} and l.status_ref = any(%({name}_words)s))")
        only = " and l.status_ref = any(%(erp_words)s)" if system == "erp" else ""
        lines.append(_LINES.format(bit=bit, name=name) + only)
        if system == "erp" or "on_hand" in measures:
            values["expected"] |= bit
    statement = _SETTLE.format(
        own_bits=" | ".join(own), any_bits=f"({' | '.join(anybody)})", is_on_hand=f"({' or '.join(on_hand)})",
        lines=" union all ".join(lines) or "select 0 as bit, '' as item_ref, '' as status_ref, '' as lot, '' as uom, "
        "'' as quantity where false",
    )  # fmt: skip
    conn.execute("drop table if exists pg_temp.compared_lines")
    # References are many and in no order: sorting them for a merge costs more than hashing.
    conn.execute("set local enable_mergejoin = off")
    conn.execute(statement.encode(), values)
    conn.execute("set local enable_mergejoin = on")
    conn.execute("analyze pg_temp.compared_lines")
