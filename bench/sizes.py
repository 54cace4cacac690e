"""What is measured at which size: `small` shows in two minutes that everything works, `full` gives the figures.

`large` goes to ten million facts; a run of its own (`make bench-large`), its histories kept for the next.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """``history`` and ``history_long``: facts of the two histories a micro-batch of ``batch`` facts meets.
    ``rebuilds``: facts of the full rebuilds whose growth is compared; the last one is ``history_long``."""

    name: str
    rebuilds: tuple[int, ...]
    history: int
    batch: int
    repetitions: int
    edi_items: int  # of an 846 and an INVRPT; 200,000 are 34 MB
    landing_rounds: int  # each is the median of its own repetitions
    idle_polls: int
    deep_items: int  # SKUs of the history whose keys are long instead of many
    deep_facts: int
    installation_minutes: float  # business time of the installation that shares and latency come from; 0: left out
    installation_rate: float
    waiting: tuple[int, int]  # corrections of one target that wait to be sent: few and many
    closed: int  # corrections of it that are done
    governance_rounds: int = 1
    governance_corrections: int = 250  # sent at 50 a second
    reconciled: int = 50_000  # item-locations of each system
    reconciling_rounds: int = 1

    @property
    def history_long(self) -> int:
        return self.rebuilds[-1]


SIZES = {
    "small": Size("small", (40_000, 80_000), 40_000, 1_000, 2, 10_000, 1, 10, 400, 0, 0.0, 0.0, (1_000, 5_000), 20_000),
    "full": Size(
        "full",
        (1_000_000, 5_000_000),
        100_000,
        10_000,
        5,
        200_000,
        3,
        50,
        400,
        1_000_000,
        3.0,
        50.0,
        (1_000, 100_000),
        1_000_000,
        governance_rounds=3,
        governance_corrections=1_500,
        reconciled=1_000_000,
        reconciling_rounds=3,
    ),
    "large": Size(
        "large",
        (1_000_000, 10_000_000),
        100_000,
        10_000,
        3,
        200_000,
        1,
        10,
        400,
        0,
        0.0,
        0.0,
        (1_000, 100_000),
        1_000_000,
    ),
}
