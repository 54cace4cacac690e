"""The states of a correction (semantics §9) as data; ``ops.outbox_moves`` holds the same rows.

A state is *open* while something of the correction may still happen: at most one is open for each (target, key).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["pending", "held", "sent", "rejected", "unknown", "applied", "dead"]
Tried = Literal["any", "never", "once"]  # once or more

OPEN: tuple[State, ...] = ("pending", "held", "sent", "unknown", "rejected")
FIRST: tuple[State, ...] = ("pending", "held")


@dataclass(frozen=True)
class Move:
    """One allowed change of state, and who may make it. ``never``: only before the first try, ``once``: only after."""

    from_: State
    to: State
    who: str
    tried: Tried = "any"


MOVES: tuple[Move, ...] = (
    Move("pending", "held", "policy or a person", "never"),
    # After a try only proof or a person's `dead` ends a hold, so this way back is for untried ones too.
    Move("held", "pending", "policy or a person", "never"),
    Move("pending", "dead", "compute: superseded", "never"),
    # Untried: superseded, or denied by a person. Tried: a person, with a reason.
    Move("held", "dead", "compute: superseded; a person"),
    Move("pending", "sent", "worker with the lane's lock"),
    Move("pending", "unknown", "lane's lock: the target forgets its key", "once"),
    Move("sent", "pending", "holder of the try: not executed"),
    Move("sent", "rejected", "holder of the try: proven without effect"),
    Move("sent", "unknown", "holder of the try; after the lease the lane's lock"),
    Move("unknown", "pending", "lane's lock, tries left, same id"),
    Move("unknown", "dead", "lane's lock: unproven"),
    Move("unknown", "held", "lane's lock: escalated"),
    Move("rejected", "dead", "compute"),
    *(Move(state, "applied", "anybody: proof of effect") for state in (*OPEN, "dead")),
)

_BY_PAIR = {(move.from_, move.to): move for move in MOVES}


def move(from_: State, to: State) -> Move | None:
    """The allowed move, or None."""
    return _BY_PAIR.get((from_, to))
