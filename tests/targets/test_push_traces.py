"""Traces that may be and traces that may not: the checker can fail."""

from __future__ import annotations

import pytest
from tests.targets.push_traces import Step, Trace, refused

from syncline.targets.contract import Capabilities
from syncline.targets.policy import TargetPolicy

KEYED = TargetPolicy("keyed", Capabilities("delta", key="line"))
FINDS = TargetPolicy("finds", Capabilities("delta", finds=True))
BLIND = TargetPolicy("blind", Capabilities("delta"))
VERSION = TargetPolicy("version", Capabilities("set", compare="version"))


def trace(*states: tuple[str, int] | tuple[str, int, str]) -> Trace:
    """States, tries after each, and what the record of that try says."""
    steps, before = [], None
    for state, tries, *outcome in states:
        steps.append(Step(before, state, tries, None, outcome[0] if outcome else None))
        before = state
    return tuple(steps)


def told(*states: tuple[str, int] | tuple[str, int, str]) -> Trace:
    """The same, each try's outcome written beside every step of that try, as the history shows it."""
    outcomes = {each[1]: each[2] for each in states if len(each) == 3}
    return tuple(step._replace(outcome=outcomes.get(step.tries)) for step in trace(*states))


MAY_BE = {
    "sent and answered": (BLIND, told(("pending", 0), ("sent", 1, "applied"), ("applied", 1))),
    "held, let go, superseded": (BLIND, told(("held", 0), ("pending", 0), ("dead", 0))),
    "lost, sent again under its key": (
        KEYED,
        told(("pending", 0), ("sent", 1), ("unknown", 1), ("pending", 1), ("sent", 2, "replayed"), ("applied", 2)),
    ),
    "looked for, not there, sent again": (
        FINDS,
        told(("pending", 0), ("sent", 1, "absent"), ("unknown", 1), ("pending", 1), ("sent", 2, "applied"),
             ("applied", 2)),
    ),
    "found": (FINDS, told(("pending", 0), ("sent", 1), ("unknown", 1), ("applied", 1))),
    "no proof to be had": (BLIND, told(("pending", 0), ("sent", 1, "unknown"), ("unknown", 1), ("dead", 1))),
    "turned away, then refused": (
        BLIND,
        told(("pending", 0), ("sent", 1, "not_executed"), ("pending", 1), ("sent", 2, "refused"), ("rejected", 2),
             ("dead", 2)),
    ),
    "compared, and it had moved": (
        VERSION, told(("pending", 0), ("sent", 1, "stale"), ("rejected", 1), ("dead", 1)),
    ),
    "moved by its own first try": (
        VERSION,
        told(("pending", 0), ("sent", 1), ("unknown", 1), ("pending", 1), ("sent", 2, "stale"), ("unknown", 2),
             ("dead", 2)),
    ),
}  # fmt: skip
MAY_NOT_BE = {
    "sent before it was there": (BLIND, told(("sent", 1, "applied"), ("applied", 1)), "begins"),
    "a try that nobody counted": (BLIND, told(("pending", 0), ("sent", 0), ("applied", 0)), "tries before sent"),
    "a move that is none": (BLIND, told(("pending", 0), ("rejected", 0)), "is no move"),
    "superseded after a try": (
        KEYED, told(("pending", 0), ("sent", 1, "not_executed"), ("pending", 1), ("dead", 1)), "after 1 tries",
    ),
    "sent again without a proof": (
        BLIND,
        told(("pending", 0), ("sent", 1), ("unknown", 1), ("pending", 1), ("sent", 2, "applied"), ("applied", 2)),
        "the model cannot go from unknown to pending",
    ),
    "escalated, with tries left": (
        BLIND, told(("pending", 0), ("sent", 1), ("unknown", 1), ("held", 1)), "from unknown to held",
    ),
    "given up, though its key would tell": (
        KEYED, told(("pending", 0), ("sent", 1), ("unknown", 1), ("dead", 1)), "from unknown to dead",
    ),
    "refused, though an earlier try may have landed": (
        KEYED,
        told(("pending", 0), ("sent", 1), ("unknown", 1), ("pending", 1), ("sent", 2, "refused"), ("rejected", 2)),
        "from sent to rejected",
    ),
    "turned away, and rejected for it": (
        BLIND, told(("pending", 0), ("sent", 1, "not_executed"), ("rejected", 1)), "from sent to rejected",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MAY_BE)
def test_what_may_happen_is_a_path_of_the_model(name: str) -> None:
    policy, steps = MAY_BE[name]
    assert refused(steps, policy) is None


@pytest.mark.parametrize("name", MAY_NOT_BE)
def test_what_may_not_happen_is_refused(name: str) -> None:
    policy, steps, why = MAY_NOT_BE[name]
    told_why = refused(steps, policy)
    assert told_why is not None
    assert why in told_why
