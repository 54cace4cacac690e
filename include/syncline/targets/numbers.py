"""Read what a target shows by key, where it has no list of changes: which keys, and what a reading says.

A key is looked at when somebody asks (it has no reading yet, it is queued, a tried correction closed, an unknown one
waits for its number), and again after ``reread_s``, since nobody tells us what others did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.exceptions import About, open_exception, resolve_exception
from syncline.outbox.transitions import lock_outbox
from syncline.targets.durations import real

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import Key, Shown, ShowsNumbers
    from syncline.targets.policy import TargetPolicy

KEYS_A_CALL = 200


@dataclass
class NumbersRead:
    """``complete``: every key that was asked for was looked at."""

    keys: int = 0
    readings: int = 0
    requeued: int = 0
    complete: bool = False


# Every key that should show something is one of the target's.
LEARN = """
insert into ops.target_keys (target, item, location)
select distinct target, item, location from ops.target_versions where target = %(target)s on conflict do nothing
"""
# What nobody asks for waits behind what somebody does; the longest not looked at first.
ASKED = """
select k.item, k.location
from ops.target_keys k
left join lateral (select max(o.closed_at) as closed_at, bool_or(o.state = 'unknown') as is_unknown from ops.outbox o
  where (o.target, o.item, o.location) = (k.target, k.item, k.location) and o.tries > 0) o on true
left join ops.correction_queue q on (q.target, q.item, q.location) = (k.target, k.item, k.location)
where k.target = %(target)s and (
  k.looked_at is null or k.looked_at < %(before)s or (o.closed_at >= k.looked_at and o.closed_at <= %(settled)s)
  or (q.queued_at >= k.looked_at and q.queued_at <= %(settled)s) or o.is_unknown)
order by k.looked_at is not null,
  coalesce(o.closed_at >= k.looked_at or q.queued_at >= k.looked_at, o.is_unknown, false) desc,
  k.looked_at, k.item, k.location
limit %(limit)s
"""


def read_numbers(conn: psycopg.Connection, adapter: ShowsNumbers, policy: TargetPolicy, clock: Clock) -> NumbersRead:
    """Look at the keys that are asked for, a few in a call, each call stored by itself.

    Raises:
        PartnerUnavailable, PartnerContractBroken, ConfigurationError: from the adapter; calls before are kept.
    """
    done = NumbersRead()
    # The instant before the request, less the target's lag: whatever was done by then is in the answer.
    began_at = clock.now() - real(clock, policy.lag_s)
    conn.execute(LEARN, {"target": policy.target})
    values = {
        "target": policy.target, "before": began_at - real(clock, policy.reread_s), "settled": began_at,
        "limit": policy.keys_max,
    }  # fmt: skip
    keys: list[Key] = [(row[0], row[1]) for row in conn.execute(ASKED, values).fetchall()]
    for first in range(0, len(keys), KEYS_A_CALL):
        asked = keys[first : first + KEYS_A_CALL]
        looked_at = clock.now() - real(clock, policy.lag_s)
        shown = adapter.show(asked)
        _store(conn, policy.target, asked, shown, looked_at, clock, done)
    done.complete = len(keys) < policy.keys_max
    return done


# The newest reading of a key, our effects proven since, and whether a correction that was tried used this reading up:
# the next one needs another number, also when the target shows the same.
BEFORE = """
select k.item, k.location, r.reading_no, r.quantity, r.version,
       coalesce(sum(case o.kind when 'delta' then o.quantity else o.quantity - o.shown end)
                filter (where o.state = 'applied'), 0)::bigint as ours,
       coalesce(r.reading_no <= v.reading_no, false) as is_void,
       coalesce(bool_or(o.state = 'applied' or (o.state = 'dead' and o.reason not like 'refused%%')), false) as is_used
from unnest(%(items)s::text[], %(locations)s::text[]) as k (item, location)
left join lateral (select * from ops.target_readings t
  where (t.target, t.item, t.location) = (%(target)s, k.item, k.location) order by reading_no desc limit 1) r on true
left join ops.outbox o on (o.target, o.item, o.location, o.reading_no) = (%(target)s, k.item, k.location, r.reading_no)
  and o.tries > 0
left join ops.void_readings v on (v.target, v.item, v.location) = (%(target)s, k.item, k.location)
left join ops.target_keys t on (t.target, t.item, t.location) = (%(target)s, k.item, k.location)
group by k.item, k.location, r.reading_no, r.quantity, r.version, v.reading_no, t.looked_at
having not coalesce(t.looked_at > %(looked_at)s, false)  -- another run looked later and was quicker: what it saw stands
order by k.item, k.location
"""
# Right now? A key with a correction open is judged when that one has closed.
QUEUE = """
insert into ops.correction_queue
select v.target, v.item, v.location, %(reason)s, %(at)s
from (select distinct on (t.item, t.location) t.* from ops.target_versions t
      inner join unnest(%(items)s::text[], %(locations)s::text[]) as k (item, location) using (item, location)
      where t.target = %(target)s order by t.item, t.location, t.version desc) v
cross join lateral (select quantity, reading_no from ops.target_readings r
  where (r.target, r.item, r.location) = (v.target, v.item, v.location) order by reading_no desc limit 1) shown
where (shown.quantity <> v.wanted or exists (select from ops.outbox o
  where (o.target, o.item, o.location) = (v.target, v.item, v.location) and o.tries = 0
    and o.state in ('pending', 'held') and o.reading_no < shown.reading_no)) and not exists (select from ops.outbox o
  where (o.target, o.item, o.location) = (v.target, v.item, v.location) and o.tries > 0
    and o.state in ('pending', 'held', 'sent', 'unknown', 'rejected'))
on conflict (target, item, location) do update set reason = excluded.reason, queued_at = excluded.queued_at,
  seen_by = null
"""


def _store(
    conn: psycopg.Connection, target: str, asked: Sequence[Key], shown: Mapping[Key, Shown], looked_at: datetime,
    clock: Clock, done: NumbersRead,
) -> None:  # fmt: skip
    with conn.transaction():
        lock_outbox(conn, target)
        at = clock.now()
        places = {
            "target": target, "items": [key[0] for key in asked], "locations": [key[1] for key in asked],
            "looked_at": looked_at,
        }  # fmt: skip
        rows, missing = [], []
        before = conn.execute(BEFORE, places).fetchall()
        asked = [(row[0], row[1]) for row in before]
        for item, location, reading_no, quantity, version, ours, is_void, is_used in before:
            found = shown.get((item, location))
            if found is None:
                missing.append((item, location))
            elif reading_no is None:
                rows.append((target, item, location, 1, found.quantity, found.version, looked_at, 0))
            elif is_void:
                # Another number of the target than before: what it differs by was done by nobody.
                rows.append((target, item, location, reading_no + 1, found.quantity, found.version, looked_at, 0))
            elif is_used or (found.quantity, found.version) != (quantity, version):
                unexplained = found.quantity - quantity - ours
                rows.append(
                    (target, item, location, reading_no + 1, found.quantity, found.version, looked_at, unexplained)
                )
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into ops.target_readings (target, item, location, reading_no, quantity, version, read_at, "
                "unexplained) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                rows,
            )
            cursor.executemany(
                "update ops.target_keys set looked_at = greatest(looked_at, %s), is_known = %s "
                "where (target, item, location) = (%s, %s, %s)",
                [(looked_at, key not in missing, target, *key) for key in asked],
            )
        done.requeued += conn.execute(QUEUE, places | {"reason": "read", "at": at}).rowcount
        _tell_missing(conn, target, asked, missing, at)
    done.keys += len(asked)
    done.readings += len(rows)


def _tell_missing(
    conn: psycopg.Connection, target: str, asked: Sequence[Key], missing: Sequence[Key], at: datetime
) -> None:
    nameless = conn.execute(
        "select subject from ops.exceptions where rule = 'target.no_reference' and state <> 'resolved' "
        "and subject = any(%s)",
        ([f"{target} {item} {location}" for item, location in missing],),
    ).fetchall()
    for item, location in asked:
        subject = f"{target} {item} {location}"
        if (item, location) not in missing or (subject,) in nameless:
            resolve_exception(conn, "push.key_unknown", subject, at=at)
            continue
        open_exception(
            conn, "push.key_unknown", subject, detail=f"{target} has no number of {item} at {location}.",
            next_step="Stock the item there, or take the key out of what the target should show.", at=at,
            about=About(target=target, item=item, location=location),
        )  # fmt: skip
