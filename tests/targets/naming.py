"""A loop whose target calls everything by names of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncline.config.versions import append
from syncline.targets.references import Referenced

if TYPE_CHECKING:
    import psycopg
    from tests.targets.conftest import Loop


class Closing(Referenced):
    """Closes its adapter, too, as a loop wants it."""

    def close(self) -> None:
        super().close()
        self._adapter.close()


def named(loop: Loop) -> Loop:
    """``loop`` with its adapter behind the names in use."""
    bare = loop.client
    loop.client = lambda: Closing(loop.publisher, bare(), loop.policy, loop.clock)  # type: ignore[assignment,method-assign]
    return loop


def call(loop: Loop, items: dict[str, str], locations: dict[str, str] | None = None) -> None:
    """Configure what the loop's target calls our items and locations, as `syncline config apply` appends it."""
    target = loop.policy.target
    rows: list[dict[str, Any]] = [{"target": target, "item": name, "ref": ref} for name, ref in items.items()]
    append(loop.owner, "target_items", rows, loop.clock.now(), "test")
    if locations is not None:
        rows = [{"target": target, "location": name, "ref": ref} for name, ref in locations.items()]
        append(loop.owner, "target_locations", rows, loop.clock.now(), "test")


def open_exceptions(conn: psycopg.Connection, rule: str) -> list[str]:
    """Subjects, in order."""
    rows = conn.execute(
        "select subject from ops.exceptions where rule = %s and state = 'open' order by subject", (rule,)
    )
    return [subject for (subject,) in rows]
