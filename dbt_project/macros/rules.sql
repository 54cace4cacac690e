{#- Rules that name a primary of a measure at a location for an item class at an instant, the most specific first. -#}
{% macro primaries_at(what, measure, location, item_class, instant) -%}
  (
    select {{ what }}
    from {{ source('ops', 'current_ownership_rules') }} as own_rule
    inner join {{ source('ops', 'current_sources') }} as owner on own_rule.source = owner.source
    where own_rule.role = 'primary' and owner.system <> 'shop' and own_rule.measure = {{ measure }} and own_rule.item_class in ({{ item_class }}, '*')
      and {{ location }} like replace(replace(replace(replace(replace(own_rule.location, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), '?', '_')
      and own_rule.valid_from <= {{ instant }} and {{ instant }} < own_rule.valid_to
    order by
      case when own_rule.location = {{ location }} then 2 when own_rule.location ~ '^([^|]*\|)?\*$' then 0 else 1 end desc,
      own_rule.item_class <> '*' desc, {{ by_bytes('own_rule.source') }} asc
    limit 1
  )
{%- endmacro %}

{#- Who owns a number at an instant, without the models (semantics §3, as int_roles decides it); null: nobody. -#}
{% macro owner_at(measure, location, item_class, instant) -%}
  {{ primaries_at('own_rule.source', measure, location, item_class, instant) }}
{%- endmacro %}

{#- Grain of a stock key at an instant: that of its primary, `item` where nobody owns it. -#}
{% macro grain_at(measure, location, item_class, instant) -%}
  coalesce({{ primaries_at('own_rule.grain', measure, location, item_class, instant) }}, 'item')
{%- endmacro %}
