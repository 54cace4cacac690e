{#-
  The §2 order, the one total order where ties need one answer: (from, to, sequence with none first, movement
  before balance, source, line key, revision, fact id). No load or arrival id is in it, so the order of loading
  cannot matter. Text compares by bytes: collations differ between machines.
-#}
{% macro total_order(alias='', direction='asc', sequence=true) -%}
  {%- set a = alias ~ '.' if alias else '' -%}
  {%- set nulls = 'nulls first' if direction == 'asc' else 'nulls last' -%}
  {{ a }}rec_from {{ direction }}, {{ a }}rec_to {{ direction }}
  {%- if sequence %}, {{ a }}sequence {{ direction }} {{ nulls }}{% endif -%}
  , {{ a }}kind {{ 'desc' if direction == 'asc' else 'asc' }}
  , {{ a }}source collate "C" {{ direction }}, {{ a }}line_key collate "C" {{ direction }}
  , {{ a }}revision {{ direction }}, {{ a }}fact_id collate "C" {{ direction }}
{%- endmacro %}

{#- First received, then §2 order without sequence: how the kept one is chosen (semantics §4). -#}
{% macro kept_order(alias='') -%}
  {{ alias ~ '.' if alias else '' }}received_at, {{ total_order(alias, sequence=false) }}
{%- endmacro %}

{#- a is provably before b (semantics §2); a and b are facts of one key with rec_*, window_*, source, sequence. -#}
{% macro provably_before(a, b) -%}
  (case
    when {{ a }}.source = {{ b }}.source
      then {{ a }}.rec_to <= {{ b }}.rec_from
        or ({{ a }}.rec_from < {{ b }}.rec_to and {{ b }}.rec_from < {{ a }}.rec_to and {{ a }}.sequence < {{ b }}.sequence)
    else {{ a }}.window_to <= {{ b }}.window_from
  end) is true
{%- endmacro %}

{#- Text in the order of its bytes: collations differ between machines. -#}
{% macro by_bytes(text) -%}
  {{ text }} collate "C"
{%- endmacro %}

{#- One number for a key of several texts: millions are grouped in a fraction of the time and room that the texts take. -#}
{% macro key_hash() -%}
  {%- for column in varargs %}hashtextextended({{ column }}, {% endfor %}0{{ ')' * (varargs | length) }}
{%- endmacro %}
