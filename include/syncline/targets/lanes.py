"""One writer per (target, item): items are hashed to a few lanes, whose session locks die with their connection.

A lane is an advisory lock, so whatever kills a worker gives its lanes back; what it had under way is known by
its lease. Nobody ever waits for a lane, so no two workers can wait for each other.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

# Few enough that a document costs one statement and a handful of locks, many enough for every worker of a target.
LANES = 64
# Of a column or parameter in SQL. It is the same in all sessions of a server, and nothing stores it.
LANE_OF = f"(hashtext({{}}) & {LANES - 1})"


class Share(NamedTuple):
    """The lanes a worker asks for first: those whose number leaves ``number`` when divided by ``of``.

    Workers of one run have disjoint shares, so they seldom meet; a worker whose share is empty takes from all.
    """

    number: int = 0
    of: int = 1


EVERY_LANE = Share()


class Lanes:
    """Lanes of one target that a connection holds for one document. Use as a context manager: it gives them back."""

    def __init__(self, conn: psycopg.Connection, target: str) -> None:
        self._conn, self._name = conn, f"syncline lane {target}"
        self._asked: dict[int, bool] = {}

    def take(self, numbers: Iterable[int]) -> set[int]:
        """Those of ``numbers`` that are ours now. Never waits; a lane that was busy once counts as busy."""
        wanted = sorted(set(numbers))
        new = [number for number in wanted if number not in self._asked]
        if new:
            rows = self._conn.execute(
                "select lane, pg_try_advisory_lock(hashtext(%s), lane) from unnest(%s::int[]) as lane",
                (self._name, new),
            ).fetchall()
            self._asked.update(rows)
        return {number for number in wanted if self._asked[number]}

    def take_items(self, items: Iterable[str]) -> bool:
        """True when the lanes of all ``items`` are ours now."""
        rows = self._conn.execute(
            f"select distinct {LANE_OF.format('item')} from unnest(%s::text[]) as item",
            (list(items),),
        ).fetchall()
        numbers = {number for (number,) in rows}
        return self.take(numbers) == numbers

    @property
    def busy(self) -> list[int]:
        """Lanes that others held when they were asked for."""
        return sorted(number for number, is_ours in self._asked.items() if not is_ours)

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        held = [number for number, is_ours in self._asked.items() if is_ours]
        # A broken connection has lost its locks already; asking it to unlock would only hide the first error.
        if held and not self._conn.closed:
            self._conn.execute(
                "select pg_advisory_unlock(hashtext(%s), lane) from unnest(%s::int[]) as lane", (self._name, held)
            )


@contextmanager
def lane(conn: psycopg.Connection, target: str, item: str) -> Iterator[bool]:
    """True inside when the lane of ``item`` was free; it is given back at the end. Never waits.

    Two items whose hashes meet share a lane, which costs a little parallelism and nothing else.
    """
    with Lanes(conn, target) as lanes:
        yield lanes.take_items([item])
