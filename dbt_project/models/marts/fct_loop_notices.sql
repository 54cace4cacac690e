-- What each loop has to tell, to whom it matters: customer service (`order.*`), billing (`billing.adjust`), the shop
-- (`order.status`), purchasing and the warehouse. `syncline.loops` tells each once, and again when it says something else.
-- Nothing in a payload is of a run: the same facts give the same words.

with substitutes as (
  select
    s.release, s.location,
    jsonb_agg(jsonb_build_object('item', s.item, 'quantity', s.quantity) order by {{ by_bytes('s.item') }}) as items
  from (
    select v.release, v.location, v.item, sum(v.quantity)::bigint as quantity
    from {{ ref('fct_release_servings') }} as v
    where v.is_substitute
    group by v.release, v.location, v.item
  ) as s
  where s.quantity <> 0
  group by s.release, s.location
),

told as (
  select
    l.*,
    case when l.kind in {{ release_kinds() }} then 'order/' when l.kind = 'return' then 'return/' else 'goods/' end as about,
    coalesce(s.items, '[]'::jsonb) as items
  from {{ ref('fct_loops') }} as l
  left join substitutes as s
    on l.subject = s.release and l.location = s.location and l.kind in {{ release_kinds() }}
),

-- Who is told what of which loop.
notices as (
  select 'short_pick' as kind, 'order.short' as notice
  union all
  select 'short_pick', 'order.back_ordered'
  union all
  select 'short_pick', 'order.substituted'
  union all
  select 'short_pick', 'order.status'
  union all
  select 'short_pick', 'billing.adjust'
  union all
  select 'substitution', 'order.substituted'
  union all
  select 'substitution', 'order.status'
  union all
  select 'substitution', 'billing.adjust'
  union all
  select 'cancelled', 'order.status'
  union all
  select 'cancelled_after_pick', 'order.cancelled_after_pick'
  union all
  select 'cancelled_after_pick', 'order.status'
  union all
  select 'cancelled_after_pick', 'billing.adjust'
  union all
  select 'transfer_short', 'transfer.short'
  union all
  select 'transfer_over', 'transfer.over'
  union all
  select 'receipt_short', 'receipt.short'
  union all
  select 'receipt_over', 'receipt.over'
  union all
  select 'return', 'return.received'
  union all
  select 'return', 'return.missing'
  union all
  select 'return', 'return.dispositioned'
  union all
  select 'cycle_count', 'stock.counted'
  union all
  select 'damage', 'stock.damaged'
  union all
  select 'hold', 'stock.held'
)

select
  t.loop_id,
  n.notice,
  t.kind,
  left(t.about || t.subject, 500) as subject,
  t.item,
  t.location,
  jsonb_strip_nulls(jsonb_build_object(
    'kind', t.kind, 'subject', left(t.subject, 300), 'item', t.item, 'location', t.location, 'to_location', t.to_location,
    'expected', t.expected, 'happened', t.happened, 'substituted', t.substituted, 'missing', t.missing,
    'substitutes', case when t.substituted > 0 then t.items end,
    'answer', t.details -> 'answer', 'measure', t.details -> 'measure',
    'status', case when n.notice = 'order.status' then
      case t.kind
        when 'cancelled' then 'cancelled'
        when 'cancelled_after_pick' then 'cancelled'
        when 'substitution' then case t.state when 'open' then 'partly shipped' else 'shipped' end
        else case when t.missing > 0 then 'back-ordered' else 'shipped' end
      end
    when n.notice = 'return.received' then
      case when t.missing > 0 then 'received short' when t.missing < 0 then 'received over' else 'received' end
    end
  ) || case when n.notice = 'return.dispositioned' then t.details - 'refunded' else '{}' end) as payload
from told as t
inner join notices as n on t.kind = n.kind
where (n.notice <> 'order.substituted' or t.substituted > 0)
  and (n.notice <> 'order.back_ordered' or t.missing > 0)
  and (n.notice <> 'return.received' or t.happened > 0)
  -- The money is gone and the goods are not there.
  and (n.notice <> 'return.missing' or t.missing > 0 and (t.details -> 'refunded')::boolean)
  and (n.notice <> 'return.dispositioned' or t.happened > 0 and t.state = 'closed')
