{#- Statistics for a table that was just created; an incremental one keeps those that autovacuum gathers. -#}
{% macro analyze_new_table() -%}
  {% if config.get('materialized') == 'table' or (config.get('materialized') == 'incremental' and not is_incremental()) -%}
    analyze {{ this }}
  {%- endif %}
{%- endmacro %}
