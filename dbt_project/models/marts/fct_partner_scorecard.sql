-- How well each source told, by the day on which it was heard, in its own zone: from the documents and facts that resolve
-- read. What is wrong with a document counts on the day it came, a variance on the day of its statement.

with zones as (
  select source, coalesce(timezone, 'UTC') as zone, (lag_s + hold_s) * interval '1 second' as allowed
  from {{ source('ops', 'current_sources') }}
),

documents as (
  select
    d.source,
    d.feed,
    (d.received_at at time zone z.zone)::date as day,
    count(*) as documents,
    count(*) filter (where d.status = 'duplicate') as duplicate_documents,
    count(*) filter (where d.status in ('quarantined', 'partial')) as malformed_documents
  from {{ source('raw', 'documents') }} as d
  inner join zones as z on d.source = z.source
  group by d.source, d.feed, (d.received_at at time zone z.zone)::date
),

-- Each fact once, when it was first heard. What a source counts as late is its own: lag and hold are declared.
heard as (
  select
    f.fact_id, f.source, f.feed, f.document_id, f.kind, f.quantity_as_written, f.quarantine_code,
    (f.heard_at at time zone z.zone)::date as day,
    d.disposition,
    f.kind is not null and f.said_to + z.allowed < f.heard_at as is_late
  from {{ ref('stg_facts') }} as f
  inner join zones as z on f.source = z.source
  left join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  where not f.is_test
),

lines as (
  select
    h.source,
    h.feed,
    h.day,
    count(*) filter (where h.kind is not null) as lines,
    count(*) filter (where h.is_late) as late_lines,
    count(distinct h.document_id) filter (where h.is_late) as late_documents,
    count(*) filter (where h.disposition = 'duplicate') as duplicate_lines,
    count(*) filter (where h.disposition = 'stale') as stale_lines,
    count(*) filter (where h.kind is null) as malformed_lines,
    count(*) filter (where h.kind is not null and h.disposition = 'quarantined') as unmapped_lines,
    count(*) filter (where h.disposition = 'conflict') as conflict_lines
  from heard as h
  group by h.source, h.feed, h.day
),

-- A shipment tells what left and how much of the reservation ended with it, in one line: less left.
short_shipments as (
  select h.source, h.feed, h.day, count(distinct f.line_key) as short_lines
  from heard as h
  inner join {{ ref('stg_facts') }} as f on h.fact_id = f.fact_id and f.measure = 'on_hand' and f.quantity <= 0
  inner join {{ ref('stg_facts') }} as r
    on f.line_key = r.line_key and f.source = r.source and f.location = r.location and f.item = r.item
    and r.measure in ('allocated', 'provisional') and r.kind = 'movement' and f.quantity > r.quantity
  where h.kind = 'movement' and h.disposition <> 'quarantined'
  group by h.source, h.feed, h.day
),

-- An arrival of less than what left.
short_receipts as (
  select h.source, h.feed, h.day, count(distinct t.event_key) as short_lines
  from {{ ref('fct_transfers') }} as t
  inner join {{ ref('stg_facts') }} as f
    on t.event_key = f.event_key and t.to_location = f.location and t.measure = f.measure and t.item = f.item
  inner join heard as h on f.fact_id = h.fact_id
  where t.state = 'short'
  group by h.source, h.feed, h.day
),

variances as (
  select
    v.source,
    s.feed,
    (s.heard_at at time zone z.zone)::date as day,
    count(*) as variances,
    count(*) filter (where v.cause_class = 'partner') as partner_variances,
    count(*) filter (where v.cause in ('missing document', 'unknown')) as unexplained_variances
  from {{ ref('fct_variance_causes') }} as v
  inner join {{ ref('stg_facts') }} as s on v.fact_id = s.fact_id
  inner join zones as z on v.source = z.source
  group by v.source, s.feed, (s.heard_at at time zone z.zone)::date
),

-- What we sent and the partner was to answer, by the day on which it was sent. Overdue is judged at the batch's instant.
answers as (
  select
    o.source,
    'edi'::text as feed,
    (o.sent_at at time zone z.zone)::date as day,
    count(*) as acknowledgments_due,
    count(*) filter (where coalesce(o.answered_at, b.as_of) > o.due_at) as acknowledgments_late,
    count(*) filter (where not o.is_accepted) as acknowledgments_rejected,
    percentile_disc(0.5) within group (order by floor(extract(epoch from o.answered_at - o.sent_at))::bigint) as answer_p50_s,
    max(floor(extract(epoch from o.answered_at - o.sent_at))::bigint) as answer_max_s
  from {{ source('ops', 'edi_outbound') }} as o
  inner join zones as z on o.source = z.source
  left join {{ source('ops', 'current_batch') }} as b on true
  where o.expects_answer and not o.is_test and o.sent_at is not null
  group by o.source, (o.sent_at at time zone z.zone)::date
),

gaps as (
  select
    g.source,
    'api'::text as feed,
    (g.noticed_at at time zone z.zone)::date as day,
    count(*) as sequence_gaps,
    sum(g.last_no - g.first_no + 1)::bigint as missing_numbers
  from {{ source('ops', 'sequence_gaps') }} as g
  inner join zones as z on g.source = z.source
  where g.state <> 'arrived'
  group by g.source, (g.noticed_at at time zone z.zone)::date
),

days as (
  select source, feed, day from documents
  union
  select source, feed, day from lines
  union
  select source, feed, day from variances
  union
  select source, feed, day from answers
  union
  select source, feed, day from gaps
)

select
  k.source,
  k.feed,
  k.day,
  coalesce(d.documents, 0) as documents,
  coalesce(l.lines, 0) as lines,
  coalesce(l.late_documents, 0) as late_documents,
  coalesce(l.late_lines, 0) as late_lines,
  coalesce(d.duplicate_documents, 0) as duplicate_documents,
  coalesce(l.duplicate_lines, 0) as duplicate_lines,
  coalesce(l.stale_lines, 0) as stale_lines,
  coalesce(d.malformed_documents, 0) as malformed_documents,
  coalesce(l.malformed_lines, 0) as malformed_lines,
  coalesce(l.unmapped_lines, 0) as unmapped_lines,
  coalesce(l.conflict_lines, 0) as conflict_lines,
  coalesce(p.short_lines, 0) + coalesce(r.short_lines, 0) as short_lines,
  coalesce(v.variances, 0) as variances,
  coalesce(v.partner_variances, 0) as partner_variances,
  coalesce(v.unexplained_variances, 0) as unexplained_variances,
  coalesce(a.acknowledgments_due, 0) as acknowledgments_due,
  coalesce(a.acknowledgments_late, 0) as acknowledgments_late,
  coalesce(a.acknowledgments_rejected, 0) as acknowledgments_rejected,
  a.answer_p50_s,
  a.answer_max_s,
  coalesce(g.sequence_gaps, 0) as sequence_gaps,
  coalesce(g.missing_numbers, 0) as missing_numbers
from days as k
left join documents as d on k.source = d.source and k.feed = d.feed and k.day = d.day
left join lines as l on k.source = l.source and k.feed = l.feed and k.day = l.day
left join short_shipments as p on k.source = p.source and k.feed = p.feed and k.day = p.day
left join short_receipts as r on k.source = r.source and k.feed = r.feed and k.day = r.day
left join variances as v on k.source = v.source and k.feed = v.feed and k.day = v.day
left join answers as a on k.source = a.source and k.feed = a.feed and k.day = a.day
left join gaps as g on k.source = g.source and k.feed = g.feed and k.day = g.day
