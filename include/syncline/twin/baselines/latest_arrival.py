"""Latest arrival wins: nothing is compared and nothing remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.twin.baselines.baseline import Baseline

if TYPE_CHECKING:
    from syncline.twin.statements import Statement


class LatestArrival(Baseline):
    """Every movement adds, every balance overwrites, the instant it arrives."""

    name = "latest arrival wins"

    def accepts(self, told: Statement) -> bool:
        return True
