"""Real seconds in the product's clock: leases and due times live in it, sockets do not."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.clock import Clock
    from syncline.targets.policy import TargetPolicy


def real(clock: Clock, seconds: float) -> timedelta:
    """Duration in the product's clock of real seconds."""
    return timedelta(seconds=seconds * clock.rate)


def back_off_s(policy: TargetPolicy, correction_id: str, try_no: int) -> float:
    """Real seconds before the next try: doubling, with a jitter that depends on the correction and the try alone."""
    digest = hashlib.sha256(f"{correction_id}/{try_no}".encode()).digest()
    jitter = 0.5 + int.from_bytes(digest[:4], "big") / 2**33  # 0.5 ... 1.0
    return min(policy.back_off_s * 2.0 ** min(try_no - 1, 10), policy.back_off_max_s) * jitter
