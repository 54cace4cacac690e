"""What a target declares about itself (semantics §9), and our limits towards it. Seconds are real seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.registry.models import Target
    from syncline.targets.contract import Capabilities

# Between the call's deadline and the lease's end: room to write down what happened.
LEASE_MARGIN_S = 4.0


@dataclass(frozen=True)
class TargetPolicy:
    """What a target can prove, and our limits towards it.

    Attributes:
        can: what its adapter declares.
        life_s: from the end of a lease to the last instant at which a request can still take effect; None: nobody says.
        lag_s: how long an effect may be missing from what the target shows.
        sole_writer: nobody else changes the number.
        key_retention_s: how long it remembers a key; None: for ever.
        not_executed: HTTP codes after which it has done nothing. refused: codes that refuse a whole document, nothing
            executed: alone in its document, the line is what was refused.
        references_required: a name without a row in target_items.csv or target_locations.csv cannot be sent.
        reread_s: a number that is read by key is read again after this, to see what others did. keys_max: keys a run.
    """

    target: str
    can: Capabilities
    life_s: float | None = 30.0
    lag_s: float = 0.0
    sole_writer: bool = False
    key_retention_s: float | None = None
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
    reread_s: float = 3600.0
    keys_max: int = 5000
    not_executed: frozenset[int] = frozenset({423, 429})
    refused: frozenset[int] = frozenset({400, 413, 422})
    references_required: bool = False

    def __post_init__(self) -> None:
        if self.lease_s <= self.call_s:
            raise ValueError(f"{self.target}: lease_s {self.lease_s} must be longer than call_s {self.call_s}")

    @property
    def settled_after_s(self) -> float:
        """Seconds from the end of a lease until what the target shows is the last word; ``life_s`` must be said."""
        assert self.life_s is not None
        return self.life_s + self.lag_s

    @classmethod
    def of(cls, entry: Target, can: Capabilities) -> TargetPolicy:
        """The policy of a registry entry whose adapter declares ``can``."""
        lease_s = entry.timeout_s + LEASE_MARGIN_S
        if can.answers_later:
            # Handed over is not done: the try is its holder's until the result is there.
            lease_s += entry.life_s
        retentions = [each for each in (entry.key_retention_s, can.key_retention_s) if each is not None]
        return cls(
            entry.name,
            can,
            life_s=float(entry.life_s),
            lag_s=float(entry.lag_s),
            sole_writer=entry.sole_writer,
            key_retention_s=float(min(retentions)) if retentions else None,
            lines_max=min(entry.lines_max, can.lines_max),
            tries_max=entry.tries_max,
            call_s=float(entry.timeout_s),
            lease_s=lease_s,
            not_executed=frozenset(entry.not_executed),
            references_required=entry.references == "required",
        )
