"""What a target declares about itself (semantics §9), and our limits towards it. Seconds are real seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.registry.models import Target

# Between the call's deadline and the lease's end: room to write down what happened.
LEASE_MARGIN_S = 4.0


@dataclass(frozen=True)
class TargetPolicy:
    """Limits and declarations of one target.

    ``not_executed`` are HTTP codes after which the target has done nothing. ``refused`` are codes that refuse a
    whole document, nothing executed: alone in its document, the line is what was refused.
    Every target here answers a repeated line by its reference, so an unknown try is resent under the same id.
    """

    target: str
    kind: str  # delta or set
    lines_max: int = 10  # one locked row stops a whole document, so documents stay small
    tries_max: int = 6
    call_s: float = 8.0
    lease_s: float = 12.0
    run_s: float = 25.0
    back_off_s: float = 0.5
    back_off_max_s: float = 30.0
    trouble_max: int = 3  # documents in a row without an answer, then the target counts as down
    page_limit: int = 500
    pages_max: int = 400
    not_executed: frozenset[int] = frozenset({423, 429})
    refused: frozenset[int] = frozenset({400, 413, 422})

    def __post_init__(self) -> None:
        if self.lease_s <= self.call_s:
            raise ValueError(f"{self.target}: lease_s {self.lease_s} must be longer than call_s {self.call_s}")

    @classmethod
    def of(cls, entry: Target) -> TargetPolicy:
        """The policy of a registry entry."""
        return cls(
            entry.name,
            entry.style,
            lines_max=entry.lines_max,
            tries_max=entry.tries_max,
            call_s=float(entry.timeout_s),
            lease_s=entry.timeout_s + LEASE_MARGIN_S,
            not_executed=frozenset(entry.not_executed),
        )


ERP = TargetPolicy("erp", "delta")
SHOP = TargetPolicy("shop", "set")
