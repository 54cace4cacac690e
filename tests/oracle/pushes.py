"""The oracle's pushes in flight: our own corrections as an explanation of a discrepancy (semantics §16)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.in_flight import Flying
from tests.oracle.reading import Fact, micros


@dataclass(frozen=True)
class Push:
    """A correction of ours; instants are microseconds since 1970."""

    id: str
    target: str
    key: tuple[str, str, str]
    amount: int
    sent_at: int
    settled_at: int | None


class Pushes:
    """All pushes of a scenario."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.all = sorted(
            (_read(entry) for entry in scenario.get("pushes") or []), key=lambda push: (push.sent_at, push.id)
        )
        self.ids = {push.id for push in self.all}

    def explanation(self, s: Fact, variances: Collection[int], facts: list[Flying]) -> list[str] | None:
        """Each push, then all, then all facts in flight and all pushes; ``facts`` alone explain nothing."""
        mine = [push for push in self.all if _is_flying(push, s)]
        if s.lot or not mine:
            return None
        wholes: list[tuple[list[Flying], list[Push]]] = [*(([], [push]) for push in mine), ([], mine), (facts, mine)]
        for told, sent in wholes:
            if sum(each.amount for each in told) - sum(push.amount for push in sent) in variances:
                return [*(each.fact.id for each in told), *(push.id for push in sent)]
        return None

    def carried_by(self, entry: dict[str, Any]) -> bool:
        """Is this fact one of them that comes back?"""
        return entry.get("correlation") in self.ids


def _read(entry: dict[str, Any]) -> Push:
    settled = entry.get("settled_at")
    return Push(
        entry["id"], entry["target"], (entry["item"], entry["location"], entry["measure"]), int(entry["quantity"]),
        _instant(entry["sent_at"]), _instant(settled) if settled else None,
    )  # fmt: skip


def _instant(written: str) -> int:
    return micros(datetime.fromisoformat(written))


def _is_flying(push: Push, s: Fact) -> bool:
    is_mine = push.target == s.source and push.key == (s.item, s.location, s.measure) and push.amount != 0
    is_sent = push.sent_at < s.window_end
    return is_mine and is_sent and (push.settled_at is None or push.settled_at >= s.window_start)
