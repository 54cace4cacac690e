"""Which raw facts a stock key needs to be decided anew: its own, and those that are judged together with them.

What a fact is mapped to depends on the configuration, so facts are found by what their source wrote: every name that
meant the item (and the location) in the configuration asked about, wherever such facts are staged today. A superset is
harmless: what does not belong to the key is decided beside it and not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from syncline.history.knowledge import Knowledge

if TYPE_CHECKING:
    import psycopg

Place = tuple[str, str]  # item, location

# `names`: as written then; `homes`: what such a name means in that version or any later one.
_NAMES = """
with version as (
  select coalesce(max(version_id), 0) as then from ops.config_versions
  where kind = %(table)s and version_id <= %(config)s),
names as (
  select distinct c.{ref} from ops.{table} c, version v where c.version_id = v.then and c.{name} = any(%(known)s))
select
  (select coalesce(array_agg(n.{ref}), '{{}}') from names n),
  (select coalesce(array_agg(distinct c.{name}), '{{}}') from ops.{table} c join names n using ({ref}), version v
   where c.version_id >= v.then)
"""
# A reading that replaced another one since took facts out of staging that counted then.
_CLOSURE = """
with replaced as materialized (
  select f.fact_id, f.source, f.line_key, f.event_key, f.item_ref, f.location_ref
  from ops.released_readings r
  join raw.facts f on f.document_id = r.document_id and f.received_at = r.received_at and f.load_id < r.load_id
  where r.batch_id > %(batch)s and f.kind is not null
),
own as materialized (
  select s.fact_id, s.source, s.line_key, s.event_key from staging.stg_facts s
  where s.item = any(%(items)s) and s.item_ref = any(%(item_refs)s) and s.location_ref = any(%(location_refs)s)
    and (s.location is null or s.location = any(%(locations)s))
  union
  select s.fact_id, s.source, s.line_key, s.event_key from staging.stg_facts s
  where s.item is null and s.item_ref = any(%(item_refs)s) and s.location_ref = any(%(location_refs)s)
  union
  select fact_id, source, line_key, event_key from replaced
  where item_ref = any(%(item_refs)s) and location_ref = any(%(location_refs)s)
),
kin as materialized (
  select o.fact_id, o.source, o.line_key from own o
  union
  select s.fact_id, s.source, s.line_key from (select distinct event_key from own) o
  cross join lateral (select * from staging.stg_facts x where x.event_key = o.event_key offset 0) s
  union
  select s.fact_id, s.source, s.line_key from (select distinct source, line_key from own) o
  cross join lateral (
    select * from staging.stg_facts x where (x.line_key, x.source) = (o.line_key, o.source) offset 0) s
  union
  select r.fact_id, r.source, r.line_key from own o join replaced r
    on r.event_key = o.event_key or (r.line_key, r.source) = (o.line_key, o.source)
),
-- The line of a telling decides which of its receipts is the telling; the line of a line, its events.
lines as (
  select s.fact_id, s.event_key from (select distinct source, line_key from kin) k
  cross join lateral (
    select * from staging.stg_facts x where (x.line_key, x.source) = (k.line_key, k.source) offset 0) s
  union
  select r.fact_id, r.event_key from kin k join replaced r on (r.line_key, r.source) = (k.line_key, k.source)
)
select fact_id from kin
union
select fact_id from lines
"""


def fact_ids(conn: psycopg.Connection, knowledge: Knowledge, places: Sequence[Place]) -> list[str]:
    """Ids of the raw facts that decide the numbers of ``places`` (all measures and lots) by ``knowledge``.

    Facts of later batches may be among them: whoever reads the facts leaves those out. History is looked up by index.
    """
    item_refs, items = _names(conn, knowledge, "item_crosswalk", "item", {item for item, _ in places})
    location_refs, locations = _names(
        conn, knowledge, "location_crosswalk", "location", {location for _, location in places}
    )
    values: dict[str, Any] = {
        "batch": knowledge.batch_id, "items": items, "item_refs": item_refs,
        "locations": locations, "location_refs": location_refs,
    }  # fmt: skip
    return sorted(fact for (fact,) in conn.execute(_CLOSURE, values))


def _names(
    conn: psycopg.Connection, knowledge: Knowledge, table: str, name: str, known: set[str]
) -> tuple[list[str], list[str]]:
    row = conn.execute(
        _NAMES.format(table=table, name=name, ref=f"{name}_ref").encode(),
        {"table": table, "config": knowledge.config_version, "known": sorted(known)},
    ).fetchone()
    assert row is not None
    # A fact of our own names its stock key itself.
    return sorted({*row[0], *known}), sorted({*row[1], *known})
