{#-
  Post-hook of releases: one that is open and has a due time expires by itself. A due row has its item thought about again
  then, with all that waits for what it frees; the same row twice would only be the same thought twice.
-#}
{% macro wake_when_due() -%}
  insert into {{ source('ops', 'key_triggers') }} (item, location, measure, reason, due_at)
  select distinct r.item, r.location, 'provisional', 'release due', r.due_at
  from {{ this }} as r
  cross join {{ source('ops', 'current_batch') }} as b
  where r.batch_id = b.batch_id and r.is_open and r.due_at > b.as_of and not exists (
    select from {{ source('ops', 'key_triggers') }} as t
    where t.batch_id is null and t.due_at = r.due_at and t.item = r.item and t.location = r.location and t.measure = 'provisional'
  )
{%- endmacro %}
