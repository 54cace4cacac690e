{#- Whether a written time is an instant in UTC that Postgres reads as it stands: no date here is missing in a calendar. -#}
{% macro is_plain_instant(text) -%}
  ({{ text }} ~ '^(19|2\d)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?Z$')
{%- endmacro %}

{#- Parts of a written time: [1] date [2] hour [3] minute [4] second [5] fraction [6] zone. Null when it is no time. -#}
{% macro time_parts(text) -%}
  regexp_match({{ text }}, '^(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$')
{%- endmacro %}

{#- Whether the parts name an instant that exists on a calendar and a 24-hour clock (2400 is the end of the day). -#}
{% macro is_calendar_time(parts) -%}
  ({{ parts }} is not null
    and substr({{ parts }}[1], 1, 4)::int between 1900 and 2999
    and substr({{ parts }}[1], 6, 2)::int between 1 and 12
    and substr({{ parts }}[1], 9, 2)::int between 1 and case substr({{ parts }}[1], 6, 2)::int
      when 2 then case when substr({{ parts }}[1], 1, 4)::int % 4 = 0
        and (substr({{ parts }}[1], 1, 4)::int % 100 <> 0 or substr({{ parts }}[1], 1, 4)::int % 400 = 0) then 29 else 28 end
      when 4 then 30 when 6 then 30 when 9 then 30 when 11 then 30 else 31 end
    and (coalesce({{ parts }}[2], '0')::int <= 23
      or ({{ parts }}[2] = '24' and {{ parts }}[3] = '00' and coalesce({{ parts }}[4], '00')::int = 0 and coalesce({{ parts }}[5], '0')::bigint = 0))
    and coalesce({{ parts }}[3], '0')::int <= 59
    and coalesce({{ parts }}[4], '0')::int <= 59)
{%- endmacro %}

{#- The wall-clock time that the parts write, to the microsecond. -#}
{% macro wall_time(parts) -%}
  ({{ parts }}[1]::date
    + make_interval(hours => coalesce({{ parts }}[2], '0')::int, mins => coalesce({{ parts }}[3], '0')::int,
      secs => coalesce({{ parts }}[4], '0')::int)
    + substr(rpad(coalesce({{ parts }}[5], '0'), 6, '0'), 1, 6)::int * interval '1 microsecond')
{%- endmacro %}

{#- Offset of a written zone from UTC. -#}
{% macro zone_offset(parts) -%}
  case when {{ parts }}[6] = 'Z' then interval '0'
    else (substr({{ parts }}[6], 1, 1) || '1')::int
      * make_interval(hours => substr({{ parts }}[6], 2, 2)::int, mins => right({{ parts }}[6], 2)::int) end
{%- endmacro %}

{#-
  The other instant that shows the same wall-clock time, when daylight saving repeats the hour (shifts of an
  hour or half an hour exist); null when there is none.
-#}
{% macro other_reading(instant, wall, zone) -%}
  case
    when ({{ instant }} + interval '1 hour') at time zone {{ zone }} = {{ wall }} then {{ instant }} + interval '1 hour'
    when ({{ instant }} - interval '1 hour') at time zone {{ zone }} = {{ wall }} then {{ instant }} - interval '1 hour'
    when ({{ instant }} + interval '30 minutes') at time zone {{ zone }} = {{ wall }} then {{ instant }} + interval '30 minutes'
    when ({{ instant }} - interval '30 minutes') at time zone {{ zone }} = {{ wall }} then {{ instant }} - interval '30 minutes'
  end
{%- endmacro %}

{#- Whether daylight saving skips the written hour: no instant shows it. A date is never skipped, only shorter. -#}
{% macro is_skipped(parts, instant, wall, zone) -%}
  coalesce({{ parts }}[2] is not null and {{ parts }}[6] is null and {{ instant }} at time zone {{ zone }} <> {{ wall }}, false)
{%- endmacro %}

{#- Whether a text is a plain decimal number that exact arithmetic can take. -#}
{% macro is_written_quantity(text) -%}
  ({{ text }} ~ '^[+-]?\d{1,15}(\.\d{1,9})?$')
{%- endmacro %}
