"""Push corrections to the shop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from syncline.targets.cycle import run_push

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.policy import TargetPolicy
    from syncline.targets.shop.client import ShopClient


def push(
    conn: psycopg.Connection,
    client: ShopClient,
    policy: TargetPolicy,
    clock: Clock,
    worker: str,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, int]:
    """One push run; arguments, counts and errors as ``run_push``."""
    return run_push(conn, client, policy, clock, worker, sleep)
