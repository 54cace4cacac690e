"""Every verdict against the twin's labels: does a report differ from what the owner told beyond its own movements?

The label of a verdict takes from Syncline only which two statements were compared. It knows the true instant of each
(not what was written), and every movement the owner really told, once, at the instant it was posted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from statistics import median
from typing import TYPE_CHECKING, Any

from syncline.twin.ledger import Key
from syncline.twin.statements import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

    from syncline.twin.network import Site
    from syncline.twin.replay import Lived
    from syncline.twin.world import World

FLAGS = {"discrepancy", "delay"}
VERDICTS = """
select v.item, v.location, v.measure, v.source, v.reported, s.line_key, c.source, c.reported, t.line_key, v.verdict,
  v.is_decided or cardinality(v.variances) = 1
from canonical.verdicts v
join staging.stg_facts s on s.fact_id = v.fact_id
left join canonical.verdicts c on c.fact_id = v.compared_to
left join staging.stg_facts t on t.fact_id = v.compared_to
order by v.fact_id
"""


@dataclass(frozen=True)
class VerdictScore:
    """Statements of one kind of site; ``flagged`` are those with a `discrepancy` or a `delay`, ``differing`` those
    that the twin labels so. ``true_*`` agree with the label; the ``decided`` ones have one possible variance.
    ``width``: median hi - lo of ambiguous balances, None when there were none."""

    site_type: str
    compared: int
    decided: int
    flagged: int
    true_flagged: int
    differing_decided: int
    true_flagged_decided: int
    flagged_decided: int
    width: float | None

    @property
    def decided_share(self) -> float | None:
        return _share(self.decided, self.compared)

    @property
    def precision(self) -> float | None:
        """Of the decided ones that are flagged, the share that differs."""
        return _share(self.true_flagged_decided, self.flagged_decided)

    @property
    def recall(self) -> float | None:
        """Of the decided ones that differ, the share that is flagged."""
        return _share(self.true_flagged_decided, self.differing_decided)


def site_type(site: Site) -> str:
    return "hybrid" if site.wms and site.partner else "timed API" if site.wms else "EDI only"


def verdict_scores(
    conn: psycopg.Connection[Any], world: World, lived: Lived, widths: Mapping[str, list[int]]
) -> list[VerdictScore]:
    """One score for each type of site, in the order of the network."""
    told = Told(world, lived)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    types = {site.location: site_type(site) for site in world.day.network.sites}
    for row in conn.execute(VERDICTS):
        item, location, measure, source, reported, line, than_source, than, than_line, verdict, is_decided = row
        if than is None or verdict == "incomparable":
            continue
        key = Key(location, item, measure)
        moved = told.at(key, told.as_of_ms(source, line)) - told.at(key, told.as_of_ms(than_source, than_line))
        differs, flagged = reported - than != moved, verdict in FLAGS
        count = counts[types[location]]
        count["compared"] += 1
        count["flagged"] += flagged
        count["true_flagged"] += flagged and differs
        if is_decided:
            count["decided"] += 1
            count["flagged_decided"] += flagged
            count["differing_decided"] += differs
            count["true_flagged_decided"] += flagged and differs
    return [
        _score(kind, counts[kind], [w for loc in widths if types[loc] == kind for w in widths[loc]])
        for kind in dict.fromkeys(types.values())
    ]


def overall(scores: list[VerdictScore]) -> VerdictScore:
    """All sites together; widths of different sites are not one figure."""
    return VerdictScore(
        "all", sum(each.compared for each in scores), sum(each.decided for each in scores),
        sum(each.flagged for each in scores), sum(each.true_flagged for each in scores),
        sum(each.differing_decided for each in scores), sum(each.true_flagged_decided for each in scores),
        sum(each.flagged_decided for each in scores), None,
    )  # fmt: skip


def _score(kind: str, count: Counter[str], widths: list[int]) -> VerdictScore:
    return VerdictScore(
        kind, count["compared"], count["decided"], count["flagged"], count["true_flagged"],
        count["differing_decided"], count["true_flagged_decided"], count["flagged_decided"],
        median(widths) if widths else None,
    )  # fmt: skip


class Told:
    """What the owner told of each key up to an instant, every transaction once, and when statements are really of."""

    def __init__(self, world: World, lived: Lived) -> None:
        self._advices = world.advices
        self._posted = {
            posted.event_id: posted.posted_ms for log in world.books.logs.values() for posted in log.records()
        }
        self._moves: dict[Key, tuple[list[int], list[int]]] = {}
        moves: dict[Key, list[tuple[int, int]]] = defaultdict(list)
        for key, at_ms, units in _first_tellings(lived, world.documents):
            moves[key].append((at_ms, units))
        for key, found in moves.items():
            found.sort(key=itemgetter(0))
            self._moves[key] = [at_ms for at_ms, _ in found], [0, *accumulate(units for _, units in found)]

    def at(self, key: Key, at_ms: int) -> int:
        """Sum of what was posted up to and including ``at_ms``."""
        instants, sums = self._moves.get(key, ([], [0]))
        return sums[bisect_right(instants, at_ms)]

    def as_of_ms(self, source: str, line_key: str) -> int:
        """An 846 line is ``reference/line/code``, a line of a count ``event/line``."""
        reference, _, line = line_key.partition("/")
        return self._advices[reference] if "/" in line else self._posted[reference]


def _first_tellings(lived: Lived, documents: Mapping[str, int]) -> Iterator[tuple[Key, int, int]]:
    """``documents``: transaction -> when it was truly posted; a document writes the minute of a clock."""
    reader, told = Reader(lived.network), set()
    for delivery in lived.told:
        for statement in reader.read(delivery):
            if not statement.is_balance and statement.told not in told:
                told.add(statement.told)
                key = Key(statement.key.location, statement.key.item, statement.measure)
                transaction = statement.event_key.partition("/")[0]
                yield key, documents[transaction] if statement.is_file else statement.own_ms, statement.units


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
