"""The wait for a target's limits, before lines are claimed for it: a lease must not run while nobody calls."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from syncline.targets.contract import Adapter


@runtime_checkable
class TakesTurns(Protocol):
    """An adapter under limits."""

    def turn(self, wait_max_s: float) -> AbstractContextManager[None]:
        """See ``GovernedAdapter.turn``."""


def turn(adapter: Adapter, wait_max_s: float) -> AbstractContextManager[None]:
    """A turn of ``adapter``, or nothing where it is under no limits."""
    return adapter.turn(wait_max_s) if isinstance(adapter, TakesTurns) else nullcontext()
