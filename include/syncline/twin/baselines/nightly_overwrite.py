"""Nightly overwrite: movements as they come, and at night the partner's last file is the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.twin.baselines.baseline import Baseline

if TYPE_CHECKING:
    from syncline.twin.crosswalk import StockKey
    from syncline.twin.statements import Statement


class NightlyOverwrite(Baseline):
    """Movements and counts of an API are booked as they come. Of an 846 the newest arrival of each partner is kept; the
    nightly job overwrites every number that it states, whatever happened since its as-of.
    """

    name = "nightly overwrite"

    def __init__(self, *openings: dict[StockKey, int]) -> None:
        super().__init__(*openings)
        self._files: dict[tuple[str, StockKey, str], Statement] = {}

    def accepts(self, told: Statement) -> bool:
        is_stated = told.is_file and told.is_balance
        if is_stated:
            self._files[told.source, told.key, told.measure] = told
        return not is_stated

    def wake(self, at_ms: int) -> set[StockKey]:
        for told in self._files.values():
            self.book(told)
        keys = {told.key for told in self._files.values()}
        self._files.clear()
        return keys
