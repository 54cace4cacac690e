"""Every variance that closed, its cause beside the twin's label; and what reached a person though it was only late."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from syncline.twin.labels import LATE, Label, Labels, Said
from syncline.twin.ledger import Key
from syncline.twin.verdict_score import Told

if TYPE_CHECKING:
    import psycopg

    from syncline.twin.replay import Lived
    from syncline.twin.world import World

# Each variance with the two statements that were compared when it opened, and when it was last looked at.
VARIANCES = """
with ends as (
  select fact_id, min(batch_id) as first_batch, max(batch_id) as last_batch from ops.verdict_history group by fact_id
)
select o.fact_id, o.item, o.location, o.measure, o.source, o.reported, s.line_key,
  b.source as base_source, b.quantity as base, b.line_key as base_line,
  e.source as end_source, e.quantity as "end", e.line_key as end_line,
  l.verdict, c.is_closed, c.cause, c.cause_class
from ends
join ops.verdict_history o on (o.fact_id, o.batch_id) = (ends.fact_id, ends.first_batch)
join ops.verdict_history l on (l.fact_id, l.batch_id) = (ends.fact_id, ends.last_batch)
join staging.stg_facts s on s.fact_id = o.fact_id
join staging.stg_facts b on b.fact_id = o.compared_to
left join staging.stg_facts e on e.fact_id = l.compared_to
left join marts.fct_variance_causes c on c.fact_id = o.fact_id
order by o.fact_id collate "C"
"""
# Exceptions about a discrepancy, with the statement that opened each.
RAISED = """
select state, substring(detail from '\\(([0-9a-f]{16,})\\)$') as fact_id from ops.exceptions
where rule = 'discrepancy' order by exception_id
"""


@dataclass(frozen=True)
class _Variance:
    fact_id: str
    item: str
    location: str
    measure: str
    source: str
    reported: int
    line_key: str
    base_source: str
    base: int
    base_line: str
    end_source: str | None
    end: int | None
    end_line: str | None
    verdict: str
    is_closed: bool | None
    cause: str | None
    cause_class: str | None


@dataclass(frozen=True)
class CauseScore:
    """Variances that closed, and of all of them how many are still open.

    ``right``: closed ones whose class is the label's; ``mixed``: closed ones with more than one true cause, of which
    the greatest is the label. ``unlabelled``: the twin's log does not explain them, which is a defect of the twin.
    ``table``: (label, cause) -> closed variances. ``delays_raised``: exceptions opened for what only came late, of
    these ``delays_open`` still stand when every fact is in.
    """

    closed: int
    still_open: int
    right: int
    mixed: int
    unlabelled: int
    table: dict[tuple[str, str], int]
    wrong: list[str]
    delays_raised: int
    delays_open: int

    @property
    def accuracy(self) -> float | None:
        return round(self.right / self.closed, 4) if self.closed else None

    def as_json(self) -> dict[str, Any]:
        rows = [{"label": label, "cause": cause, "variances": n} for (label, cause), n in sorted(self.table.items())]
        return {**vars(self), "table": rows, "accuracy": self.accuracy}


def cause_score(conn: psycopg.Connection[Any], world: World, lived: Lived) -> CauseScore:
    """Score the causes in the warehouse of ``conn`` when ``world`` is quiet and everything is resolved."""
    labels = Labels(world, Told(world, lived))
    table: Counter[tuple[str, str]] = Counter()
    right = mixed = unlabelled = still_open = 0
    wrong: list[str] = []
    late: set[str] = set()
    with conn.cursor(row_factory=class_row(_Variance)) as cursor:
        for row in cursor.execute(VARIANCES):
            label = _label(labels, row)
            if label.cause == LATE:
                late.add(row.fact_id)
            if not row.is_closed:
                still_open += 1
                continue
            table[label.cause, row.cause or "none"] += 1
            mixed += len(label.parts) > 1
            unlabelled += "unlabelled" in label.parts
            if label.cause_class == row.cause_class:
                right += 1
            else:
                parts = ", ".join(f"{cause} {units}" for cause, units in label.parts.items()) or LATE
                wrong.append(f"{row.fact_id} {row.item} {row.location} {row.measure}: {parts}; we say {row.cause}")
    raised = [row for row in conn.execute(RAISED.encode()) if row[1] in late]
    return CauseScore(
        sum(table.values()), still_open, right, mixed, unlabelled, dict(table), wrong, len(raised),
        sum(state != "resolved" for state, _ in raised),
    )  # fmt: skip


def _label(labels: Labels, row: _Variance) -> Label:
    """By the pair that was compared last; of one that fits now, by the pair that opened it."""
    key = Key(row.location, row.item, row.measure)
    said = Said(row.source, row.reported, row.line_key)
    if row.verdict in ("discrepancy", "delay") and row.end_source and row.end is not None and row.end_line:
        return labels.of(key, said, Said(row.end_source, row.end, row.end_line))
    return labels.of(key, said, Said(row.base_source, row.base, row.base_line))
