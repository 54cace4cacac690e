{#- Id of a loop: a hash of what it is about, so that every run, rebuild and machine calls it the same. -#}
{% macro loop_id(parts) -%}
  left(encode(sha256(convert_to(jsonb_build_array({{ parts | join(', ') }})::text, 'UTF8')), 'hex'), 40)
{%- endmacro %}
