"""What may become of a try whose outcome is not known (semantics §9), decided from what the target can prove.

No clock, no database: the flow gathers the evidence, and a model in the tests walks every path through the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from syncline.outbox.states import State
    from syncline.targets.contract import Outcome
    from syncline.targets.policy import TargetPolicy

Verdict = Literal["applied", "resend", "unproven", "escalate", "wait"]
Looked = Literal["found", "absent", "not_yet"]
Number = Literal["wanted", "another", "not_yet"]


@dataclass(frozen=True)
class Evidence:
    """What is known of one unknown correction. Seconds are real seconds.

    Attributes:
        quiet_s: since the lease of its last try ended; negative while it runs.
        first_try_s: since the first byte of its first try, which is when the target may have learned its key.
        unproven: tries that neither an answer nor a look-up has shown to be harmless.
        compare_failed: its last try came back stale.
        looked: what the look-up, or the list read to its end, says of its reference. An absence counts only when
            it was asked after ``settled_after_s`` of the policy; a finding always.
        number: what a reading after that says: what was wanted, or another number.
    """

    quiet_s: float
    first_try_s: float
    unproven: int
    compare_failed: bool = False
    looked: Looked = "not_yet"
    number: Number = "not_yet"


def settled(outcome: Outcome, policy: TargetPolicy, *, earlier_unproven: bool) -> State | None:
    """Where an answer to the try under way brings its correction; None: it stays ``sent``, to be polled.

    ``earlier_unproven``: a try before this one may still land, or has.
    """
    if outcome in ("applied", "replayed"):
        return "applied"
    if outcome == "accepted":
        return None if policy.can.answers_later else "unknown"
    if outcome == "not_executed":
        # The queue would send again what may have landed, unless the target recognises it.
        is_safe = not earlier_unproven or policy.can.key != "none" or policy.can.compare == "version"
        return "pending" if is_safe else "unknown"
    if outcome in ("stale", "refused") and not earlier_unproven:
        return "rejected"
    return "unknown"


def judge(evidence: Evidence, policy: TargetPolicy) -> Verdict:
    """``applied`` and ``resend`` rest on a proof or a protection; ``unproven`` claims nothing.

    ``escalate`` asks a person. ``wait``: a proof may still come; nothing is absent before ``life_s`` is over.
    """
    if evidence.looked == "found":
        return "applied"
    if evidence.compare_failed and policy.can.compare == "version":
        # The version only moves on: whatever an earlier try did, this one can never take effect.
        return "unproven"
    if evidence.unproven >= policy.tries_max:
        return "escalate"
    # A key whose compare has failed is spent: sent again it fails again, whatever the number is by then.
    is_spent = evidence.compare_failed and policy.can.compare == "value"
    if _is_recognised(evidence, policy) and not is_spent:
        return "resend"
    if policy.life_s is None:
        return "escalate"
    if evidence.quiet_s < policy.settled_after_s:
        return "wait"
    return _by_absence(evidence, policy)


def is_over(first_try_s: float, policy: TargetPolicy) -> bool:
    """A try that begins now might land when the target has forgotten the key: it must not be made."""
    if policy.can.key == "none" or policy.key_retention_s is None or policy.can.compare == "version":
        return False
    lands_by_s = policy.life_s if policy.life_s is not None else policy.lease_s
    return first_try_s + policy.lease_s + lands_by_s >= policy.key_retention_s


def _is_recognised(evidence: Evidence, policy: TargetPolicy) -> bool:
    """A second execution is impossible: the target remembers the key, or compares a version that has moved on."""
    if policy.can.key == "none":
        return policy.can.compare == "version"
    return not is_over(evidence.first_try_s, policy)


def _by_absence(evidence: Evidence, policy: TargetPolicy) -> Verdict:
    if policy.can.finds or policy.can.lists_changes:
        # Only deltas and references: a set that was not found may still meet a number that somebody else has set since.
        return "resend" if evidence.looked == "absent" else "wait"
    if not policy.sole_writer:
        return "unproven"
    return {"wanted": "applied", "another": "unproven", "not_yet": "wait"}[evidence.number]  # type: ignore[return-value]
