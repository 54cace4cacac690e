{#- Id of a loop: a hash of what it is about, so that every run, rebuild and machine calls it the same. -#}
{% macro loop_id(parts) -%}
  left(encode(sha256(convert_to(jsonb_build_array({{ parts | join(', ') }})::text, 'UTF8')), 'hex'), 40)
{%- endmacro %}

{#-
  What events of these measures serve, chosen as in canonical.releases (semantics §11): a select of one row for each event
  that counts and that some telling ties to a key. `quantity` is what its last revision that counts says.
-#}
{% macro servings(measures) -%}
  {%- set listed = "('" ~ measures | join("', '") ~ "')" -%}
  select
    t.event_key, t.location, t.measure,
    (array_agg(t.serves order by t.is_counted desc, t.revision asc, {{ kept_order('t') }}) filter (where t.serves is not null))[1]
      as serves,
    (array_agg(t.item order by t.revision desc) filter (where t.is_counted))[1] as item,
    (array_agg(t.stated order by t.revision desc) filter (where t.is_counted))[1] as quantity,
    (array_agg(t.fact_id order by t.revision desc) filter (where t.is_counted))[1] as fact_id,
    (array_agg(t.source order by t.revision desc) filter (where t.is_counted))[1] as source,
    (array_agg(t.rec_from order by t.revision desc) filter (where t.is_counted))[1] as happened_at
  from (
    select
      s.event_key, s.location, s.measure, s.serves, s.item, s.revision, s.fact_id, s.source, s.kind, s.line_key, s.received_at,
      s.said_from as rec_from, s.said_to as rec_to,
      case when s.cancel then 0 else s.quantity end as stated,
      d.disposition in ('applied', 'absorbed') as is_counted
    from {{ ref('stg_facts') }} as s
    inner join (
      select distinct n.event_key, n.location, n.measure
      from {{ ref('stg_facts') }} as n
      where n.serves is not null and n.measure in {{ listed }} and n.kind = 'movement'
    ) as named on s.event_key = named.event_key and s.location = named.location and s.measure = named.measure
    inner join {{ ref('int_dispositions') }} as d on s.fact_id = d.fact_id
    where s.kind = 'movement' and d.disposition in ('applied', 'absorbed', 'duplicate')
  ) as t
  group by t.event_key, t.location, t.measure
  having bool_or(t.is_counted)
{%- endmacro %}

{#- Kinds of loops that are about a release: they share one id, whatever became of it. -#}
{% macro release_kinds() -%}
  ('short_pick', 'substitution', 'cancelled', 'cancelled_after_pick')
{%- endmacro %}
