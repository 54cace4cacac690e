{#-
  The table of checkpoints as the batch before left it; none before the first build. By name and not by ref(): what is
  touched decides where the next checkpoint goes, so the graph would be a circle.
-#}
{% macro checkpoint_relation() -%}
  {{ return(existing_relation('intermediate', 'int_checkpoints')) }}
{%- endmacro %}

{#- Facts a cell keeps thinking about, at least, before the older ones are summed up; data, so that tests can lower it. -#}
{% macro checkpoint_facts() -%}
  (select checkpoint_facts from {{ source('ops', 'current_batch') }})
{%- endmacro %}

{#- Columns of a checkpoint, with their types; the model `int_checkpoints` says what each means. -#}
{% macro checkpoint_types() -%}
  {{ return([
    ('item', 'text'),
    ('location', 'text'),
    ('measure', 'text'),
    ('key_lot', 'text'),
    ('cut_at', 'timestamptz'),
    ('closed_to', 'timestamptz'),
    ('movements', 'integer'),
    ('total', 'bigint'),
    ('ledger_total', 'bigint'),
    ('received_to', 'timestamptz'),
    ('sequence_source', 'text'),
    ('sequence_max', 'bigint'),
    ('first_received_fact', 'text'),
    ('fact_id', 'text'),
    ('source', 'text'),
    ('role_rank', 'integer'),
    ('quantity', 'bigint'),
    ('quantities', 'bigint[]'),
    ('rec_from', 'timestamptz'),
    ('rec_to', 'timestamptz'),
    ('window_from', 'timestamptz'),
    ('window_to', 'timestamptz'),
    ('has_lag', 'boolean'),
    ('sequence', 'bigint'),
    ('line_key', 'text'),
    ('revision', 'integer'),
    ('position_totals', 'bigint[]'),
    ('is_capped', 'boolean'),
    ('kstar_size', 'integer'),
    ('kstar_total', 'bigint'),
    ('slack_lo', 'bigint'),
    ('slack_hi', 'bigint'),
  ]) }}
{%- endmacro %}

{% macro checkpoint_columns(alias) -%}
  {% for name, _ in checkpoint_types() %}{{ alias }}.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{% macro no_checkpoint() -%}
  {% for name, type in checkpoint_types() %}null::{{ type }} as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{#-
  The rows of one cell from its `since` on, for a lateral join. `offset 0` keeps the planner from turning it around: these
  tables grow between two statistics, and read once for every cell, or whole, they would cost what history costs.
-#}
{% macro since(model, begins, cell='c', since='since') -%}
  (
    select * from {{ ref(model) }} as x
    where x.item = {{ cell }}.item and x.location = {{ cell }}.location and x.measure = {{ cell }}.measure
      and x.{{ begins }} >= {{ cell }}.{{ since }}
    offset 0
  )
{%- endmacro %}

{#- Rows of a table of history with the keys of a row of `given`, for a lateral join; `offset 0` as in `since()`. -#}
{% macro found(relation, keys, given) -%}
  (
    select * from {{ relation }} as x
    where {% for key in keys %}x.{{ key }} = {{ given }}.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    offset 0
  )
{%- endmacro %}

{#- Bounds for `width_bucket`: how often a number can be divided by four. A logarithm in decimals takes a third of the model. -#}
{% macro powers_of_four() -%}
  array[{% for power in range(1, 16) %}{{ 4 ** power }}{{ ', ' if not loop.last }}{% endfor %}]::bigint[]
{%- endmacro %}
