"""What a target's adapter declares, written down for those who compute its corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.targets.policy import TargetPolicy


def write_traits(conn: psycopg.Connection, policy: TargetPolicy, at: datetime) -> None:
    """Store in ``ops.target_traits`` how the target is corrected; a row that says the same is left alone."""
    can = policy.can
    conn.execute(
        "insert into ops.target_traits as t values (%s, %s, %s, %s, %s, %s) on conflict (target) do update "
        "set (writes, compare, lists_changes, is_sole_writer, told_at) = "
        "(excluded.writes, excluded.compare, excluded.lists_changes, excluded.is_sole_writer, excluded.told_at) "
        "where (t.writes, t.compare, t.lists_changes, t.is_sole_writer) is distinct from "
        "(excluded.writes, excluded.compare, excluded.lists_changes, excluded.is_sole_writer)",
        (policy.target, can.writes, can.compare, can.lists_changes, policy.sole_writer, at),
    )
