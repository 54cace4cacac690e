"""The loops of one set while it is read: what each has said, and what is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from syncline.edi.blocks import Segment


@dataclass(slots=True, eq=False)
class Loop:
    """One loop, begun by ``segment``; ``above`` is the one it belongs to. ``values`` by name, ``#name``: its ordinal.

    ``is_broken``: something in it cannot be read, so it and what stands in it give no facts.
    """

    name: str
    segment: Segment
    above: Loop | None = None
    values: dict[str, str] = field(default_factory=dict)
    inside: list[Loop] = field(default_factory=list)
    count: int = 0  # of the loops that ever stood in it
    is_broken: bool = False
    depth: int = 0  # of a level, below the set

    def all_values(self) -> dict[str, str]:
        """Its values over those of the loops above it."""
        return self.values if self.above is None else {**self.above.all_values(), **self.values}

    def is_in_broken(self) -> bool:
        """Whether it, or a loop that it stands in, cannot be read."""
        return self.is_broken or (self.above is not None and self.above.is_in_broken())

    def walk(self) -> Iterator[Loop]:
        """Itself and the loops inside it, in their order; a broken one hides what stands in it."""
        if not self.is_broken:
            yield self
            for loop in self.inside:
                if loop.inside:
                    yield from loop.walk()
                elif not loop.is_broken:
                    yield loop
