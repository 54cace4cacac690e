{#- Statistics for a table that was just created; an incremental one keeps those that autovacuum gathers. -#}
{% macro analyze_working_table() -%}
  {% if config.get('materialized') == 'table' %}analyze {{ this }}{% endif %}
{%- endmacro %}
