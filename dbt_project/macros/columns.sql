{#-
  Columns from the catalogue, with types as Postgres writes them. dbt's own query says `ARRAY` for every array, which
  cannot be cast to: unit tests could not show one.
-#}
{% macro postgres__get_columns_in_relation(relation) -%}
  {% call statement('get_columns_in_relation', fetch_result=True) %}
    select
      a.attname as column_name,
      format_type(a.atttypid, a.atttypmod) as data_type,
      null::integer as character_maximum_length,
      null::integer as numeric_precision,
      null::integer as numeric_scale
    from pg_catalog.pg_attribute as a
    inner join pg_catalog.pg_class as c on a.attrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where c.relname = '{{ relation.identifier }}'
      and {% if relation.schema %}n.nspname = '{{ relation.schema }}'{% else %}pg_table_is_visible(c.oid){% endif %}
      and a.attnum > 0 and not a.attisdropped
    order by a.attnum
  {% endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}
