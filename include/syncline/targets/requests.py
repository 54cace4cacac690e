"""What a document says, kept before its first byte: its lines in the names that the target knows (ADR 0021).

The names of a correction are fixed by its first try. A try repeats id and body unchanged, whatever is configured since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from syncline.exceptions import About, open_exception
from syncline.outbox.release import NO_REFERENCE
from syncline.outbox.transitions import lock_outbox, transition

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

    from syncline.targets.contract import Document, Key
    from syncline.targets.policy import TargetPolicy

ROWS_MAX = 1000

# Both names of a key are in use; needs target, item and location as o. What is configured and not in use yet waits for
# what is under way by the old name.
JOINED = """
left join ops.target_names i on (i.target, i.kind, i.name) = (o.target, 'item', o.item)
left join ops.target_names l on (l.target, l.kind, l.name) = (o.target, 'location', o.location)
left join ops.current_target_items ci on (ci.target, ci.item) = (o.target, o.item)
left join ops.current_target_locations cl on (cl.target, cl.location) = (o.target, o.location)
"""
NAMED = """
i.ref is not distinct from ci.ref and l.ref is not distinct from cl.ref
and (i.ref is not null or not (%(required)s or exists (
  select from ops.target_names x where x.target = o.target and x.kind = 'item' and x.ref = o.item)))
and (l.ref is not null or not (%(required)s or exists (
  select from ops.target_names x where x.target = o.target and x.kind = 'location' and x.ref = o.location)))
"""
# An untried correction may be sent: its number was read by the names in use, too.
USABLE = f"""{NAMED} and not exists (select from ops.void_readings v
  where (v.target, v.item, v.location) = (o.target, o.item, o.location) and v.reading_no >= o.reading_no)"""
KEEP_NAMES = f"""
insert into ops.push_lines
select o.correction_id, coalesce(i.ref, o.item), coalesce(l.ref, o.location) from ops.outbox o {JOINED}
where o.correction_id = any(%(lines)s) and {USABLE}
on conflict do nothing
"""
KEEP_REQUEST = """
insert into ops.push_documents (document_id, target, lines, made_at, request)
select %(key)s, %(target)s, %(lines)s, %(at)s, %(request)s on conflict do nothing
"""
UNUSABLE = f"""
select o.correction_id, o.item, o.location from ops.outbox o {JOINED}
where o.target = %(target)s and o.state = 'pending' and o.tries = 0 and not ({USABLE})
order by o.item, o.location limit %(limit)s
"""
USABLE_AGAIN = f"""
select o.correction_id from ops.outbox o {JOINED}
where o.target = %(target)s and o.state = 'held' and o.tries = 0 and o.reason = %(reason)s and {USABLE}
  and o.to_version = (select max(t.version) from ops.target_versions t
                      where (t.target, t.item, t.location) = (o.target, o.item, o.location))
order by o.item, o.location limit %(limit)s
"""


def store_request(conn: psycopg.Connection, policy: TargetPolicy, document: Document, at: datetime) -> bool:
    """Keep ``document`` as it is about to be sent; inside the transaction that commits its tries.

    False: a line has no reference that it may be sent by. Roll back, then ``hold_unreferenced``.
    """
    lines = [line.reference for line in document.lines]
    values = {"lines": lines, "required": policy.references_required}
    conn.execute(KEEP_NAMES, values)
    names = sent_names(conn, lines)
    if len(names) < len(lines):
        return False
    request = [
        {
            "reference": line.reference,
            "item": names[line.reference][0],
            "location": names[line.reference][1],
            "quantity": line.quantity,
            "expected_version": line.expected_version,
            "shown": line.shown,
        }
        for line in document.lines
    ]
    conn.execute(
        KEEP_REQUEST,
        {"key": document.key, "target": policy.target, "lines": lines, "at": at, "request": Jsonb({"lines": request})},
    )
    return True


def sent_names(conn: psycopg.Connection, references: Iterable[str]) -> dict[str, Key]:
    """Correction id -> item and location as its tries are sent with; those that have begun."""
    rows = conn.execute(
        "select correction_id, item_ref, location_ref from ops.push_lines where correction_id = any(%s)",
        (list(references),),
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def hold_unreferenced(conn: psycopg.Connection, policy: TargetPolicy, at: datetime) -> int:
    """Hold untried corrections that have no reference to be sent by, and tell a person; how many."""
    with conn.transaction():
        lock_outbox(conn, policy.target)
        values = {"target": policy.target, "required": policy.references_required, "limit": ROWS_MAX}
        held = 0
        for correction_id, item, location in conn.execute(UNUSABLE, values).fetchall():
            held += transition(conn, correction_id, "pending", "held", at=at, reason=NO_REFERENCE)
            tell_unreferenced(conn, policy.target, item, location, at)
    return held


def let_go_referenced(conn: psycopg.Connection, policy: TargetPolicy, at: datetime) -> int:
    """Let go what was held for a reference and is the key's newest version; called under the lock of the outbox."""
    values = {
        "target": policy.target, "required": policy.references_required, "reason": NO_REFERENCE, "limit": ROWS_MAX,
    }  # fmt: skip
    rows = conn.execute(USABLE_AGAIN, values).fetchall()
    return sum(transition(conn, correction_id, "held", "pending", at=at) for (correction_id,) in rows)


def tell_unreferenced(conn: psycopg.Connection, target: str, item: str, location: str, at: datetime) -> None:
    open_exception(
        conn, "target.no_reference", f"{target} {item} {location}",
        detail=f"{target}: {item} at {location} has no reference that a correction may be sent by.",
        next_step=f"Name the item in target_items.csv and the location in target_locations.csv for {target}, then "
        "`syncline config apply`. A changed name is taken over by itself when what is under way has closed.",
        at=at, about=About(target=target, item=item, location=location),
    )  # fmt: skip
