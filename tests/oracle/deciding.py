"""What people decided, for the oracle: which telling they chose, and which conflicts a decision answers (semantics §4).

Written from the semantics page alone, like the rest of the oracle; it shares no code with the product.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


class Decisions:
    """The decisions of a scenario, the later one greater: by their time, then by their id."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        told = scenario.get("decisions") or []
        self.told = sorted(told, key=lambda d: (datetime.fromisoformat(d["decided_at"]), str(d["id"])))
        self.heard: dict[str, datetime] = {}
        for fact in scenario["facts"]:
            received = datetime.fromisoformat(fact["received_at"])
            self.heard[fact["id"]] = min(received, self.heard.get(fact["id"], received))

    def chosen(self, fact: str) -> int:
        """Number of the latest decision that keeps ``fact``; 0: none does."""
        return max((n for n, d in enumerate(self.told, 1) if d["kind"] == "keep" and d["fact"] == fact), default=0)

    def answering(self, fact: str, lost_to: str) -> str | None:
        """The latest decision that answers the conflict of ``fact`` with the kept telling ``lost_to``.

        Who keeps a telling has seen what was received by then, and has answered nothing else.
        """
        found = None
        for d in self.told:
            is_accepted = d["kind"] == "accept" and fact in d["facts"]
            is_refused = d["kind"] == "keep" and d["fact"] == lost_to and self._is_seen(fact, d)
            if is_accepted or is_refused:
                found = str(d["id"])
        return found

    def _is_seen(self, fact: str, decision: dict[str, Any]) -> bool:
        """A write-off is no telling that somebody could have seen beside another."""
        return fact in self.heard and self.heard[fact] <= datetime.fromisoformat(decision["decided_at"])


def write_offs(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    """Write-offs as facts of ``operator``."""
    return [
        {
            "id": d["id"], "source": "operator", "kind": "movement", "item": d["item"], "location": d["location"],
            "measure": d["measure"], "lot": d.get("lot"), "quantity": d["quantity"],
            "uom": d.get("uom") or scenario["network"]["items"].get(d["item"], {}).get("base_uom", "EA"),
            # Who writes off names an instant, not a second or a day.
            "recorded": f"{datetime.fromisoformat(d['recorded']).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "received_at": d["decided_at"], "line_key": d["id"],
            "event_key": d.get("event_key", f"decision/{d['id']}"),
        }
        for d in scenario.get("decisions") or []
        if d["kind"] == "write_off"
    ]  # fmt: skip
