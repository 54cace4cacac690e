"""Facts of one set, held until its end says whether they count: a few in memory, many in a file without a name."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO

from syncline.landing import Fact

AT_ONCE = 4_096
IN_MEMORY = 4 * AT_ONCE
_new_fact = tuple.__new__


class Spool:
    """``add`` then iterate, as often as wished; ``tell`` is given to those who add many."""

    def __init__(self) -> None:
        self._held: list[tuple[object, ...]] = []
        self._file: IO[bytes] | None = None
        self._count = 0
        self._spilled = 0

    def __len__(self) -> int:
        return self._spilled + len(self._held)

    def add(self, fact: tuple[object, ...]) -> None:
        """One fact, in the order of its fields."""
        self._held.append(fact)
        if len(self._held) >= IN_MEMORY:
            self._spill()

    def __iter__(self) -> Iterator[Fact]:
        if self._file is not None:
            self._file.seek(0)
            for _ in range(self._count):
                for fact in marshal.load(self._file):
                    yield _new_fact(Fact, fact)
            self._file.seek(0, 2)
        for fact in self._held:
            yield _new_fact(Fact, fact)

    def clear(self) -> None:
        """Forget everything."""
        self._held = []
        if self._file is not None:
            self._file.close()
        self._file, self._count, self._spilled = None, 0, 0

    def _spill(self) -> None:
        if self._file is None:
            # It lives as long as the spool.
            self._file = TemporaryFile(prefix="syncline-edi-")  # noqa: SIM115
        marshal.dump(self._held, self._file, 2)
        self._count += 1
        self._spilled += len(self._held)
        self._held = []
