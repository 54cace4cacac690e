{#- The batch is a control row, not a --vars value: vars would make dbt parse the project again for every batch. -#}
{% macro current_batch_id() -%}
  (select batch_id from {{ source('ops', 'current_batch') }})
{%- endmacro %}

{#- True when everything derived is being rebuilt from raw and ops: then every cell is touched. -#}
{% macro is_rebuild() -%}
  {{ return(flags.FULL_REFRESH) }}
{%- endmacro %}

{#- Facts that may be considered: those of loads that some batch has taken. -#}
{% macro resolved_facts() -%}
  {{ source('raw', 'facts') }} as f
  inner join {{ source('ops', 'batch_loads') }} as l on f.load_id = l.load_id
{%- endmacro %}
