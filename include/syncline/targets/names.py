"""What a target calls our items and locations, and what we call its (``target_items.csv``, ``target_locations.csv``).

One name is one reference, both ways: two names that shared a number would undo each other. A name without a row is the
same on both sides, unless the target's entry says ``references: required`` or somebody else has that reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from syncline.config.tables import UNNAMED
from syncline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import psycopg

Kind = Literal["item", "location"]
KINDS: tuple[Kind, Kind] = ("item", "location")


@dataclass(frozen=True)
class Names:
    """Of one target and kind: ``refs`` by our name, those that were asked for."""

    refs: dict[str, str]
    required: bool = False
    _names: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names: dict[str, str] = {}
        for name, ref in sorted(self.refs.items()):
            if ref in names:
                raise ConfigurationError(
                    f"{names[ref]!r} and {name!r} share the reference {ref!r}.",
                    next_step="Give each its own row in target_items.csv or target_locations.csv, then "
                    "`syncline config apply`.",
                )
            names[ref] = name
        object.__setattr__(self, "_names", names)

    def ref(self, name: str) -> str | None:
        """The target's reference of ``name``; None: it has none."""
        if name in self.refs:
            return self.refs[name]
        return None if self.required or name in self._names or name.startswith(UNNAMED) else name

    def name(self, ref: str) -> str:
        """Our name of ``ref``; where nobody has named it, the reference behind a mark that no name begins with."""
        if ref in self._names:
            return self._names[ref]
        return UNNAMED + ref if self.required or ref in self.refs else ref


def names_in_use(conn: psycopg.Connection, target: str, kind: Kind, asked: Collection[str], *, required: bool) -> Names:
    """The names that ``asked`` has to do with, whether they are ours or the target's."""
    rows = conn.execute(
        "select name, ref from ops.target_names where target = %(target)s and kind = %(kind)s "
        "and (name = any(%(asked)s) or ref = any(%(asked)s))",
        {"target": target, "kind": kind, "asked": list(asked)},
    ).fetchall()
    return Names(dict(rows), required)


def keys_in_use(
    conn: psycopg.Connection, target: str, keys: Iterable[tuple[str, str]], *, required: bool
) -> tuple[Names, Names]:
    """Items and locations of ``keys``, which are ours or the target's."""
    items, locations = (sorted(set(parts)) for parts in zip(*keys, strict=True)) if keys else ([], [])
    return (
        names_in_use(conn, target, "item", items, required=required),
        names_in_use(conn, target, "location", locations, required=required),
    )
