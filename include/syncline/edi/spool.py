"""Facts of one set, held until its end says whether they count: a few in memory, many in a file without a name."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryFile
from typing import IO

from syncline.landing import Fact

IN_MEMORY = 2_048
_as_fact = partial(tuple.__new__, Fact)


class Spool:
    """Filled, then iterated as often as wished."""

    def __init__(self) -> None:
        self._held: list[tuple[object, ...]] = []
        self._file: IO[bytes] | None = None
        self._sizes: list[int] = []
        self._spilled = 0

    def __len__(self) -> int:
        return self._spilled + len(self._held)

    def add_all(self, facts: list[tuple[object, ...]]) -> None:
        """Facts with their values in the order of their fields."""
        self._held += facts
        if len(self._held) >= IN_MEMORY:
            self._spill()

    def __iter__(self) -> Iterator[Fact]:
        if self._file is not None:
            self._file.seek(0)
            for size in self._sizes:
                yield from map(_as_fact, marshal.loads(self._file.read(size)))
            self._file.seek(0, 2)
        yield from map(_as_fact, self._held)

    def clear(self) -> None:
        """Forget everything."""
        self._held = []
        if self._file is not None:
            self._file.close()
        self._file, self._sizes, self._spilled = None, [], 0

    def _spill(self) -> None:
        if self._file is None:
            # It lives as long as the spool.
            self._file = TemporaryFile(prefix="syncline-edi-")  # noqa: SIM115
        self._sizes.append(self._file.write(marshal.dumps(self._held, 2)))
        self._spilled += len(self._held)
        self._held = []
