{#-
  Pre-hook of models that read only working tables of the batch, or, in a rebuild, everything: their joins are hashed
  (ADR 0012). The planner expects one row of a CTE: it joins in loops that are quadratic in a batch, minutes where a hash
  takes a third of a second, or sorts wide rows to merge them. What needs the index of a table that grows with history
  asks it in a lateral join, and that stays a loop. A rebuild sorts all history, alone.
-#}
{% macro hash_joins(only_rebuild=false) -%}
  {% if is_rebuild() or not only_rebuild -%}
  set local enable_nestloop = off; set local enable_mergejoin = off
  {%- endif %}
  {%- if is_rebuild() -%}
  ; set local work_mem = '128MB'
  {%- endif %}
{%- endmacro %}

{#- Writing into a table of history goes by its index again. -#}
{% macro index_joins() -%}
  set local enable_nestloop = on; set local enable_mergejoin = on
{%- endmacro %}

{#-
  Pre-hook of models that look a batch up in tables of history. After a rebuild all history has one batch, by statistics:
  the planner expects the next one to be as large and reads everything.
-#}
{% macro index_scans() -%}
  {% if not is_rebuild() -%}
  set local enable_seqscan = off; set local enable_mergejoin = off
  {%- endif %}
{%- endmacro %}

{#- Ends a query that the planner must not write out in the one around it. -#}
{% macro kept_apart() -%}
  offset 0
{%- endmacro %}
