{#- The lot a fact speaks of: a movement finer than its key's grain counts without its lot (semantics §1). -#}
{% macro stock_lot(alias) -%}
  case when {{ alias }}.kind = 'movement' and {{ alias }}.grain = 'item' then '' else {{ alias }}.lot end
{%- endmacro %}

{#- Whether a telling is no other one's double and no test: what its source says by it stands. -#}
{% macro is_kept(disposition) -%}
  coalesce({{ disposition }}, '') not in ('test', 'quarantined', 'duplicate', 'conflict')
{%- endmacro %}
