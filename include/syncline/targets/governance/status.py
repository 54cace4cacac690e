"""The shared state of a target's limits, for people, and the way out of a pause by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from psycopg.rows import class_row

from syncline.errors import ConfigurationError
from syncline.exceptions import resolve_exception
from syncline.targets.governance.shared import RULE

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.registry.models import Limits

STATUS = """
select
  least(%(burst)s, greatest(0, floor(%(burst)s - extract(epoch from greatest(l.next_at - now.at, interval '0'))
    * %(per_s)s)))::integer as at_once,
  (select count(*) from ops.target_permits p where p.target = t.target and p.held_until > now.at)::integer as under_way,
  case when l.opened_at is null then 'closed'
    when l.opened_at + make_interval(secs => %(open_s)s) > now.at then 'open' else 'half-open' end as circuit,
  coalesce(l.failures, 0) as failures, l.opened_at,
  case when l.paused_until > now.at then l.paused_until end as paused_until, l.pause_reason,
  l.refused_at, l.resumed_by, l.resumed_at, l.checked_at
from (select %(target)s::text as target) t
cross join (select clock_timestamp() as at) now
left join ops.target_limits l using (target)
"""


@dataclass(frozen=True)
class Status:
    """Instants of the database's clock. ``at_once``: requests that may go out now; ``under_way``: slots that are held.

    ``circuit``: ``half-open`` from the moment on in which one call may try. ``failures``: in a row, without an answer.
    """

    at_once: int
    under_way: int
    circuit: Literal["closed", "open", "half-open"]
    failures: int
    opened_at: datetime | None
    paused_until: datetime | None
    pause_reason: str | None
    refused_at: datetime | None
    resumed_by: str | None
    resumed_at: datetime | None
    checked_at: datetime | None


def status(conn: psycopg.Connection, target: str, limits: Limits) -> Status:
    """What all workers of ``target`` share now; a target that was never called is as if all were well."""
    values = {
        "target": target, "burst": limits.burst, "per_s": limits.per_s, "open_s": limits.circuit.open_s,
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(Status)) as cursor:
        found = cursor.execute(STATUS, values).fetchone()
    assert found is not None
    return found


def resume(conn: psycopg.Connection, target: str, *, by: str, at: datetime) -> None:
    """A person lets ``target`` be called again: login, pause, circuit and slots are forgotten, the exception closed.

    Args:
        conn: role publisher. at: in the product's clock, of the exception's end.

    Raises:
        ConfigurationError: it was never called.
    """
    with conn.transaction():
        row = conn.execute(
            "update ops.target_limits set refused_login = null, refused_at = null, paused_until = null, "
            "pause_reason = null, opened_at = null, failures = 0, alone_until = '-infinity', next_at = '-infinity', "
            "resumed_by = %s, resumed_at = clock_timestamp() where target = %s returning target",
            (by, target),
        ).fetchone()
        if row is None:
            raise ConfigurationError(
                f"Target {target} was never called: there is nothing to resume.",
                next_step="See `syncline targets list` for its name, and its push for what it says.",
                target=target,
            )
        conn.execute("update ops.target_permits set held_until = '-infinity' where target = %s", (target,))
        resolve_exception(conn, RULE, target, at=at)
