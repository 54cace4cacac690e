-- What was authorised to come back, and what came: of each return, item and location (ADR 0032). A refund moves no stock: the
-- receipt does, and what is in quarantine waits to be dispositioned. A function of the authorisations and the facts.

with authorisations as (
  select
    r.source, r.return_key, r.quantity, r.authorised_at, r.due_at, r.refunded_at, r.revision, r.is_cancelled, r.received_at,
    r.return_line_id,
    i.item, l.location
  from {{ source('raw', 'return_lines') }} as r
  -- Mapped as a fact is, at its own time (semantics §1); what is not mapped waits for its crosswalk.
  cross join lateral (
    select x.item
    from {{ source('ops', 'current_item_crosswalk') }} as x
    where x.item_ref = r.item_ref and x.source in (r.source, '*') and r.authorised_at >= x.valid_from and r.authorised_at < x.valid_to
    order by x.source = '*' limit 1
  ) as i
  cross join lateral (
    select x.location
    from {{ source('ops', 'current_location_crosswalk') }} as x
    where x.location_ref = r.location_ref and x.source in (r.source, '*')
      and r.authorised_at >= x.valid_from and r.authorised_at < x.valid_to
    order by x.source = '*' limit 1
  ) as l
),

-- The last revision of each source's line says how much; of two that say otherwise, the one received first.
last_said as (
  select distinct on (source, return_key, item, location) *
  from authorisations
  order by source asc, return_key asc, item asc, location asc, revision desc, received_at asc, return_line_id asc
),

-- Who refunded has refunded, whatever a later revision says.
opened as (
  select return_key, item, location, min(authorised_at) as opened_at, min(refunded_at) as refunded_at
  from authorisations
  group by return_key, item, location
),

authorised as (
  select
    s.return_key, s.item, s.location,
    sum(case when s.is_cancelled then 0 else s.quantity end)::bigint as authorised,
    max(s.due_at) as due_at
  from last_said as s
  group by s.return_key, s.item, s.location
),

servings as (
  {{ servings(['on_hand', 'quarantined', 'damaged']) }}
),

came as (
  select
    s.serves as return_key, s.item, s.location,
    coalesce(sum(s.quantity) filter (where s.measure = 'on_hand' and s.quantity > 0), 0)::bigint as received,
    coalesce(-sum(s.quantity) filter (where s.measure = 'on_hand' and s.quantity < 0), 0)::bigint as written_off,
    greatest(coalesce(sum(s.quantity) filter (where s.measure = 'quarantined'), 0), 0)::bigint as held,
    greatest(coalesce(sum(s.quantity) filter (where s.measure = 'damaged'), 0), 0)::bigint as damaged,
    min(s.happened_at) as happened_at
  from servings as s
  where exists (select from authorised as a where a.return_key = s.serves and a.location = s.location)
  group by s.serves, s.item, s.location
)

select
  coalesce(a.return_key, c.return_key) as return_key,
  coalesce(a.item, c.item) as item,
  coalesce(a.location, c.location) as location,
  coalesce(a.authorised, 0) as authorised,
  coalesce(c.received, 0) as received,
  coalesce(c.held, 0) as held,
  coalesce(c.damaged, 0) as damaged,
  coalesce(c.written_off, 0) as written_off,
  coalesce(o.opened_at, c.happened_at) as opened_at,
  a.due_at,
  o.refunded_at
from authorised as a
inner join opened as o on a.return_key = o.return_key and a.item = o.item and a.location = o.location
full join came as c on a.return_key = c.return_key and a.item = c.item and a.location = c.location
