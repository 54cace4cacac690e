"""Facts of one set, held until its end says whether they count: a few in memory, many in a file without a name."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any

from syncline.landing import Fact

IN_MEMORY = 2_048
MARSHAL_VERSION = 2  # the last without references, which nothing here would share
_as_fact = partial(tuple.__new__, Fact)
Tell = Callable[[Any], Iterable[tuple[object, ...]]]


class Spool:
    """Filled, then iterated as often as wished."""

    def __init__(self) -> None:
        self._held: list[tuple[int, Any]] = []  # each with the place of who tells its facts
        self._tells: dict[Tell, int] = {}
        self._file: IO[bytes] | None = None
        self._sizes: list[int] = []
        self._count = self._in_memory = 0

    def __len__(self) -> int:
        return self._count

    def add_all(self, facts: list[tuple[object, ...]]) -> None:
        """Facts with their values in the order of their fields."""
        self.add_told(iter, facts, len(facts))

    def add_told(self, tell: Tell, told: Any, count: int) -> None:
        """So many facts as ``tell`` makes of ``told``, plain data, whenever they are asked for."""
        self._held.append((self._tells.setdefault(tell, len(self._tells)), told))
        self._count += count
        self._in_memory += count
        if self._in_memory >= IN_MEMORY:
            self._spill()

    def __iter__(self) -> Iterator[Fact]:
        tells = list(self._tells)
        told = (tells[place](told) for place, told in chain(self._spilled(), self._held))
        return map(_as_fact, chain.from_iterable(told))

    def clear(self) -> None:
        """Forget everything."""
        if self._file is not None:
            self._file.close()
        self._held, self._tells, self._file, self._sizes = [], {}, None, []
        self._count = self._in_memory = 0

    def _spilled(self) -> Iterator[tuple[int, Any]]:
        if self._file is not None:
            self._file.seek(0)
            for size in self._sizes:
                yield from marshal.loads(self._file.read(size))
            self._file.seek(0, 2)

    def _spill(self) -> None:
        if self._file is None:
            # It lives as long as the spool.
            self._file = TemporaryFile(prefix="syncline-edi-")  # noqa: SIM115
        self._sizes.append(self._file.write(marshal.dumps(self._held, MARSHAL_VERSION)))
        self._held, self._in_memory = [], 0
