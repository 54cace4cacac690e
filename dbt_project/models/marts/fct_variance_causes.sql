-- Every statement that ever was a discrepancy or a delay, from which side it closed, and its cause with the evidence
-- (ADR 0031). Judged as it stood last; one that fits now, as it stood when it opened.

{%- set flagged = "('discrepancy', 'delay')" %}
{%- set counts = "('applied', 'absorbed')" %}

-- The newest row of each statement, beside its first one. Not joined: the planner would expect one row, and everything
-- after it in loops.
with ends as (
  select distinct on (fact_id)
    fact_id, item, location, measure, lot, source, reported, reported_from, reported_to, verdict,
    verdict in {{ flagged }} as is_standing,
    compared_to as compared_last,
    variances as variances_last,
    recorded_at as moved_at,
    first_value(compared_to) over opening as compared_first,
    first_value(variances) over opening as variances_first,
    first_value(recorded_at) over opening as opened_at,
    first_value(batch_id) over opening as opened_batch
  from {{ source('ops', 'verdict_history') }}
  window opening as (partition by fact_id order by batch_id)
  order by fact_id asc, batch_id desc
),

variances as (
  select
    e.*,
    case when e.is_standing then e.compared_last else e.compared_first end as compared_to,
    case when e.is_standing then e.variances_last else e.variances_first end as variances
  from ends as e
),

-- Until its receipt at the latest: what came after that was not meant.
stated as not materialized (
  select
    s.fact_id, s.source, s.feed, s.sequence, s.document_id, s.said_from,
    least(s.said_to, greatest(s.received_at + k.clock_skew_s * interval '1 second', s.said_from + interval '1 microsecond')) as said_to
  from {{ ref('stg_facts') }} as s
  left join {{ source('ops', 'current_speakers') }} as k on s.source = k.source
),

-- `came`: units that came in between the two statements beyond what was told, whichever of them is the later.
paired as materialized (
  select
    v.*,
    s.feed,
    s.sequence,
    s.document_id,
    b.source as base_source,
    b.feed as base_feed,
    b.sequence as base_sequence,
    d.disposition,
    n.amount,
    case when (s.said_to, s.said_from) < (b.said_to, b.said_from) then -n.amount else n.amount end as came,
    (s.said_to, s.said_from) < (b.said_to, b.said_from) as is_earlier,
    least(s.said_from, b.said_from) as opens_at,
    greatest(s.said_to, b.said_to) as closes_at
  from variances as v
  inner join stated as s on v.fact_id = s.fact_id
  inner join stated as b on v.compared_to = b.fact_id
  left join {{ ref('int_dispositions') }} as d on v.fact_id = d.fact_id
  -- Of several possible ones the least: a cause must explain at least that.
  cross join lateral (select u as amount from unnest(v.variances) as u order by abs(u) asc, u asc limit 1) as n
),

-- Movements of the key between the two. An interval is at most a day of 25 hours: older ones cannot reach in.
told as materialized (
  select
    p.fact_id as variance, p.came, p.is_standing, p.verdict, p.opened_at, p.opened_batch, p.moved_at, m.*, d.disposition,
    d.decided_by
  from paired as p
  cross join lateral (
    select
      x.fact_id, x.document_id, x.source, x.feed, x.quantity, x.said_from, x.said_to, x.received_at, x.batch_id, x.event_key,
      x.line_key
    from {{ ref('stg_facts') }} as x
    where x.item = p.item and x.location = p.location and x.measure = p.measure and (p.lot = '' or x.lot = p.lot)
      and x.said_from > p.opens_at - interval '2 days' and x.said_from < p.closes_at and x.said_to > p.opens_at
      and x.kind = 'movement' and x.quarantine_code is null and not x.is_test
    {{ kept_apart() }}
  ) as m
  left join {{ ref('int_dispositions') }} as d on m.fact_id = d.fact_id
),

-- What closed it: facts that came, or were mapped, after the release that opened it.
closing as (
  select
    t.variance, t.fact_id, t.document_id, t.source, t.said_from, t.received_at <= t.opened_at as is_mapped,
    t.feed = 'edi' and t.received_at > t.said_to + (s.lag_s + s.hold_s) * interval '1 second' as is_overdue
  from told as t
  left join {{ source('ops', 'current_sources') }} as s on t.source = s.source
  where t.verdict in ('match', 'incomparable') and t.disposition in {{ counts }}
    and t.batch_id > t.opened_batch and t.received_at <= t.moved_at
  union all
  select p.fact_id as variance, b.fact_id, b.document_id, b.source, b.said_from, false as is_mapped, false as is_overdue
  from paired as p
  inner join {{ ref('stg_facts') }} as b on p.compared_last = b.fact_id
  where p.verdict in ('match', 'incomparable') and p.compared_to <> p.compared_last and b.received_at > p.opened_at
),

explained as (
  select
    c.variance,
    case
      when bool_or(c.is_mapped) then 'mapped_later'
      when bool_or(c.source = {{ operator() }}) then 'written_off'
      when bool_or(c.is_overdue) then 'told_overdue'
      else 'told_later'
    end as rule,
    array_agg(c.fact_id order by c.said_from, {{ by_bytes('c.fact_id') }}) as facts,
    (array_agg(c.document_id order by c.said_from, {{ by_bytes('c.fact_id') }}))[1] as document_id
  from closing as c
  group by c.variance
),

feeds as materialized (
  select location, measure
  from {{ ref('stg_facts') }}
  where kind = 'movement' and quarantine_code is null and not is_test
  group by location, measure
),

without_feed as (
  select p.fact_id as variance, 'no_movement_feed' as rule, '{}'::text[] as facts, p.document_id
  from paired as p
  where not exists (select from feeds as f where f.location = p.location and f.measure = p.measure)
),

told_differently as (
  select t.variance, 'told_differently' as rule, array[t.decided_by, t.fact_id] as facts, t.document_id
  from told as t
  inner join {{ ref('stg_facts') }} as k on t.decided_by = k.fact_id
  where t.disposition = 'conflict' and t.quantity - k.quantity = t.came
),

waiting as materialized (
  select
    f.fact_id, f.document_id, f.item, f.location, f.measure, f.uom, f.said_from, f.said_to,
    f.quantity_as_written::numeric as written
  from {{ ref('int_dispositions') }} as d
  inner join {{ ref('stg_facts') }} as f on d.fact_id = f.fact_id
  where d.disposition = 'quarantined' and f.kind = 'movement' and f.quantity_as_written ~ '^[+-]?\d{1,15}(\.\d{1,9})?$'
),

likely as (
  select p.fact_id as variance, w.fact_id, w.document_id, p.item, p.location, p.measure, p.lot
  from paired as p
  inner join waiting as w
    on p.location = coalesce(w.location, p.location) and p.measure = coalesce(w.measure, p.measure)
    and p.item = coalesce(w.item, p.item) and p.closes_at > w.said_from and p.opens_at < w.said_to
  inner join {{ source('ops', 'current_items') }} as i on p.item = i.item
  left join {{ source('ops', 'current_unit_factors') }} as u
    on p.item = u.item and w.uom = u.uom and w.said_from::date >= u.valid_from and w.said_from::date < u.valid_to
  where w.written * case when w.uom = i.base_uom then 1 else u.factor_num::numeric / u.factor_den end = p.came
),

-- What would explain several keys explains none.
unmapped as (
  select l.variance, 'unmapped_fact' as rule, array[l.fact_id] as facts, l.document_id
  from likely as l
  where not exists (
    select from likely as o
    where o.fact_id = l.fact_id and (o.item, o.location, o.measure, o.lot) <> (l.item, l.location, l.measure, l.lot)
  )
),

gaps as (
  select
    p.fact_id as variance,
    'gap_in_the_book' as rule,
    array_agg(g.fact_id order by g.before_sequence) as facts,
    null::text as document_id
  from paired as p
  inner join {{ ref('balance_gaps') }} as g
    on p.item = g.item and p.location = g.location and p.measure = g.measure and p.lot = g.lot
    and p.opens_at <= g.reported_from and p.closes_at > g.reported_from
  group by p.fact_id, p.came
  having sum(g.missing) = p.came or bool_or(g.missing = p.came)
),

told_twice as (
  select x.variance, 'told_twice' as rule, array[x.fact_id, y.fact_id] as facts, y.document_id
  from told as x
  inner join told as y on x.variance = y.variance and x.quantity = y.quantity and x.source < y.source
    and x.event_key <> y.event_key
  inner join {{ source('ops', 'current_speakers') }} as a on x.source = a.source
  inner join {{ source('ops', 'current_speakers') }} as b on y.source = b.source
  where x.quantity = -x.came and x.disposition in {{ counts }} and y.disposition in {{ counts }}
    and x.said_from < y.said_to + (a.clock_skew_s + b.clock_skew_s) * interval '1 second'
    and y.said_from < x.said_to + (a.clock_skew_s + b.clock_skew_s) * interval '1 second'
),

-- What follows is off by as much the other way, and by more when the owner counted: then it lost some, too. Or the statement
-- never counted, and the partner's next one fits.
taken_back as (
  select p.fact_id as variance, 'taken_back' as rule, array[n.fact_id] as facts, p.document_id
  from paired as p
  inner join paired as n
    on p.fact_id = n.compared_to and sign(p.amount) = -sign(n.amount)
    and (abs(p.amount) = abs(n.amount) or (p.source <> n.source and abs(p.amount) < abs(n.amount)))
  where p.feed = 'edi'
  union all
  select p.fact_id, 'taken_back', array[b.fact_id], b.document_id
  from paired as p
  inner join paired as b on p.compared_to = b.fact_id and p.amount = -b.amount
  where b.feed = 'edi'
  union all
  select p.fact_id, 'taken_back', array[n.fact_id], p.document_id
  from paired as p
  cross join lateral (
    select v.fact_id, v.verdict
    from {{ ref('verdicts') }} as v
    where v.item = p.item and v.location = p.location and v.measure = p.measure and v.lot = p.lot and v.source = p.source
      and v.reported_from >= p.reported_to
    order by v.reported_from asc, v.reported_to asc, {{ by_bytes('v.fact_id') }} asc
    limit 1
  ) as n
  where p.feed = 'edi' and p.disposition <> 'applied' and n.verdict = 'match'
),

read_in_part as (
  select p.fact_id as variance, 'read_in_part' as rule, '{}'::text[] as facts, p.document_id
  from paired as p
  where p.feed = 'edi' and exists (
    select from {{ source('raw', 'documents') }} as d where d.document_id = p.document_id and d.status = 'partial'
  )
),

moved as (
  select variance, sum(quantity) as moved
  from told
  where disposition in {{ counts }}
  group by variance
),

said_again as (
  select p.fact_id as variance, 'said_again' as rule, array[n.fact_id] as facts, p.document_id
  from paired as p
  inner join moved as m on p.fact_id = m.variance
  cross join lateral (
    select v.fact_id, v.reported
    from {{ ref('verdicts') }} as v
    where v.item = p.item and v.location = p.location and v.measure = p.measure and v.lot = p.lot and v.source = p.source
      and v.reported_to <= p.reported_from
    order by v.reported_from desc, v.reported_to desc, {{ by_bytes('v.fact_id') }} desc
    limit 1
  ) as n
  where p.feed = 'edi' and n.reported = p.reported and not p.is_earlier and p.came = -m.moved
),

-- The numbers between the key's own facts around the two statements, of the source that numbers its events there.
numbered as (
  select
    p.fact_id, p.feed, p.came, q.seen,
    case
      when p.is_earlier and p.source = q.source then p.sequence
      when not p.is_earlier and p.base_source = q.source then p.base_sequence
      else (
        select x.sequence
        from {{ ref('stg_facts') }} as x
        where x.item = p.item and x.location = p.location and x.measure = p.measure and x.source = q.source
          and x.sequence is not null and x.said_from <= p.opens_at
        order by x.said_from desc, x.sequence desc
        limit 1
      )
    end as after_no,
    case
      when p.is_earlier and p.base_source = q.source then p.base_sequence
      when not p.is_earlier and p.source = q.source then p.sequence
      else (
        select x.sequence
        from {{ ref('stg_facts') }} as x
        where x.item = p.item and x.location = p.location and x.measure = p.measure and x.source = q.source
          and x.sequence is not null and x.said_from >= p.closes_at
        order by x.said_from asc, x.sequence asc
        limit 1
      )
    end as before_no
  from paired as p
  inner join {{ source('ops', 'sequences') }} as q
    on q.source = coalesce(
      case when p.sequence is not null then p.source when p.base_sequence is not null then p.base_source end,
      (
        select min(x.source)
        from {{ ref('stg_facts') }} as x
        where x.item = p.item and x.location = p.location and x.measure = p.measure and x.sequence is not null
      )
    )
),

numbers_missing as (
  select n.fact_id as variance, 'numbers_missing' as rule, '{}'::text[] as facts, null::text as document_id
  from numbered as n
  where (n.came > 0 or n.feed = 'edi') and not isempty(
    int8multirange(int8range(coalesce(n.after_no, lower(n.seen) - 1) + 1, coalesce(n.before_no, upper(n.seen)))) - n.seen
  )
),

damage_told as (
  select p.fact_id as variance, 'damage_told' as rule, array[x.fact_id] as facts, x.document_id
  from paired as p
  inner join {{ ref('stg_facts') }} as x on p.item = x.item and p.location = x.location and x.measure = 'damaged'
  inner join {{ ref('int_dispositions') }} as d on x.fact_id = d.fact_id and d.disposition in {{ counts }}
  where p.feed = 'api' and p.measure = 'on_hand' and p.came < 0 and x.quantity = -p.came and x.kind = 'movement'
    and x.said_from >= p.opens_at and x.said_from < p.closes_at
    and not exists (select from told as t where t.variance = p.fact_id and t.event_key = x.event_key)
),

short_pick_told as (
  select p.fact_id as variance, 'short_pick_told' as rule, array[t.fact_id, x.fact_id] as facts, t.document_id
  from paired as p
  inner join told as t on p.fact_id = t.variance and t.disposition in {{ counts }}
  inner join {{ ref('stg_facts') }} as x
    on t.line_key = x.line_key and t.source = x.source and p.item = x.item and p.location = x.location and x.measure = 'allocated'
  where p.feed = 'api' and p.measure = 'on_hand' and p.came < 0 and t.quantity <= 0 and x.quantity < t.quantity
),

rest as (
  select
    p.fact_id as variance,
    case
      when p.feed = 'api' and p.sequence is not null then 'counted'
      when p.feed = 'edi' and not exists (
        select from {{ ref('stg_facts') }} as x
        where x.item = p.item and x.location = p.location and x.measure = p.measure and x.feed = 'api'
      ) then 'document_missing'
      else 'no_evidence'
    end as rule,
    '{}'::text[] as facts,
    p.document_id
  from paired as p
),

evidence as (
  {%- for found in [
    'explained', 'without_feed', 'told_differently', 'unmapped', 'gaps', 'told_twice', 'taken_back', 'read_in_part', 'said_again',
    'numbers_missing', 'damage_told', 'short_pick_told', 'rest'
  ] %}
  select variance, rule, facts, document_id from {{ found }}
  {{- ' union all' if not loop.last }}
  {%- endfor %}
),

-- Of several facts that would do, the first in the order of their ids.
judged as (
  select distinct on (e.variance) e.variance, e.rule, e.facts, e.document_id, r.cause, r.cause_class, r.rank
  from evidence as e
  inner join {{ ref('dim_cause_rules') }} as r on e.rule = r.rule
  order by e.variance asc, r.rank asc, e.facts asc, {{ by_bytes('e.document_id') }} asc
),

-- What a partner says beside the owner, and the owner found itself, meanwhile or from the same statement on, is one
-- difference: it has one cause.
seconded as (
  select
    p.fact_id as variance,
    (array_agg(o.fact_id order by abs(o.came) desc, {{ by_bytes('o.fact_id') }}))[1] as owner_fact
  from paired as p
  inner join paired as o
    on p.item = o.item and p.location = o.location and p.measure = o.measure and p.lot = o.lot and p.source <> o.source
    and (p.compared_to = o.compared_to or (p.opens_at <= o.reported_from and p.closes_at > o.reported_from))
  where p.is_standing and p.disposition <> 'applied' and o.disposition = 'applied'
  group by p.fact_id, p.variances, p.is_earlier
  having (case when p.is_earlier then -sum(o.came) else sum(o.came) end) = any(p.variances)
),

found as (
  select
    j.variance,
    coalesce(o.rule, j.rule) as rule,
    case when o.variance is null then j.facts else array_prepend(s.owner_fact, o.facts) end as facts,
    coalesce(o.document_id, j.document_id) as document_id,
    coalesce(o.cause, j.cause) as cause,
    coalesce(o.cause_class, j.cause_class) as cause_class
  from judged as j
  left join seconded as s on j.variance = s.variance
  left join judged as o on s.owner_fact = o.variance
),

closed as (
  select
    p.*,
    case
      when p.verdict = 'gone' then 'withdrawn'
      when not p.is_standing then 'explained'
      when exists (
        select from {{ source('ops', 'current_decisions') }} as a where a.kind = 'accept' and p.fact_id = any(a.answers)
      ) then 'accepted'
      when p.disposition = 'applied' then 'booked'
      when exists (
        select from {{ ref('balances') }} as b
        where b.item = p.item and b.location = p.location and b.measure = p.measure and b.lot = p.lot
          and b.base_from >= p.reported_to
      ) then 'stated anew'
      when exists (
        select from {{ ref('verdicts') }} as v
        where v.item = p.item and v.location = p.location and v.measure = p.measure and v.lot = p.lot and v.source = p.source
          and v.reported_from >= p.reported_to and v.verdict = 'match'
      ) then 'fits since'
    end as closed_by
  from paired as p
)

select
  p.fact_id,
  p.item,
  p.location,
  p.measure,
  p.lot,
  p.source,
  p.reported,
  p.reported_from,
  p.reported_to,
  p.compared_to,
  p.amount as variance,
  cardinality(p.variances) = 1 as is_decided,
  p.verdict,
  p.opened_at,
  p.closed_by is not null as is_closed,
  p.closed_by,
  f.cause,
  f.cause_class,
  f.rule,
  f.facts as evidence,
  coalesce(f.document_id, p.document_id) as document_id
from closed as p
inner join found as f on p.fact_id = f.variance
