-- What left for each release, event by event: the release that an event serves is chosen as in canonical.releases
-- (semantics §11), whose totals these rows add up to.

with servings as (
  {{ servings(['on_hand']) }}
)

select
  s.serves as release,
  s.location,
  s.event_key,
  s.item,
  -s.quantity as quantity,
  r.item <> s.item as is_substitute,
  s.source,
  s.happened_at,
  s.fact_id
from servings as s
inner join {{ ref('releases') }} as r on s.serves = r.release and s.location = r.location
