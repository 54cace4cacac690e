{#-
  How a model becomes a table: one transaction, and as few statements as will do. dbt's own materializations swap tables by
  renaming and read the catalogue before and after; over the lane's models that took longer than a micro-batch (ADR 0017).
-#}

{#- A table of the batch, made anew. -#}
{% materialization table, adapter='postgres' %}
  {%- set target = this.incorporate(type='table') -%}
  {{ run_hooks(pre_hooks) }}
  {% call statement('main') -%}
    {{ made_anew(target, load_cached_relation(this), sql) }}
    set local default_statistics_target = 10; -- of a table that lives for a batch ten buckets do
    analyze {{ target }};
  {%- endcall %}
  {{ run_hooks(post_hooks) }}
  {% do adapter.commit() %}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- A table that keeps what other batches left in it; the strategies are in macros/incremental.sql. -#}
{% materialization incremental, adapter='postgres' %}
  {%- set target = this.incorporate(type='table') -%}
  {%- set existing = load_cached_relation(this) -%}
  {{ run_hooks(pre_hooks) }}
  {% if existing is none or existing.is_view or should_full_refresh() %}
    {% call statement('main') -%}
      {{ made_anew(target, existing, sql) }}
      analyze {{ target }};
    {%- endcall %}
  {% else %}
    {%- set batch = api.Relation.create(identifier=this.identifier ~ '__batch', type='table') -%}
    {%- set batch = batch.include(database=false, schema=false) -%}
    {% call statement('batch') -%}
      create temporary table {{ batch }} on commit drop as ({{ sql }});
    {%- endcall %}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy')) -%}
    {%- set columns = shared_columns(target, batch, config.get('on_schema_change')) -%}
    {% call statement('main') -%}
      {{ strategy({'target_relation': target, 'temp_relation': batch, 'unique_key': config.get('unique_key'), 'columns': columns}) }}
    {%- endcall %}
  {% endif %}
  {{ run_hooks(post_hooks) }}
  {% do adapter.commit() %}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- Views on the old table go with it, also in dbt's memory of what there is. -#}
{% macro made_anew(target, existing, sql) -%}
  {%- if existing is not none -%}
    {%- do adapter.cache_dropped(existing) -%}
    drop {{ existing.type }} if exists {{ existing }} cascade;
  {%- endif %}
  {{ get_create_table_as_sql(false, target, sql) }}
  {% for index in config.get('indexes', []) -%}
    {{ get_create_index_sql(target, index) }};
  {% endfor -%}
{%- endmacro %}

{#- Names of the columns to write. A model that has got others than its table needs a rebuild, or says that new ones are empty. -#}
{% macro shared_columns(target, batch, on_schema_change) -%}
  {% call statement('columns', fetch_result=True) -%}
    select
      a.attname, format_type(a.atttypid, a.atttypmod) as data_type,
      bool_or(a.attrelid = '{{ target }}'::regclass) as is_kept,
      bool_or(a.attrelid = '{{ batch }}'::regclass) as is_made
    from pg_catalog.pg_attribute as a
    where a.attrelid in ('{{ target }}'::regclass, '{{ batch }}'::regclass) and a.attnum > 0 and not a.attisdropped
    group by 1, 2
    order by min(a.attnum), 1, 2
  {%- endcall %}
  {%- set names = [] -%}
  {%- for name, type, is_kept, is_made in load_result('columns')['data'] -%}
    {%- if is_made and not is_kept and on_schema_change == 'append_new_columns' -%}
      {%- do run_query('alter table ' ~ target ~ ' add column ' ~ adapter.quote(name) ~ ' ' ~ type) -%}
    {%- elif is_made != is_kept -%}
      {%- do exceptions.raise_compiler_error(
        'Column ' ~ name ~ ' (' ~ type ~ ') is only in ' ~ ('the model' if is_made else 'the table')
        ~ ': the model has changed since the table was made. Run `syncline rebuild`.'
      ) -%}
    {%- endif -%}
    {%- do names.append(name) -%}
  {%- endfor -%}
  {{ return(names) }}
{%- endmacro %}
