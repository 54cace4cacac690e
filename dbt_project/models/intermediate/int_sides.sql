{{ config(
    materialized='table',
    indexes=[{'columns': ['statement', 'ordinal'], 'unique': true}],
    pre_hook='{{ hash_joins() }}',
) }}

-- For statements of keys whose movements are not all ordered: on which side of the statement each movement lies.
-- `in`: provably before it. `out`: provably after it. `open`: a position may hold it or not.

select
  s.fact_id as statement,
  s.has_lag,
  m.ordinal,
  m.fact_id,
  m.kind,
  m.source,
  m.line_key,
  m.revision,
  m.sequence,
  m.rec_from,
  m.rec_to,
  m.window_from,
  m.window_to,
  m.delta,
  m.rec_from < s.rec_to as is_default,
  m.window_from < s.window_to and s.window_from < m.window_to as is_near,
  case
    when {{ provably_before('m', 's') }} then 'in'
    when {{ provably_before('s', 'm') }} then 'out'
    else 'open'
  end as side
from {{ ref('int_statements') }} as s
inner join {{ ref('int_movements') }} as m
  on s.item = m.item and s.location = m.location and s.measure = m.measure and s.key_lot = m.key_lot
where not m.is_chain and not s.is_anchor
