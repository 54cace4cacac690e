"""What a pull reports; small enough for an XCom."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from syncline.landing import LoadResult


@dataclass(frozen=True, slots=True)
class PullResult:
    """Sums of one pull. ``load_ids``: empty when nothing was new. ``is_complete``: False when a limit stopped it."""

    source: str
    load_ids: tuple[int, ...] = ()
    documents: int = 0
    facts: int = 0
    faults: int = 0
    known: int = 0
    is_complete: bool = True

    def plus(self, landed: LoadResult) -> PullResult:
        """This and one more load."""
        return PullResult(
            self.source,
            self.load_ids if landed.load_id is None else (*self.load_ids, landed.load_id),
            self.documents + landed.documents,
            self.facts + landed.facts,
            self.faults + landed.faults,
            self.known + landed.known,
            self.is_complete,
        )

    @property
    def load_id(self) -> int | None:
        """The last load written, None when nothing was new."""
        return self.load_ids[-1] if self.load_ids else None

    def as_json(self) -> dict[str, Any]:
        """JSON-able summary: source, load_id, load_ids, documents, facts, faults, known, is_complete."""
        return asdict(self) | {"load_id": self.load_id, "load_ids": list(self.load_ids)}
