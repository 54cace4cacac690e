"""The table of a chaos run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from tests.chaos.push.run import Outcome

# Where an unknown try went: proven, sent again, given up for a new reading, to a person, or still open.
RESOLVED = ("applied", "pending", "dead", "held", "open")
HEADS = (
    "target", "corrections", "tries", "unknown", *(f"→ {each}" for each in RESOLVED), "escalated", "faults", "outside",
    "killed", "cleared", "restarted", "traces", "double", "lost", "wrong",
)  # fmt: skip


def table(outcome: Outcome) -> Table:
    """One row a target."""
    shown = Table()
    for at, head in enumerate(HEADS):
        shown.add_column(head, justify="left" if at == 0 else "right")
    for evidence, verdict in outcome.judged:
        name = evidence.name
        faults = sum(number for fault, number in outcome.faults[name].items() if fault != "ok")
        counts = [outcome.count[name, kind] for kind in ("outside", "kill", "clear", "restarts")]
        row = [
            len(evidence.corrections), evidence.tries, evidence.unknown,
            *(evidence.resolved[each] for each in RESOLVED), evidence.escalated, faults, *counts, outcome.traced[name],
            len(verdict.doubles), len(verdict.lost), len(verdict.wrong),
        ]  # fmt: skip
        shown.add_row(name, *(str(each) for each in row))
    return shown
