"""What really happened to each correction, from ``ops.outbox_history``: is it allowed, and is it a path of the model?

Two questions of every trace. Each move stands in the implemented table (``outbox/states.py``), with its tries. And from
the first try on, the sequence of (state, try, outcome) is one that the model of ``push_model.py`` can take: some
interleaving of requests that land, answers that are lost or late, leases that end and changes of others explains it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tests.targets.push_model import BEGIN, LAG, LEASE, LIFE, Target, World, canonical, successors

from syncline.outbox.states import FIRST, move

if TYPE_CHECKING:
    import psycopg

    from syncline.targets.policy import TargetPolicy

WORLDS_MAX = 400_000  # of one trace: each try without proof needs four times as many; a sixth one is too many
UNDECIDED = "not decided against the model"
# What an attempt's record says of it, as the model counts it. A look-up that found nothing is written over the answer.
SAID = {"accepted": "silent", "unknown": "silent", None: "silent", "replayed": "applied"}
SILENT = frozenset({"silent", "absent"})


class Step(NamedTuple):
    """One row of the history. ``tries``: after it. ``outcome``: what the record of that try says in the end."""

    from_state: str | None
    to_state: str
    tries: int
    reason: str | None = None
    outcome: str | None = None


Trace = tuple[Step, ...]

# A reason that changes alone is no move.
HISTORY = """
select h.correction_id, h.from_state, h.to_state, h.tries, h.reason, a.outcome
from ops.outbox_history h
inner join ops.outbox o using (correction_id)
left join ops.push_attempts a on a.correction_id = h.correction_id and a.try_no = h.tries
where o.target = %s and h.from_state is distinct from h.to_state
order by h.correction_id, h.move_id
"""


def traces(owner: psycopg.Connection, target: str) -> dict[str, Trace]:
    """The trace of each correction of ``target``, by id."""
    found: dict[str, list[Step]] = {}
    for correction, *row in owner.execute(HISTORY, (target,)).fetchall():
        found.setdefault(correction, []).append(Step(*row))
    return {correction: tuple(steps) for correction, steps in found.items()}


def refused(trace: Trace, policy: TargetPolicy) -> str | None:
    """Why a trace cannot be; None: it can."""
    return _against_table(trace) or _against_model(_tried(trace), policy)


def check(owner: psycopg.Connection, target: str, policy: TargetPolicy) -> tuple[int, list[str]]:
    """How many traces of ``target`` there are, and what is wrong with those that cannot be."""
    found = traces(owner, target)
    told = [
        f"trace of {correction[:12]} at {target}: {why}: {shown(trace)}"
        for correction, trace in sorted(found.items())
        if (why := refused(trace, policy)) is not None
    ]
    return len(found), told


def shown(trace: Trace) -> str:
    """One line: states, with try and outcome."""
    return " → ".join(
        f"{step.to_state}{f' ({step.tries}: {step.outcome})' if step.to_state == 'sent' else ''}" for step in trace
    )


def _against_table(trace: Trace) -> str | None:
    first = trace[0]
    if first.from_state is not None or first.to_state not in FIRST or first.tries:
        return f"it begins as {first.to_state} after {first.tries} tries"
    before = first
    for step in trace[1:]:
        if step.from_state != before.to_state:
            return f"it was {before.to_state}, and left {step.from_state}"
        rule = move(step.from_state, step.to_state)  # type: ignore[arg-type]
        if rule is None:
            return f"{step.from_state} to {step.to_state} is no move"
        if step.tries != before.tries + (step.to_state == "sent"):
            return f"{before.tries} tries before {step.to_state}, {step.tries} after"
        if rule.tried != "any" and (rule.tried == "never") != (before.tries == 0):
            return f"{step.from_state} to {step.to_state} after {before.tries} tries"
        before = step
    return None


def _tried(trace: Trace) -> Trace:
    """From the first try on. What a person does after it is over is in the table, not in the model."""
    begins = next((at for at, step in enumerate(trace) if step.to_state == "sent"), len(trace))
    steps = trace[begins:]
    ends = next((at for at, step in enumerate(steps) if step.from_state == "held"), len(steps))
    # Reasons differ by who died when; they make no other path.
    return tuple(step._replace(reason=None, outcome=SAID.get(step.outcome, step.outcome)) for step in steps[:ends])


def _against_model(steps: Trace, policy: TargetPolicy) -> str | None:
    if not steps:
        return None
    far, is_whole = _furthest(steps, _modelled(policy, steps[-1].tries))
    if far == len(steps):
        return None
    if not is_whole:
        return f"{UNDECIDED}: {steps[-1].tries} tries make more than {WORLDS_MAX} worlds"
    step = steps[far]
    return f"the model cannot go from {step.from_state} to {step.to_state} (try {step.tries}: {step.outcome}) there"


def _modelled(policy: TargetPolicy, tries: int) -> Target:
    """The target in the model's ticks: what is declared decides, its seconds only in their order."""
    kept = None if policy.key_retention_s is None or policy.key_retention_s > 3600 else 7
    believed = replace(
        policy, life_s=None if policy.life_s is None else LIFE, lag_s=LAG, lease_s=LEASE, call_s=LEASE / 2,
        key_retention_s=kept,
    )  # fmt: skip
    return Target(
        believed, retention=kept, others=0 if policy.sole_writer else 1, last=(tries + 1) * (LEASE + LIFE + LAG + 1),
        tries=tries, refuses=True,
    )  # fmt: skip


@cache
def _furthest(steps: Trace, of: Target) -> tuple[int, bool]:
    """How many of ``steps`` some path of the model takes, and whether every path was tried.

    Depth first, the steps that show before those that do not.
    """
    waiting = [(BEGIN, 0)]
    known = {(BEGIN, 0)}
    far = 0
    while waiting and len(known) < WORLDS_MAX:
        world, taken = waiting.pop()
        far = max(far, taken)
        if far == len(steps):
            return far, True
        hidden, visible = [], []
        for name, raw in successors(world, of):
            following = canonical(raw)
            if following.state == world.state:
                reached = (following, taken)
            elif _fits(world, following, steps[taken]):
                reached = (following, taken + 1)
            else:
                continue
            if reached in known:
                continue
            known.add(reached)
            if reached[1] > taken:
                visible.append(reached)
            elif name in ("tick", "outside change"):
                hidden.insert(0, reached)
            else:
                hidden.append(reached)
        waiting += hidden + visible
    return far, not waiting


def _fits(before: World, after: World, step: Step) -> bool:
    """A step of the model that shows: the same states, the same try, and an outcome that its record may bear."""
    if (before.state, after.state, len(after.tries)) != (step.from_state, step.to_state, step.tries):
        return False
    if before.state != "sent" or after.state == "applied":
        return True
    outcome = after.tries[-1] or "silent"
    if outcome == "not_executed":
        return step.outcome == "not_executed"
    # A late answer is written down, too, though it moves nothing any more.
    return step.outcome == outcome or step.outcome in SILENT or outcome == "silent"
