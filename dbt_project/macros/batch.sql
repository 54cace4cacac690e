{#- The batch is a control row, not a --vars value: vars would make dbt parse the project again for every batch. -#}
{% macro current_batch_id() -%}
  (select batch_id from {{ source('ops', 'current_batch') }})
{%- endmacro %}

{#- True when everything derived is being rebuilt from raw and ops: then every cell is touched. -#}
{% macro is_rebuild() -%}
  {{ return(flags.FULL_REFRESH) }}
{%- endmacro %}

{#- True for a receipt of a document that has been read again since: of each document only the highest reading counts. -#}
{% macro is_read_again(fact) -%}
  exists (
    select from {{ source('ops', 'released_readings') }} as n
    where n.document_id = {{ fact }}.document_id and n.received_at = {{ fact }}.received_at and n.load_id > {{ fact }}.load_id
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

{#- A table that later models write, as an earlier batch left it; none before the first. -#}
{% macro existing_relation(schema, identifier) -%}
  {%- if execute -%}
    {{ return(adapter.get_relation(database=target.database, schema=schema, identifier=identifier)) }}
  {%- endif -%}
  {{ return(none) }}
{%- endmacro %}
