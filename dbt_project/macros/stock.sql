{#- The lot a fact speaks of: a movement finer than its key's grain counts without its lot (semantics §1). -#}
{% macro stock_lot(alias) -%}
  case when {{ alias }}.kind = 'movement' and {{ alias }}.grain = 'item' then '' else {{ alias }}.lot end
{%- endmacro %}
