{#- A name as a part of a path: no two paths of different names look alike. -#}
{% macro in_path(name) -%}
  replace(replace({{ name }}, '%', '%25'), '/', '%2F')
{%- endmacro %}

{#- Whether a fact makes a stock key known to snapshots: of a stored measure, neither test nor quarantined nor an echo. -#}
{% macro makes_known(fact) -%}
  (
    not {{ fact }}.is_test and {{ fact }}.quarantine_code is null and {{ fact }}.item is not null
    and {{ fact }}.location is not null and {{ fact }}.measure not in ('available', 'provisional')
    and not exists (select from {{ source('ops', 'outbox') }} as o where o.correction_id = {{ fact }}.correction_id)
  )
{%- endmacro %}

{#-
  Post-hook of stg_absences: what documents state without a line becomes facts of stg_facts, and lines that are parts of a sum
  are marked. Statements of the batch's documents that are stated no more go, with their dispositions, and their cells are touched.
-#}
{% macro state_absences() -%}
  {%- set facts = ref('stg_facts') -%}
  {%- set columns = [
    'fact_id', 'document_id', 'position', 'heard_at', 'received_at', 'credible_at', 'source', 'feed', 'system', 'kind', 'item',
    'item_class', 'location', 'measure', 'lot', 'quantity', 'said_from', 'said_to', 'line_key', 'event_key', 'revision', 'cancel',
    'is_final', 'owner', 'derived_from', 'is_part', 'is_test', 'item_ref', 'location_ref', 'status_ref', 'uom', 'quantity_as_written', 'recorded', 'batch_id',
  ] -%}
  {{ index_joins() }};
  {% if not is_rebuild() -%}
  create temporary table gone on commit drop as
  select f.fact_id, f.item, f.location, f.measure
  from (
    select distinct o.snapshot_id
    from {{ facts }} as n
    inner join {{ ref('stg_snapshots') }} as s on n.snapshot_id = s.snapshot_id
    inner join {{ ref('stg_snapshots') }} as o on s.source = o.source and s.document_key = o.document_key
    where n.batch_id = {{ current_batch_id() }} and n.snapshot_id is not null
  ) as s
  inner join {{ facts }} as f on s.snapshot_id = f.derived_from
  where not exists (select from {{ this }} as t where t.fact_id = f.fact_id);
  delete from {{ facts }} as f using gone as g where f.fact_id = g.fact_id;
  {%- set dispositions = existing_relation('intermediate', 'int_dispositions') %}
  {%- if dispositions is not none %}
  delete from {{ dispositions }} as d using gone as g where d.fact_id = g.fact_id;
  {%- endif %}
  insert into {{ source('ops', 'key_triggers') }} (item, location, measure, reason, due_at, batch_id)
  select distinct g.item, g.location, g.measure, 'absence withdrawn', b.as_of, b.batch_id
  from gone as g
  cross join {{ source('ops', 'current_batch') }} as b;
  drop table gone;
  {%- endif %}
  update {{ facts }} as t set is_part = p.is_part, batch_id = {{ current_batch_id() }}
  from (
    select f.fact_id, exists (
      select from {{ this }} as s where s.derived_from = f.snapshot_id and f.fact_id = any(s.parts)
    ) as is_part
    from (
      select distinct o.snapshot_id
      from {{ facts }} as n
      inner join {{ ref('stg_snapshots') }} as s on n.snapshot_id = s.snapshot_id
      inner join {{ ref('stg_snapshots') }} as o on s.source = o.source and s.document_key = o.document_key
      where n.snapshot_id is not null {% if not is_rebuild() %}and n.batch_id = {{ current_batch_id() }}{% endif %}
    ) as d
    inner join {{ facts }} as f on d.snapshot_id = f.snapshot_id
  ) as p
  where t.fact_id = p.fact_id and t.is_part is distinct from p.is_part;
  insert into {{ facts }} as t ({{ columns | join(', ') }})
  select
    s.fact_id, s.document_id, s.position, s.received_at, s.received_at, s.received_at, s.source, s.feed, s.system, 'balance', s.item,
    s.item_class, s.location, s.measure, s.lot, s.quantity, s.said_from, s.said_to, s.line_key, s.source || '/' || s.line_key, 1, false,
    false, s.owner, s.derived_from, false, false, s.item, s.location, s.measure, s.uom, s.quantity::text, s.recorded, {{ current_batch_id() }}
  from {{ this }} as s
  on conflict (fact_id) do update set
    {% for column in columns if column != 'fact_id' %}{{ column }} = excluded.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
  where (
    {%- for column in columns if column not in ('fact_id', 'batch_id') %}t.{{ column }}{{ ', ' if not loop.last }}{% endfor -%}
  ) is distinct from (
    {%- for column in columns if column not in ('fact_id', 'batch_id') %}excluded.{{ column }}{{ ', ' if not loop.last }}{% endfor -%}
  )
{%- endmacro %}
