{#-
  Pre-hook of models that read only working tables of the batch, or, in a rebuild, everything: their joins are hashed.
  The planner knows next to nothing of a CTE's rows, expects one, and joins in loops that are quadratic in a batch: minutes
  where a hash takes a third of a second. What needs an index on a table that grows with history asks it in a lateral
  join, and that stays a loop.
-#}
{% macro hash_joins(only_rebuild=false) -%}
  {% if is_rebuild() or not only_rebuild -%}
  set local enable_nestloop = off
  {%- endif %}
{%- endmacro %}

{#- Writing into a table of history goes by its index again. -#}
{% macro index_joins() -%}
  set local enable_nestloop = on
{%- endmacro %}
