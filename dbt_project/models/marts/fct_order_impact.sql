-- Which order lines a variance touches: what is outstanding for releases, served from what is there by priority, promise
-- date and order line; once as we hold the stock to be, once as the source says that holds the least. No row is pushed from.

with terms as (
  select distinct on (f.event_key, f.location)
    f.event_key as release, f.location, t.promised, t.unit_price, t.currency, t.channel, t.priority
  from {{ ref('stg_facts') }} as f
  inner join {{ ref('int_dispositions') }} as d on f.fact_id = d.fact_id
  inner join {{ source('raw', 'order_terms') }} as t on f.fact_id = t.fact_id
  where f.measure = 'provisional' and f.kind = 'movement' and d.disposition in ('applied', 'absorbed')
  order by f.event_key asc, f.location asc, f.revision desc, {{ by_bytes('f.fact_id') }} desc
),

wanted as (
  select
    r.release, r.item, r.location, r.outstanding, t.promised, t.unit_price, t.currency, t.channel,
    coalesce(t.priority, 100) as priority,
    -- An order line without terms goes last of its priority: nobody promised it a day.
    sum(r.outstanding) over (
      partition by r.item, r.location
      order by coalesce(t.priority, 100), coalesce(t.promised, 'infinity'), {{ by_bytes('r.release') }}
      rows between unbounded preceding and current row
    )::bigint as wanted_so_far
  from {{ ref('releases') }} as r
  left join terms as t on r.release = t.release and r.location = t.location
  where r.outstanding > 0
),

-- What can be picked: what is there, less what is broken, on hold or not ours to sell.
there as (
  select
    b.item, b.location,
    sum(case when b.measure = 'on_hand' then b.quantity else -b.quantity end)::bigint as quantity
  from {{ ref('balances') }} as b
  where b.measure in ('on_hand', 'damaged', 'quarantined', 'consigned')
  group by b.item, b.location
),

-- The worst that a last statement of a source says against us, of all measures and lots of a key.
variances as (
  select distinct on (v.item, v.location)
    v.item, v.location, v.source, v.fact_id, v.disposition = 'applied' as is_ours,
    case when v.measure = 'on_hand' then v.variance_least else -v.variance_greatest end as variance
  from {{ ref('fct_variances') }} as v
  where v.verdict = 'discrepancy' and v.measure in ('on_hand', 'damaged', 'quarantined', 'consigned')
  order by
    v.item asc, v.location asc, case when v.measure = 'on_hand' then v.variance_least else -v.variance_greatest end asc,
    {{ by_bytes('v.fact_id') }} asc
),

-- What there was before a statement that our number follows, and what there is if one that it does not follow is true.
numbers as (
  select
    w.*,
    coalesce(t.quantity, 0) as available,
    v.source as variance_source,
    v.fact_id as variance_fact_id,
    v.is_ours,
    least(coalesce(v.variance, 0), 0) as variance,
    greatest(0, coalesce(t.quantity, 0)) as now_there,
    greatest(0, coalesce(t.quantity, 0) - case when v.is_ours then least(v.variance, 0) else 0 end) as most,
    greatest(0, coalesce(t.quantity, 0) + case when v.is_ours then 0 else least(coalesce(v.variance, 0), 0) end) as fewest
  from wanted as w
  left join there as t on w.item = t.item and w.location = t.location
  left join variances as v on w.item = v.item and w.location = v.location
),

served as (
  select
    n.*,
    greatest(0, least(n.outstanding, n.wanted_so_far - n.now_there)) as short,
    greatest(0, least(n.outstanding, n.wanted_so_far - n.fewest)) as short_if_true,
    greatest(0, least(n.outstanding, n.wanted_so_far - n.most)) as short_without
  from numbers as n
)

select
  s.item,
  s.location,
  s.release as order_line,
  s.priority,
  s.promised,
  s.channel,
  s.outstanding,
  s.available,
  s.variance,
  s.variance_source,
  s.variance_fact_id,
  s.short::bigint as short,
  s.short_if_true::bigint as short_if_true,
  (s.short_if_true - s.short_without)::bigint as touched,
  (s.short_if_true * s.unit_price)::numeric as value_at_risk,
  s.currency,
  s.promised <= b.as_of + interval '1 day' as is_pressing
from served as s
left join {{ source('ops', 'current_batch') }} as b on true
where s.short_if_true > 0
