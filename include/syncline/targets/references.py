"""An adapter seen from our side: items and locations by our names, whatever the target calls them (ADR 0021).

A document is said in the names that its lines' first tries were sent with (``requests``); everything else in the names
in use, which stay as they are until ``close`` (``adoption``).
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from syncline.config.tables import UNNAMED
from syncline.exceptions import About, open_exception
from syncline.targets.adoption import adopt, share, unshare
from syncline.targets.contract import AnswersLater, Document, FindsReferences, LineAnswer, ListsChanges, ShowsNumbers
from syncline.targets.governance.turns import turn
from syncline.targets.names import keys_in_use
from syncline.targets.reading import answered_alike
from syncline.targets.requests import sent_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import Adapter, Check, DocumentAnswer, Found, Key, Line, Page, Shown
    from syncline.targets.names import Names
    from syncline.targets.policy import TargetPolicy


class Referenced:
    """The adapter of one push run. ``close`` gives the names back; the adapter is closed by whoever opened it.

    Args:
        conn: role publisher, autocommit, the connection that claims: names of a try are stored before it is sent.
    """

    def __init__(self, conn: psycopg.Connection, adapter: Adapter, policy: TargetPolicy, clock: Clock) -> None:
        self._conn, self._adapter, self._policy, self._clock = conn, adapter, policy, clock
        self.capabilities = adapter.capabilities
        adopt(conn, policy, clock)
        share(conn, policy.target)

    def close(self) -> None:
        unshare(self._conn, self._policy.target)

    def turn(self, wait_max_s: float) -> AbstractContextManager[None]:
        """The turn of the adapter inside: names change nothing about its limits."""
        return turn(self._adapter, wait_max_s)

    def check(self) -> Sequence[Check]:
        return self._adapter.check()

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Send it in the names of its first try, and measure the call."""
        said = self._said(document.lines)
        if len(said) < len(document.lines):
            return answered_alike(document, LineAnswer("not_executed", "no_reference"), None)
        begun_s = time.monotonic()
        answer = self._adapter.send(Document(said), timeout_s)
        return replace(answer, latency_ms=round((time.monotonic() - begun_s) * 1000))

    def poll(self, job: str, document: Document) -> DocumentAnswer | None:
        return cast("AnswersLater", self._adapter).poll(job, Document(self._said(document.lines)))

    def find(self, lines: Sequence[Line]) -> Mapping[str, Sequence[Found]]:
        """Effects by reference. What is found under the names that the line was sent by is the line's own key."""
        ours = {line.reference: line for line in lines}
        said = {line.reference: line for line in self._said(lines)}
        told = cast("FindsReferences", self._adapter).find(tuple(said.values()))
        keys = [(effect.item, effect.location) for effects in told.values() for effect in effects]
        items, locations = self._names(keys)
        return {
            reference: [_as_ours(effect, ours[reference], said[reference], items, locations) for effect in effects]
            for reference, effects in told.items()
            if reference in said
        }

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        """What the target shows of those keys that it can be asked for."""
        items, locations = self._names(keys)
        asked = {
            (item, location): key
            for key in keys
            if (item := items.ref(key[0])) is not None and (location := locations.ref(key[1])) is not None
        }
        told = cast("ShowsNumbers", self._adapter).show(list(asked)) if asked else {}
        return {asked[key]: shown for key, shown in told.items() if key in asked}

    def changes(self, after: int, limit: int) -> Page:
        """A page of the list. What nobody has named is kept under a marked name and told once."""
        page = cast("ListsChanges", self._adapter).changes(after, limit)
        items, locations = self._names([(change.item, change.location) for change in page.changes])
        named = replace(
            page,
            changes=tuple(
                replace(change, item=items.name(change.item), location=locations.name(change.location))
                for change in page.changes
            ),
        )
        unnamed = {("item", change.item) for change in named.changes if change.item.startswith(UNNAMED)}
        unnamed |= {("location", change.location) for change in named.changes if change.location.startswith(UNNAMED)}
        self._tell_unnamed(sorted(unnamed))
        return named

    def _said(self, lines: Sequence[Line]) -> tuple[Line, ...]:
        """``lines`` as they are said to the target; those whose names are kept."""
        names = sent_names(self._conn, [line.reference for line in lines])
        return tuple(
            replace(line, item=names[line.reference][0], location=names[line.reference][1])
            for line in lines
            if line.reference in names
        )

    def _names(self, keys: Sequence[Key]) -> tuple[Names, Names]:
        return keys_in_use(self._conn, self._policy.target, keys, required=self._policy.references_required)

    def _tell_unnamed(self, unnamed: Sequence[tuple[str, str]]) -> None:
        target = self._policy.target
        with self._conn.transaction():
            for kind, name in unnamed:
                ref = name.removeprefix(UNNAMED)
                open_exception(
                    self._conn, "target.unknown_reference", f"{target} {kind} {ref}",
                    detail=f"{target} shows changes of the {kind} {ref!r}, which no name of ours stands for. They are "
                    f"kept under {name!r}.",
                    next_step=f"Name it in target_{kind}s.csv and `syncline config apply`; leave it if it is not ours.",
                    at=self._clock.now(), about=About(target=target),
                )  # fmt: skip


def _as_ours(effect: Found, ours: Line, said: Line, items: Names, locations: Names) -> Found:
    return replace(
        effect,
        item=ours.item if effect.item == said.item else items.name(effect.item),
        location=ours.location if effect.location == said.location else locations.name(effect.location),
    )
