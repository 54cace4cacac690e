{#- The batch is a control row, not a --vars value: vars would make dbt parse the project again for every batch. -#}
{% macro current_batch_id() -%}
  (select batch_id from {{ source('ops', 'current_batch') }})
{%- endmacro %}

{#- True when everything derived is being rebuilt from raw and ops: then every cell is touched. -#}
{% macro is_rebuild() -%}
  {{ return(flags.FULL_REFRESH) }}
{%- endmacro %}

{#-
  Facts that may be considered: those of loads that some batch has taken, of each document only the highest reading
  among them. Few documents are ever read again, so this is an anti-join with next to nothing.
-#}
{% macro resolved_facts() -%}
  {{ source('raw', 'facts') }} as f
  inner join {{ source('ops', 'batch_loads') }} as l
    on f.load_id = l.load_id
    and not exists (
      select from {{ source('ops', 'released_readings') }} as r
      where r.document_id = f.document_id and r.received_at = f.received_at and r.load_id > f.load_id
    )
{%- endmacro %}

{#- Before a batch in which documents changed their reading: rows of facts that lost a receipt are made again, or go. -#}
{% macro forget_switched() -%}
  {% if is_incremental() -%}
  delete from {{ this }} as t
  using {{ source('ops', 'redrives') }} as r
  where r.batch_id = {{ current_batch_id() }} and r.is_switched and t.fact_id = r.fact_id
  {%- endif %}
{%- endmacro %}
