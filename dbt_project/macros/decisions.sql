{#- The source of what people decided: a write-off lands as a fact of it (ADR 0014). Nobody declares it. -#}
{% macro operator() -%}
  'operator'
{%- endmacro %}

{#- A fact of `operator` is what a person decided to write off, unchanged; who may load facts cannot decide. -#}
{% macro is_decided(fact) -%}
  exists (
    select from {{ source('ops', 'current_decisions') }} as d
    where d.kind = 'write_off' and d.decision_id = {{ fact }}.line_key and {{ fact }}.kind = 'movement'
      and d.item = {{ fact }}.item_ref and d.location = {{ fact }}.location_ref and d.measure = {{ fact }}.status_ref
      and d.lot is not distinct from {{ fact }}.lot and d.uom = {{ fact }}.uom and d.quantity::text = {{ fact }}.quantity
      and d.recorded = {{ fact }}.said_from and d.event_key = {{ fact }}.event_key
      and {{ fact }}.revision = 1 and not {{ fact }}.cancel
  )
{%- endmacro %}
