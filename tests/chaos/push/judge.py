"""What is wrong after a run, from the targets' own books and ``ops.outbox``: nothing that the push itself believes.

A *double* effect: more than one for one correction. A *lost* one: a correction is ``applied`` and the books do not hold
its effect; or they hold one and the correction says that there is none. ``dead: unproven`` claims nothing: where no
effect can be known again, by a key or by a reference, it may have one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import psycopg
    from tests.chaos.push.site import Key, Landed, Site

UNKNOWN_SHARE_MAX_PCT = 1  # escalated of all unknown, where a proof is to be had


class Correction(NamedTuple):
    """A row of ``ops.outbox`` that was tried.

    ``documents``: those that its tries went in. ``jobs``: their jobs. ``first_s``: epoch second of the first byte.
    """

    correction_id: str
    item: str
    location: str
    kind: str
    quantity: int
    state: str
    reason: str | None
    documents: tuple[str, ...]
    jobs: tuple[str, ...]
    first_s: float


@dataclass(frozen=True)
class Evidence:
    """All that a target is judged by. ``numbers``, ``landed``: its books. ``wanted``: what it should show.

    ``proves``: an unknown try ends without a person. ``knows``: what took effect can be known again.
    """

    name: str
    told_by: str
    proves: bool
    knows: bool
    wanted: dict[Key, int]
    numbers: dict[Key, int]
    landed: list[Landed]
    corrections: list[Correction]
    tries: int = 0
    unknown: int = 0
    escalated: int = 0
    resolved: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Verdict:
    """Correction ids, and keys. ``too_many``: escalations beyond what is allowed."""

    doubles: list[str]
    lost: list[str]
    strangers: list[str]
    wrong: list[str]
    too_many: bool

    @property
    def violations(self) -> list[str]:
        told = [f"double effect: {each}" for each in self.doubles] + [f"lost effect: {each}" for each in self.lost]
        told += [f"an effect of no correction: {each}" for each in self.strangers]
        told += [f"another number than wanted: {each}" for each in self.wrong]
        return told + (["escalated where a proof was to be had"] if self.too_many else [])


TRIED = """
select o.correction_id, o.item, o.location, o.kind, o.quantity, o.state, o.reason,
       array_agg(distinct a.document_id) filter (where a.document_id is not null),
       array_agg(distinct split_part(a.job, '/', 1)) filter (where a.job is not null),
       extract(epoch from min(a.sent_at))::double precision
from ops.outbox o inner join ops.push_attempts a using (correction_id)
where o.target = %s group by o.correction_id order by o.correction_id
"""
# Each time a correction became unknown, and where it went from there.
UNKNOWN = """
select coalesce(to_next, 'open'), count(*) from (
  select h.to_state, lead(h.to_state) over (partition by h.correction_id order by h.move_id) as to_next
  from ops.outbox_history h inner join ops.outbox o using (correction_id) where o.target = %s) m
where to_state = 'unknown' group by 1
"""
ESCALATED = """
select count(distinct h.correction_id) from ops.outbox_history h inner join ops.outbox o using (correction_id)
where o.target = %s and h.to_state = 'held' and h.from_state = 'unknown'
"""


def gather(
    owner: psycopg.Connection, site: Site, wanted: dict[Key, int], numbers: dict[Key, int], landed: list[Landed]
) -> Evidence:
    """The evidence of one target, read from the warehouse beside its books."""
    name = site.name
    rows = [
        Correction(*row[:7], tuple(row[7] or ()), tuple(row[8] or ()), row[9]) for row in owner.execute(TRIED, (name,))
    ]
    tries = owner.execute(
        "select count(*) from ops.push_attempts a inner join ops.outbox o using (correction_id) where o.target = %s",
        (name,),
    ).fetchone()
    resolved = Counter(dict(owner.execute(UNKNOWN, (name,)).fetchall()))
    escalated = owner.execute(ESCALATED, (name,)).fetchone()
    assert tries
    assert escalated
    return Evidence(
        name, site.told_by, site.proves, site.knows, wanted, numbers, landed, rows, tries[0], sum(resolved.values()),
        escalated[0], resolved,
    )  # fmt: skip


HISTORY = """
select o.changed_at as at, format('correction %%s from reading %%s: %%s, wanted %%s, %%s (%%s), tries %%s, closed %%s',
         left(o.correction_id, 8), o.reading_no, o.quantity, o.wanted, o.state, o.reason, o.tries, o.closed_at) as told
from ops.outbox o where (o.target, o.item, o.location) = (%(target)s, %(item)s, %(location)s)
union all
select r.read_at, format('reading %%s shows %%s', r.reading_no, r.quantity)
from ops.target_readings r where (r.target, r.item, r.location) = (%(target)s, %(item)s, %(location)s)
union all
select k.looked_at, 'looked at' from ops.target_keys k
where (k.target, k.item, k.location) = (%(target)s, %(item)s, %(location)s)
union all
select b.as_of, format('version %%s wants %%s', v.version, v.wanted)
from ops.target_versions v inner join ops.batches b using (batch_id)
where (v.target, v.item, v.location) = (%(target)s, %(item)s, %(location)s)
order by 1 desc, 2 limit 14
"""


def history(owner: psycopg.Connection, target: str, key: Key) -> list[str]:
    """What the warehouse knows of a key, newest first: for who looks into a violation."""
    rows = owner.execute(HISTORY, {"target": target, "item": key[0], "location": key[1]}).fetchall()
    return [f"  {at} {told}" for at, told in rows]


def judge(evidence: Evidence) -> Verdict:
    """Compare the books with what the outbox says of each correction."""
    effects, strangers = _effects(evidence)
    doubles, lost = [], []
    for each in evidence.corrections:
        landed = effects.get(each.correction_id, [])
        if len(landed) > 1:
            times = ", ".join(f"{one.at_s:.2f}" for one in landed)
            doubles.append(f"{each.correction_id[:12]} {each.item} ({each.state}), at {times}")
        elif (told := _lost(evidence, each, landed)) is not None:
            lost.append(f"{each.correction_id[:12]} {each.item}: {told}")
    wrong = [
        f"{key[0]} {key[1]} shows {evidence.numbers.get(key)}, wanted {number}"
        for key, number in sorted(evidence.wanted.items())
        if evidence.numbers.get(key) != number
    ]
    too_many = evidence.proves and 100 * evidence.escalated > UNKNOWN_SHARE_MAX_PCT * evidence.unknown
    return Verdict(doubles, lost, strangers, wrong, too_many)


def _lost(evidence: Evidence, each: Correction, landed: list[Landed]) -> str | None:
    if each.state == "applied":
        if not landed:
            return "applied, and the books hold no effect"
        right = landed[0].effect.delta if each.kind == "delta" else landed[0].effect.after
        return None if right == each.quantity else f"applied, and the books hold {right} instead of {each.quantity}"
    if not landed:
        return None
    if each.state == "dead" and each.reason == "unproven" and not evidence.knows:
        return None
    return f"{each.state} ({each.reason}), and the books hold its effect"


def _effects(evidence: Evidence) -> tuple[dict[str, list[Landed]], list[str]]:
    """Effects by correction, and those that bear a reference of nobody."""
    by_reference: dict[tuple[str, Key], str] = {}
    for each in evidence.corrections:
        for reference in _references(evidence.told_by, each):
            by_reference[reference, (each.item, each.location)] = each.correction_id
    found: dict[str, list[Landed]] = defaultdict(list)
    unclaimed: list[Landed] = []
    for landed in evidence.landed:
        effect = landed.effect
        if effect.reference is None:
            continue
        reference = effect.reference[:50] if evidence.told_by == "correction" else effect.reference
        known = by_reference.get((reference, (effect.item, effect.location)))
        if known is None:
            unclaimed.append(landed)
        else:
            found[known].append(landed)
    if evidence.told_by != "submission":
        return found, [f"{one.effect.reference} {one.effect.item}" for one in unclaimed]
    # The answer that would have told the submission's number was lost: it is known by what it set.
    return found, _claim_by_number(evidence, found, unclaimed)


def _claim_by_number(evidence: Evidence, found: dict[str, list[Landed]], unclaimed: list[Landed]) -> list[str]:
    """The last correction of that number that was under way by then, and has no effect yet."""
    left: dict[tuple[Key, int], list[Correction]] = defaultdict(list)
    for each in sorted(evidence.corrections, key=lambda one: one.first_s):
        if each.correction_id not in found:
            left[(each.item, each.location), each.quantity].append(each)
    strangers = []
    for landed in unclaimed:
        effect = landed.effect
        names = left[(effect.item, effect.location), effect.after]
        begun = [each for each in names if each.first_s <= landed.at_s]
        if begun:
            found[begun[-1].correction_id].append(landed)
            names.remove(begun[-1])
        else:
            strangers.append(f"{effect.reference} {effect.item}")
    return strangers


def _references(told_by: str, each: Correction) -> tuple[str, ...]:
    if told_by == "document":
        return tuple(f"syncline://documents/{document}" for document in each.documents)
    if told_by == "submission":
        return each.jobs
    return (each.correction_id[:50],)
