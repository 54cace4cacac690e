{#- The fourth part of a stock key: what its grain asks for, empty where it is not named (semantics §13). -#}
{% macro key_part(grain, lot, owner) -%}
  (case {{ grain }} when 'item' then '' when 'owner' then coalesce({{ owner }}, '') else {{ lot }} end)
{%- endmacro %}

{#-
  What of a stock a fact speaks of, beside its item: a movement finer than its key's grain counts without the rest
  (semantics §1); of a statement everything that it names.
-#}
{% macro stock_part(alias) -%}
  case when {{ alias }}.kind = 'movement' then {{ alias }}.part
    when coalesce({{ alias }}.owner, '') = '' then {{ alias }}.lot
    else concat_ws(chr(31), {{ alias }}.lot, {{ alias }}.owner) end
{%- endmacro %}

{#- Whether a telling is no other one's double and no test: what its source says by it stands. -#}
{% macro is_kept(disposition) -%}
  coalesce({{ disposition }}, '') not in ('test', 'quarantined', 'duplicate', 'conflict')
{%- endmacro %}
