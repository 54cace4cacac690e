-- Facts that could not be understood, each with its code, where it stands in its document, and the way back.

select
  f.fact_id,
  f.source,
  f.quarantine_code,
  f.quarantine_detail,
  f.document_id,
  f.position,
  f.item_ref,
  f.location_ref,
  f.status_ref,
  f.uom,
  f.quantity_as_written,
  f.recorded,
  f.received_at
from {{ ref('stg_facts') }} as f
where f.quarantine_code is not null and not f.is_test
