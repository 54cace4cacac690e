"""Every query of the score against the warehouse, in one place."""

from __future__ import annotations

BALANCES = (
    "select item, location, sum(quantity)::bigint from canonical.balances where measure = 'on_hand' group by 1, 2"
)

# Keys on which Syncline said, in whatever way, that something is not certain or not in order.
FLAGGED = """
select item, location from canonical.balances where measure = 'on_hand' and is_ambiguous
union select item, location from canonical.verdicts
  where measure = 'on_hand' and (verdict = 'discrepancy' or (verdict = 'match' and not is_decided))
union select item, location from intermediate.int_dispositions
  where measure = 'on_hand' and disposition in ('contradicted', 'conflict')
"""

# The same, said of what holds now: a week holds many an old discrepancy that a later base has ended.
FLAGGED_SINCE_BASE = """
select item, location from canonical.balances where measure = 'on_hand' and is_ambiguous
union select v.item, v.location from canonical.verdicts v join canonical.balances b using (item, location, measure, lot)
  where v.measure = 'on_hand' and v.reported_to >= b.base_from
  and (v.verdict in ('discrepancy', 'delay') or (v.verdict = 'match' and not v.is_decided))
union select item, location from intermediate.int_dispositions where measure = 'on_hand' and disposition = 'conflict'
"""

# Whether any statement about a key is of a later instant than an epoch millisecond.
TOLD_SINCE = """
select exists (select from canonical.verdicts where measure = 'on_hand' and item = %s and location = %s
  and verdict <> 'incomparable' and reported_to > to_timestamp(%s / 1000.0))
"""

# The ERP correction that carried an event of a WMS: the first one applied whose version is that of the event's batch
# or a later one. A batch in which the key's wanted number did not move has no version, and no correction to wait for.
# Events before the source's first load are left out: nobody was listening yet.
CARRIED = """
with first_receipt as (
  select f.fact_id, min(f.load_id) as load_id, min(f.received_at) as received_at,
         split_part(f.line_key, '/', 1) as event_id
  from raw.facts f where f.feed = 'api' and f.fault_code is null group by f.fact_id, split_part(f.line_key, '/', 1)
)
select r.event_id, (extract(epoch from r.received_at) * 1000)::bigint, o.correction_id,
       (select (extract(epoch from min(l.received_at)) * 1000)::bigint from raw.loads l where l.source = e.source)
from first_receipt r
join raw.loads e on e.load_id = r.load_id
join intermediate.int_dispositions d on d.fact_id = r.fact_id and d.measure = 'on_hand' and d.disposition = 'applied'
join ops.batch_loads b on b.load_id = r.load_id
join ops.target_versions v
  on v.target = 'erp' and v.item = d.item and v.location = d.location and v.batch_id = b.batch_id
join lateral (
  select o.correction_id from ops.outbox o
  where o.target = 'erp' and o.item = d.item and o.location = d.location
    and o.to_version >= v.version and o.state = 'applied'
  order by o.to_version, o.created_at limit 1) o on true
"""

LOCKED_ATTEMPTS = "select count(*) from ops.push_attempts where status_code = 423"

OPEN_CORRECTIONS = """
select target, item, location, state, coalesce(reason, '') from ops.outbox
where state in ('pending', 'held', 'sent', 'unknown', 'rejected') order by 1, 2, 3
"""
