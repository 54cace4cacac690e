"""Every query of the score against the warehouse, in one place."""

from __future__ import annotations

# In the order of arrival; inside a load the source's own order, which flatters the baseline. A file that came again
# is landed without its facts, which are known: for the baseline its first reading arrives once more.
ARRIVALS = """
with told as (
  select f.received_at, f.load_id,
         f.fact_id || case when f.feed = 'edi' then ' in ' || f.load_id else '' end as fact_id,
         f.source, f.kind, f.item_ref, f.location_ref, f.status_ref, f.uom, f.quantity, f.event_key,
         f.sequence, f.line_key
  from raw.facts f
  where f.fault_code is null and not f.is_test and not f.cancel and f.correction_id is null
  union all
  select again.received_at, again.load_id, f.fact_id || ' again ' || again.load_id, f.source, f.kind, f.item_ref,
         f.location_ref, f.status_ref, f.uom, f.quantity, f.event_key, f.sequence, f.line_key
  from raw.documents again
  join lateral (
    select e.document_id from raw.documents e
    where e.source = again.source and e.sha256 = again.sha256 and e.load_id < again.load_id
      and exists (select from raw.facts x where x.document_id = e.document_id)
    order by e.load_id limit 1) earlier on true
  join raw.facts f on f.document_id = earlier.document_id and f.fault_code is null and not f.is_test and not f.cancel
  where again.feed = 'edi'
    and not exists (select from raw.facts x where x.document_id = again.document_id and x.load_id = again.load_id)
)
select (extract(epoch from received_at) * 1000)::bigint, load_id, fact_id, source, kind, item_ref, location_ref,
       status_ref, uom, quantity, event_key
from told
order by received_at, load_id, sequence nulls last, line_key, status_ref, fact_id
"""

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
