"""One event of the blueprint, and what it is made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncline.config.tables import Rows
    from syncline.registry import Registry, Source


@dataclass(frozen=True)
class Event:
    """What anybody who tells, reads or repairs it must know; every field is a line of the page.

    ``group``: the heading it stands under. ``owner``: who tells it and whose numbers it may change. ``latency``: how
    late it may be and when somebody is asked. ``identity``: by what it is known when it comes again.
    """

    group: str
    name: str
    means: str
    direction: str
    owner: str
    latency: str
    sequence: str
    identity: str
    errors: str
    reconciliation: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Material:
    """Registry and rules (``config.read_folder``). What the page says follows from these and the code alone."""

    registry: Registry
    rules: Rows

    def declared(self, source: Source) -> dict[str, Any]:
        """Its row of ``sources.csv``; empty when it has none."""
        return next((row for row in self.rules["sources"] if row["source"] == source.name), {})

    def owners(self, sources: Sequence[Source], measures: Sequence[str]) -> str:
        """Who of ``sources`` may speak of ``measures``, in which role and where; each role with its measures."""
        names = {source.name for source in sources}
        found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for row in self.rules["ownership_rules"]:
            if row["source"] in names and row["measure"] in measures:
                role = row["role"] + (" (movements count)" if row["movements"] == "apply" else "")
                found[row["source"], role, row["location"]].append(row["measure"])
        told = [
            f"`{source}` is {role} of {', '.join(of)} at {location}" for (source, role, location), of in found.items()
        ]
        silent = sorted(names - {source for source, *_ in found})
        told += [f"`{name}` is an observer" for name in silent]
        return "; ".join(told)

    def latency(self, sources: Sequence[Source]) -> str:
        """How each of ``sources`` is read, and from when on what it tells is late; equal ones together."""
        found: dict[str, list[str]] = defaultdict(list)
        for source in sources:
            row = self.declared(source)
            late = f"late after {row.get('lag_s', 0)} s of lag and {row.get('hold_s', 0)} s of hold"
            back = f", {source.overlap_s} s of its past again" if source.kind == "wms_api" else ""
            found[f"read every {source.poll_every_s} s{back}; {late}; silent after {source.staleness_s} s"].append(
                f"`{source.name}`"
            )
        return "; ".join(f"{' and '.join(names)}: {text}" for text, names in found.items())
