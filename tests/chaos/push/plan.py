"""What a chaos run does to a target, drawn from the seed before it begins, by number of document and of key.

The plan is the same for a seed, whatever happens. What the operating system still decides is when: which of two
workers takes a document, at which instruction a kill hits, and so how many documents there are in the end.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[str, str]
DOCUMENTS_MAX = 60_000  # more than any run sends
LOW, HIGH = 200, 800  # numbers wanted; what others do keeps them above zero
# One document in five meets something.
RATES = {
    "lost_request": 0.035, "lost_answer": 0.04, "late": 0.025, "cut_body": 0.025, "server_error": 0.02,
    "error_after": 0.02, "throttled": 0.015, "locked": 0.02,
}  # fmt: skip
# The twin ERP and shop draw for every call; a late effect is not theirs.
TWIN_RATES = {
    "lost_request": 0.05, "lost_answer": 0.05, "server_error": 0.03, "error_after": 0.03, "throttled": 0.01,
    "cut_body": 0.03, "row_lock": 0.05,
}  # fmt: skip


class Blow(NamedTuple):
    """Something done at a document: ``kill`` (SIGKILL) or ``clear`` (another one first) a worker, or ``outside``.

    ``after_s``: real seconds after the document was seen. ``place``: which worker, or which key. ``delta``: outside.
    """

    kind: str
    after_s: float
    place: int
    delta: int


def faults(seed: int, name: str, shapes: frozenset[str]) -> deque[str]:
    """The fault of each writing call of a vendor's stand-in, by its number. ``shapes``: those its API has beside."""
    rng = Random(f"{seed}/{name}/faults")
    rates = {fault: rate for fault, rate in RATES.items() if fault not in ("throttled", "locked") or fault in shapes}
    if "partial" in shapes:
        rates["partial"] = 0.03
    names = [*rates, "ok"]
    weights = [*rates.values(), 1.0 - sum(rates.values())]
    return deque(rng.choices(names, weights, k=DOCUMENTS_MAX))


def blows(
    seed: int, name: str, *, others: bool, lines: int, often: float = 1.0
) -> Iterator[tuple[int, Blow]]:  # fmt: skip
    """(number of the document, what is done), rising. ``others``: somebody else writes the numbers, too.

    ``lines`` a document at most: a target of small documents gets more of them, and no more blows.
    """
    rng = Random(f"{seed}/{name}/blows")
    for number in range(1, DOCUMENTS_MAX):
        drawn = rng.random() * (2.0 if lines == 1 else 0.4) / often
        after_s, place, delta = rng.uniform(0.0, 0.08), rng.randrange(2**31), rng.choice((-5, -3, -1, 1, 2, 4))
        if drawn < 0.02:
            yield number, Blow("kill", after_s, place, 0)
        elif drawn < 0.03:
            yield number, Blow("clear", after_s, place, 0)
        elif drawn < 0.12 and others:
            yield number, Blow("outside", after_s, place, delta)


def restarts(seed: int, corrections: int, times: int) -> list[tuple[int, str]]:
    """(corrections made, mode of ``pg_ctl stop``): when Postgres is restarted."""
    rng = Random(f"{seed}/postgres")
    spread = [(each + rng.uniform(0.3, 0.7)) / times for each in range(times)]
    return [(int(share * corrections), "immediate" if at % 2 == 0 else "fast") for at, share in enumerate(spread)]


def wanted(seed: int, name: str, key: Key) -> Iterator[int]:
    """The numbers that a key should show, one after the other; each another one than before."""
    rng = Random(f"{seed}/{name}/{key[0]}/{key[1]}")
    before = 0
    while True:
        number = rng.randint(LOW, HIGH)
        if number != before:
            yield number
        before = number
