"""A model of one correction and its target: requests and answers lost, late or crossing, outside changes, leases.

It moves by the product's own rules (`proof.settled`, `proof.judge`, `outbox.states`); the target in it does
what its capabilities really mean. What must hold in every state: one effect at most, `applied` only where there is
one, and nothing that is closed can still take effect. Time is counted in ticks, one of the target's seconds each.
``test_push_model.py`` walks every path; ``push_traces.py`` asks whether what really happened is one of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from syncline.outbox.states import OPEN, move
from syncline.targets.contract import Capabilities
from syncline.targets.policy import TargetPolicy
from syncline.targets.proof import Evidence, is_over, judge, settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncline.outbox.states import State
    from syncline.targets.contract import Outcome

LEASE, LIFE, LAG = 1, 2, 1
TRIES, LAST = 3, 9  # how far the model goes: two tries without proof, and one that was turned away
LAST_LAG = LAG + 4  # the longest of all below
BEGAN, WANTED = 5, 8  # what the target showed, and what it should show
HARMLESS = ("not_executed", "absent")
OPEN_FOR_GOOD = ("held",)  # a person decides: the model stops there


class Request(NamedTuple):
    """A try that the target has not seen yet."""

    number: int
    expected: int  # version, or value, that it compares with
    lands_by: int


class Answer(NamedTuple):
    """On its way back."""

    number: int
    outcome: Outcome


class World(NamedTuple):
    """One moment. ``tries``: their outcomes; ``changed``: instant of the last change, and the number before it."""

    now: int
    state: State
    tries: tuple[str | None, ...]
    first_at: int
    lease: int
    flying: tuple[Request, ...]
    answers: tuple[Answer, ...]
    number: int
    version: int
    effects: int
    effect_at: int | None
    key_at: int | None
    outside: int
    changed: tuple[int, int]


@dataclass(frozen=True)
class Target:
    """What the target is, and the policy that is believed of it. They differ only where a declaration is a lie."""

    policy: TargetPolicy
    life: int = LIFE
    lag: int = LAG
    retention: int | None = None
    others: int = 1  # changes by somebody else
    last: int = LAST
    tries: int = TRIES
    refuses: bool = False  # it may refuse the line, as one of an item that it does not know

    @property
    def can(self) -> Capabilities:
        return self.policy.can


def target(can: Capabilities, **given: Any) -> Target:
    """A target that is what it declares."""
    declared = {
        name: given.pop(name) for name in ("life_s", "lag_s", "key_retention_s", "sole_writer") if name in given
    }
    policy = TargetPolicy(
        "modelled", can, **({"life_s": LIFE, "lag_s": LAG} | declared), tries_max=2, call_s=0.5, lease_s=LEASE
    )  # type: ignore[arg-type]
    kept = declared.get("key_retention_s")
    others = 0 if declared.get("sole_writer") else 1
    return Target(policy, retention=kept, others=others, **given)


def successors(world: World, of: Target) -> Iterator[tuple[str, World]]:
    if world.state not in OPEN and not world.flying and not world.answers:
        return  # all has been said
    yield from _worker(world, of)
    yield from _network(world, of)
    if world.outside < of.others:
        # The worst one: it looks like ours.
        number = world.number + WANTED - BEGAN
        yield "outside change", replace_number(world, number)._replace(outside=world.outside + 1)
    if world.now < of.last:
        now = world.now + 1
        # What has not landed by then never will.
        flying = tuple(each for each in world.flying if each.lands_by >= now)
        yield "tick", world._replace(now=now, flying=flying)


def replace_number(world: World, number: int) -> World:
    return world._replace(number=number, version=world.version + 1, changed=(world.now, world.number))


def to(world: World, state: State) -> World:
    assert move(world.state, state) is not None, f"{world.state} to {state} is no move"
    return world._replace(state=state)


def _worker(world: World, of: Target) -> Iterator[tuple[str, World]]:
    unproven = sum(outcome not in HARMLESS for outcome in world.tries)
    if world.state == "pending" and unproven and is_over(world.now - world.first_at, of.policy):
        yield "its key is forgotten", to(world, "unknown")
    elif world.state == "pending" and len(world.tries) < of.tries:
        begun = (*world.tries, None)
        expected = BEGAN if of.can.compare == "value" else 0
        request = Request(len(begun), expected, world.now + LEASE + of.life)
        yield (
            "send",
            to(world, "sent")._replace(
                tries=begun,
                first_at=world.first_at if world.tries else world.now,
                lease=world.now + LEASE,
                flying=(*world.flying, request),
            ),
        )
    if world.state == "sent" and world.now >= world.lease:
        yield "lease ends", to(world, "unknown")
    elif world.state == "sent":
        # Cut off, an error, or nonsense: the request may be on its way yet, and the real answer is never read.
        answers = tuple(each for each in world.answers if each.number != len(world.tries))
        yield "no answer", to(world, "unknown")._replace(answers=answers)
    if world.state == "rejected":
        yield "closed", to(world, "dead")
    if of.can.lists_changes and world.state != "applied" and _is_seen(world, of):
        yield "listed", to(world, "applied")
    if world.state == "unknown":
        yield from _judged(world, of)


def _is_seen(world: World, of: Target) -> bool:
    return world.effect_at is not None and world.effect_at <= world.now - of.lag


def _judged(world: World, of: Target) -> Iterator[tuple[str, World]]:
    policy = of.policy
    quiet = world.now - world.lease
    late = policy.life_s is not None and quiet >= policy.settled_after_s
    looked = "not_yet"
    if of.can.finds or of.can.lists_changes:
        looked = "found" if _is_seen(world, of) else "absent" if late else "not_yet"
    shown = world.number if world.changed[0] <= world.now - of.lag else world.changed[1]
    verdict = judge(
        Evidence(
            quiet_s=quiet,
            first_try_s=world.now - world.first_at,
            unproven=sum(outcome not in HARMLESS for outcome in world.tries),
            compare_failed=world.tries[-1] == "stale",
            looked=looked,  # type: ignore[arg-type]
            number="not_yet" if not late else "wanted" if shown == WANTED else "another",
        ),
        policy,
    )
    if verdict == "applied":
        yield "proof", to(world, "applied")
    elif verdict == "resend":
        tries = world.tries
        if looked == "absent":
            tries = tuple(outcome if outcome in HARMLESS else "absent" for outcome in tries)
        yield "again", to(world, "pending")._replace(tries=tries)
    elif verdict == "unproven":
        yield "given up", to(world, "dead")
    elif verdict == "escalate":
        yield "escalated", to(world, "held")


def canonical(world: World) -> World:
    """The same moment without what makes no difference any more: order, answers that nobody uses, times long past."""
    can_use = world.state == "sent"
    answers = {
        each
        for each in world.answers
        if each.outcome in ("applied", "replayed") or (can_use and each.number == len(world.tries))
    }
    if world.state in ("applied", "held"):
        answers = set()
    changed = world.changed if world.now - world.changed[0] <= LAST_LAG else (0, world.number)
    return world._replace(answers=tuple(sorted(answers)), flying=tuple(sorted(world.flying)), changed=changed)


def _network(world: World, of: Target) -> Iterator[tuple[str, World]]:
    """What is lost is what is never delivered: no step of its own."""
    for at, request in enumerate(world.flying):
        rest = world.flying[:at] + world.flying[at + 1 :]
        landed, outcome = _execute(world._replace(flying=rest), request, of)
        answered = landed._replace(answers=(*landed.answers, Answer(request.number, outcome)))
        yield f"try {request.number} lands", answered
        refused = world._replace(flying=rest, answers=(*world.answers, Answer(request.number, "not_executed")))
        yield f"try {request.number} is turned away", refused
        if of.refuses:
            final = world._replace(flying=rest, answers=(*world.answers, Answer(request.number, "refused")))
            yield f"try {request.number} is refused", final
    for at, answer in enumerate(world.answers):
        rest_of = world._replace(answers=world.answers[:at] + world.answers[at + 1 :])
        yield f"answer {answer.number}: {answer.outcome}", _answered(rest_of, answer, of)


def _execute(world: World, request: Request, of: Target) -> tuple[World, Outcome]:
    remembers = of.can.key != "none" and world.key_at is not None
    if remembers and (of.retention is None or world.now - world.key_at < of.retention):  # type: ignore[operator]
        return world, "replayed"
    current = {"version": world.version, "value": world.number, "none": request.expected}[of.can.compare]
    if current != request.expected:
        return world, "stale"
    number = WANTED if of.can.writes == "set" else world.number + WANTED - BEGAN
    done = replace_number(world, number)
    return done._replace(effects=world.effects + 1, effect_at=world.now, key_at=world.now), "applied"


def _answered(world: World, answer: Answer, of: Target) -> World:
    if answer.outcome in ("applied", "replayed"):
        return world if world.state == "applied" else to(world, "applied")  # proof, whenever it comes
    if world.state != "sent" or answer.number != len(world.tries) or world.now > world.lease:
        return world  # of no use to anybody any more
    earlier = any(outcome not in HARMLESS for outcome in world.tries[:-1])
    state = settled(answer.outcome, of.policy, earlier_unproven=earlier)
    assert state is not None
    tries = (*world.tries[:-1], answer.outcome)
    return to(world, state)._replace(tries=tries)


def wrong(world: World, of: Target) -> str | None:
    if world.effects > 1:
        return "two effects"
    if world.state == "applied" and world.effects == 0:
        return "applied without an effect"
    if world.state in ("rejected", "dead"):
        if world.state == "rejected" and world.effects:
            return "rejected, and it took effect"
        if any(_execute(world, each, of)[1] == "applied" for each in world.flying):
            return f"{world.state}, and a try can still take effect"
    return None


BEGIN = World(0, "pending", (), 0, 0, (), (), BEGAN, 0, 0, None, None, 0, (0, BEGAN))


def walk(of: Target) -> tuple[int, set[State], list[str] | None]:
    """Every reachable moment. Returns how many, the states that were met, and the path to what is wrong, if any."""
    came_from: dict[World, tuple[World, str] | None] = {BEGIN: None}
    waiting = deque([BEGIN])
    met: set[State] = set()
    while waiting:
        world = waiting.popleft()
        met.add(world.state)
        if (what := wrong(world, of)) is not None:
            return len(came_from), met, [*_path(came_from, world), what]
        for step, raw in successors(world, of) if world.state not in OPEN_FOR_GOOD else ():
            following = canonical(raw)
            if following not in came_from:
                came_from[following] = world, step
                waiting.append(following)
    return len(came_from), met, None


def _path(came_from: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    steps: list[str] = []
    while (before := came_from[world]) is not None:
        world, step = before
        steps.append(f"{world.now}: {step}")
    return steps[::-1]
