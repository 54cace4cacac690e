{#-
  Statistics for a table that was just created; an incremental one keeps those that autovacuum gathers. Of a working
  table ten buckets do: analyzing was a tenth of a rebuild.
-#}
{% macro analyze_new_table() -%}
  {% if config.get('materialized') == 'table' or (config.get('materialized') == 'incremental' and not is_incremental()) -%}
    {% if config.get('materialized') == 'table' %}set local default_statistics_target = 10;{% endif %}
    analyze {{ this }}
  {%- endif %}
{%- endmacro %}
