"""Loops of a scenario and what they have to tell, in the shape of its file (ADR 0032)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Each loop with its notices, the status of one behind its name.
LOOPS = """
select
  l.item, l.loop_id, l.kind, l.subject, l.location, l.to_location, l.expected, l.happened, l.substituted, l.missing,
  l.state, l.details,
  array(
    select n.notice || coalesce(' ' || (n.payload ->> 'status'), '')
    from marts.fct_loop_notices n where n.loop_id = l.loop_id order by n.notice collate "C") as notices
from marts.fct_loops l
order by l.kind collate "C", l.subject collate "C", l.item collate "C", l.location collate "C", l.loop_id
"""


def loop_of(bare: Callable[[str | None], str | None], row: tuple[Any, ...]) -> dict[str, Any]:
    """One row of ``LOOPS``; what is nothing of a substitute or another end is not said."""
    item, _, kind, subject, location, end, expected, happened, substituted, missing, state, details, notices = row
    found = {
        "kind": kind, "subject": bare(subject), "item": bare(item), "location": bare(location), "expected": expected,
        "happened": happened, "missing": missing, "state": state,
    }  # fmt: skip
    found |= {"to": bare(end)} if end is not None else {}
    found |= {"substituted": substituted} if substituted else {}
    return {**found, **(details or {}), "notices": list(notices)}
