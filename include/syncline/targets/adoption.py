"""Configured names are taken over between push runs: never under a correction that was sent by the old one.

| change of a name | what follows, in one transaction under the outbox lock |
|---|---|
| corrections sent by it are open, or the change list was not read since | nothing yet: the old one stays |
| else | the new one is in use; readings by the old one are void, untried corrections from them give way |

A run holds a shared lock while it uses the names, so that no reading by an old one is stored after the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.exceptions import close_gone, resolve_exception
from syncline.outbox.queue import queue_keys
from syncline.outbox.transitions import lock_outbox, transition
from syncline.targets.names import KINDS, Kind, Names
from syncline.targets.requests import JOINED, NAMED, ROWS_MAX, let_go_referenced, tell_unreferenced

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.policy import TargetPolicy

LOCK = ("syncline references",)

CHANGED = """
select kind, name, was.ref, now.ref from (
  select 'item' as kind, item as name, ref from ops.current_target_items where target = %(target)s
  union all select 'location', location, ref from ops.current_target_locations where target = %(target)s) now
full join (select kind, name, ref from ops.target_names where target = %(target)s) was using (kind, name)
where was.ref is distinct from now.ref order by kind, name
"""
# Sent by a name, and not over: open, or closed since the list was read last, so that its echo is still to come.
BUSY = """
select distinct o.{column} from ops.outbox o left join ops.target_cursors k on k.target = o.target
where o.target = %(target)s and o.{column} = any(%(names)s) and o.tries > 0
  and (o.state in ('pending', 'held', 'sent', 'unknown', 'rejected') or (%(lists)s and o.closed_at > k.read_at))
"""
NEWEST = """
select distinct on (item, location) item, location, reading_no, quantity, version, read_at from ops.target_readings
where target = %(target)s and (item = any(%(items)s) or location = any(%(locations)s))
order by item, location, reading_no desc
"""
READ = """
insert into ops.target_readings (target, item, location, reading_no, quantity, version, read_at)
select %(target)s, %(item)s, %(location)s, coalesce(max(reading_no), 0) + 1, %(quantity)s, %(version)s, %(read_at)s
from ops.target_readings where (target, item, location) = (%(target)s, %(item)s, %(location)s)
"""
VOID = """
insert into ops.void_readings values (%(target)s, %(item)s, %(location)s, %(reading_no)s)
on conflict (target, item, location) do update set reading_no = excluded.reading_no
"""
UNTRIED = """
select correction_id, state from ops.outbox where target = %(target)s and tries = 0 and state in ('pending', 'held')
and (item = any(%(items)s) or location = any(%(locations)s)) order by item, location
"""
WANTED = """
select distinct target, item, location from ops.target_versions
where target = %(target)s and (item = any(%(items)s) or location = any(%(locations)s))
"""
# Keys that the target should show and that cannot be said to it, and those told of that can be by now.
NAMELESS = f"""
select o.item, o.location
from (select distinct target, item, location from ops.target_versions where target = %(target)s) o {JOINED}
where not ({NAMED})
order by o.item, o.location limit %(limit)s
"""


@dataclass(frozen=True)
class Renamed:
    """What one name and reference mean before and after; ``names``: ours whose reference is another one now."""

    before: Names
    after: Names
    refs: frozenset[str]

    @property
    def names(self) -> list[str]:
        known = {self.before.name(ref) for ref in self.refs} | {self.after.name(ref) for ref in self.refs}
        known |= self.before.refs.keys() | self.after.refs.keys()
        return sorted(name for name in known if self.before.ref(name) != self.after.ref(name))

    def moved(self, name: str) -> str:
        """Who has the reference now that ``name`` had, or was marked for."""
        for ref in self.refs:
            if self.before.name(ref) == name:
                return self.after.name(ref)
        return name


def share(conn: psycopg.Connection, target: str) -> None:
    """Hold the names in use as they are until ``unshare`` or the end of the connection."""
    conn.execute("select pg_advisory_lock_shared(hashtext(%s), hashtext(%s))", (*LOCK, target))


def unshare(conn: psycopg.Connection, target: str) -> None:
    if not conn.closed:
        conn.execute("select pg_advisory_unlock_shared(hashtext(%s), hashtext(%s))", (*LOCK, target))


def adopt(conn: psycopg.Connection, policy: TargetPolicy, clock: Clock) -> list[tuple[Kind, str]]:
    """Take over what can be of the configured names, when no run of the target uses them; which kinds and names.

    Also lets go what was held for a reference and tells of keys that have none.
    """
    row = conn.execute("select pg_try_advisory_lock(hashtext(%s), hashtext(%s))", (*LOCK, policy.target)).fetchone()
    if not (row and row[0]):
        return []
    try:
        with conn.transaction():
            lock_outbox(conn, policy.target)
            at = clock.now()
            adopted = _adopt(conn, policy, at)
            let_go_referenced(conn, policy, at)
            _tell(conn, policy, at)
            return adopted
    finally:
        if not conn.closed:
            conn.execute("select pg_advisory_unlock(hashtext(%s), hashtext(%s))", (*LOCK, policy.target))


def _adopt(conn: psycopg.Connection, policy: TargetPolicy, at: datetime) -> list[tuple[Kind, str]]:
    changed: dict[Kind, dict[str, tuple[str | None, str | None]]] = {kind: {} for kind in KINDS}
    for kind, name, was, now in conn.execute(CHANGED, {"target": policy.target}).fetchall():
        changed[kind][name] = (was, now)
    if not any(changed.values()):
        return []
    renamed = {kind: _renamed(conn, policy, kind, changed[kind]) for kind in KINDS}
    _follow(conn, policy, renamed["item"], renamed["location"], at)
    adopted: list[tuple[Kind, str]] = []
    for kind in KINDS:
        rows = {name: ref for name, ref in renamed[kind].after.refs.items() if name in changed[kind]}
        gone = [name for name in changed[kind] if renamed[kind].before.refs.get(name) != rows.get(name)]
        conn.execute(
            "delete from ops.target_names where target = %s and kind = %s and name = any(%s)",
            (policy.target, kind, gone),
        )
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into ops.target_names values (%s, %s, %s, %s)",
                [(policy.target, kind, name, rows[name]) for name in gone if name in rows],
            )
        adopted += [(kind, name) for name in gone]
    return adopted


def _renamed(
    conn: psycopg.Connection, policy: TargetPolicy, kind: Kind, changed: dict[str, tuple[str | None, str | None]]
) -> Renamed:
    """What changes of one kind. A reference is taken over when whoever has it gives it up, and nothing is under way."""
    refs = {ref for pair in changed.values() for ref in pair if ref is not None}
    asked = sorted(changed.keys() | refs)
    rows: dict[str, str] = dict(
        conn.execute(
            "select name, ref from ops.target_names where target = %s and kind = %s "
            "and (name = any(%s) or ref = any(%s))",
            (policy.target, kind, asked, asked),
        ).fetchall()
    )
    busy = {
        name
        for (name,) in conn.execute(
            BUSY.format(column=kind).encode(),
            {"target": policy.target, "names": asked, "lists": policy.can.lists_changes},
        ).fetchall()
    }
    before = Names(rows, policy.references_required)
    ready = {name: now for name, (_, now) in changed.items() if name not in busy}
    while blocked := [name for name, now in ready.items() if now and _is_taken(before, now, name, ready, busy)]:
        for name in blocked:
            del ready[name]
    after = {name: ref for name, ref in rows.items() if name not in ready}
    after |= {name: now for name, now in ready.items() if now is not None}
    return Renamed(before, Names(after, policy.references_required), frozenset(refs | changed.keys()))


def _is_taken(before: Names, ref: str, name: str, ready: dict[str, str | None], busy: set[str]) -> bool:
    """Whether somebody has ``ref`` by the names in use and cannot give it up now."""
    user = before.name(ref)
    if user == name:
        return False
    return user in busy if user not in before.refs else user not in ready


def _follow(conn: psycopg.Connection, policy: TargetPolicy, items: Renamed, locations: Renamed, at: datetime) -> None:
    """Readings go with the reference that they were taken of, where a list told them; else they are taken anew."""
    target = policy.target
    names = {"target": target, "items": items.names, "locations": locations.names}
    sources = {
        "target": target,
        "items": sorted({items.before.name(ref) for ref in items.refs} | set(items.names)),
        "locations": sorted({locations.before.name(ref) for ref in locations.refs} | set(locations.names)),
    }
    newest = conn.execute(NEWEST, sources).fetchall()
    told: set[tuple[str, str]] = set()
    for item, location, _, quantity, version, read_at in newest if policy.can.lists_changes else ():
        key = (items.moved(item), locations.moved(location))
        if key != (item, location):
            values = {"target": target, "item": key[0], "location": key[1], "quantity": quantity}
            conn.execute(READ, values | {"version": version, "read_at": read_at})
            told.add(key)
    for item, location, reading_no, *_ in newest:
        if (item in names["items"] or location in names["locations"]) and (item, location) not in told:
            conn.execute(VOID, {"target": target, "item": item, "location": location, "reading_no": reading_no})
    conn.execute(
        "update ops.target_keys set looked_at = null where target = %(target)s "
        "and (item = any(%(items)s) or location = any(%(locations)s))",
        names,
    )
    for correction_id, state in conn.execute(UNTRIED, names).fetchall():
        transition(conn, correction_id, state, "dead", at=at, reason="superseded")
    queue_keys(conn, conn.execute(WANTED, names).fetchall(), "renamed", at)
    _resolve_unknown(conn, target, items, locations, at)


def _resolve_unknown(conn: psycopg.Connection, target: str, items: Renamed, locations: Renamed, at: datetime) -> None:
    for kind, renamed in (("item", items), ("location", locations)):
        for ref in sorted(renamed.after.refs.values()):
            resolve_exception(conn, "target.unknown_reference", f"{target} {kind} {ref}", at=at)


def _tell(conn: psycopg.Connection, policy: TargetPolicy, at: datetime) -> None:
    """One exception for each key that should be shown and cannot be said; closed when it can be."""
    target = policy.target
    nameless: Iterable[tuple[str, str]] = ()
    if (
        policy.references_required
        or conn.execute("select from ops.target_names where target = %s limit 1", (target,)).fetchone()
    ):
        values = {"target": target, "required": policy.references_required, "limit": ROWS_MAX}
        nameless = conn.execute(NAMELESS, values).fetchall()
    for item, location in nameless:
        tell_unreferenced(conn, target, item, location, at)
    close_gone(
        conn,
        "e.rule = 'target.no_reference' and starts_with(e.subject, %(of)s) and e.subject <> all(%(nameless)s)",
        {"of": f"{target} ", "nameless": [f"{target} {item} {location}" for item, location in nameless]},
        at=at,
    )
