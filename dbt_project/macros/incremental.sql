{#-
  Incremental strategies that write only what differs. dbt's Postgres merge rewrites every matched row, changed
  or not: bloat, and false changes for whoever compares. An `on conflict ... where` would leave the row, but lock it,
  which writes its page all the same: equal rows are left out before, by the index (`offset 0`: never by a whole scan).
-#}
{% macro upsert_changed(target, source, unique_key, columns, untracked) -%}
  {%- set keys = [unique_key] if unique_key is string else unique_key -%}
  {%- set tracked = columns | reject('in', keys + untracked) | list -%}
  {%- set updated = columns | reject('in', keys) | list -%}
  {{ index_joins() }};
  insert into {{ target }} as t ({{ columns | join(', ') }})
  select {{ columns | join(', ') }} from {{ source }} as s
  where not exists (
    select from {{ target }} as o
    where {% for key in keys %}o.{{ key }} = s.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
      {%- if tracked %}
      and ({% for column in tracked %}o.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
        is not distinct from ({% for column in tracked %}s.{{ column }}{{ ', ' if not loop.last }}{% endfor %}){% endif %}
    offset 0
  )
  on conflict ({{ keys | join(', ') }}) do
  {%- if tracked %} update set
    {% for column in updated %}{{ column }} = excluded.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
  {%- else %} nothing{% endif %}
{%- endmacro %}

{% macro get_incremental_upsert_changed_sql(arg_dict) %}
  {%- set columns = arg_dict['columns'] -%}
  {{ upsert_changed(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], columns, ['batch_id']) }}
{% endmacro %}

{#-
  Rows of the touched cells become exactly the new ones; rows of other cells are not read. A table whose rows have a
  time (`meta.begins`) keeps those of a cell that begin before `since`.
-#}
{% macro get_incremental_replace_cells_sql(arg_dict) %}
  {%- set target = arg_dict['target_relation'] -%}
  {%- set temp = arg_dict['temp_relation'] -%}
  {%- set keys = [arg_dict['unique_key']] if arg_dict['unique_key'] is string else arg_dict['unique_key'] -%}
  {%- set columns = arg_dict['columns'] -%}
  {{ index_joins() }};
  analyze {{ temp }};
  {#- Each touched cell finds its rows by the index, from its `since` on, and these go by their place: a join of the planner's
      choice reads all history of the cells, or of the table. #}
  {%- set begins = config.get('meta', {}).get('begins') %}
  set local enable_seqscan = off;
  delete from {{ target }} as t
  using (
    select o.ctid as place
    from {{ ref('int_touched_cells') }} as c
    cross join lateral (
      select x.ctid, x.* from {{ target }} as x
      where x.item = c.item and x.location = c.location and x.measure = c.measure{% if begins %} and x.{{ begins }} >= c.since{% endif %}
      offset 0
    ) as o
    where not exists (
      select from {{ temp }} as s where {% for key in keys %}s.{{ key }} = o.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    )
  ) as gone
  where t.ctid = gone.place;
  set local enable_seqscan = on;
  {{ upsert_changed(target, temp, keys, columns, ['batch_id']) }}
{% endmacro %}

{#- Checkpoints behind which the batch reached are gone; the new ones come. -#}
{% macro get_incremental_replace_checkpoints_sql(arg_dict) %}
  {%- set columns = arg_dict['columns'] -%}
  {{ index_joins() }};
  delete from {{ arg_dict['target_relation'] }} as t
  using {{ ref('int_touched_cells') }} as c
  where t.item = c.item and t.location = c.location and t.measure = c.measure and t.cut_at > c.since;
  insert into {{ arg_dict['target_relation'] }} ({{ columns | join(', ') }})
  select {{ columns | join(', ') }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}

{#- Rows of the touched releases become exactly the new ones. -#}
{% macro get_incremental_replace_releases_sql(arg_dict) %}
  {%- set target = arg_dict['target_relation'] -%}
  {%- set temp = arg_dict['temp_relation'] -%}
  {{ index_joins() }};
  delete from {{ target }} as t
  using {{ ref('int_touched_releases') }} as c
  where t.release = c.release and t.location = c.location
    and not exists (select from {{ temp }} as s where s.release = c.release and s.location = c.location);
  {{ upsert_changed(target, temp, arg_dict['unique_key'], arg_dict['columns'], ['batch_id']) }}
{% endmacro %}
