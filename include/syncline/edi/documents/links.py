"""What a movement says beside its number: what it serves, whether more comes, when it is due, and why it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.edi.documents.elements import AMBIGUOUS
from syncline.edi.moments import localised

if TYPE_CHECKING:
    from syncline.edi.documents.table import DocumentTable, FactTable
    from syncline.edi.profiles import Profile

Links = tuple[str | None, bool | None, str | None]
NO_LINKS: Links = (None, None, None)


class Linked:
    """Reads the links of one table of facts. ``used``: the values that it looks at."""

    def __init__(self, document: DocumentTable, table: FactTable, profile: Profile) -> None:
        parts = profile.serves.get(document.name, table.serves) if table.serves else table.returns
        self._serves = tuple(tuple(part.split("|")) for part in parts)
        self._final, self._due, self._zone = table.final, table.due, profile.timezone
        self._reasons = table.reason
        self._links = frozenset({name for names in self._serves for name in names} | set(self._final) | set(self._due))
        self.used = self._links | set(self._reasons)

    def of(self, values: dict[str, str]) -> Links:
        """A key with a part that nothing says is none: half a key would name another order line."""
        if not self._links:
            return NO_LINKS
        parts = [next((values[name] for name in names if values.get(name)), "") for names in self._serves]
        is_whole = bool(parts) and all(parts) and AMBIGUOUS not in parts
        is_final = any(values.get(name) in codes for name, codes in self._final.items())
        return "/".join(parts) if is_whole else None, is_final or None, self._due_of(values)

    def reason_of(self, values: dict[str, str]) -> str | None:
        """Why it was told; None where no code says it."""
        said = (codes.get(values.get(name, "")) for name, codes in self._reasons.items())
        return next((reason for reason in said if reason), None)

    def _due_of(self, values: dict[str, str]) -> str | None:
        said = next((values[name] for name in self._due if values.get(name)), None)
        if said is None or said == AMBIGUOUS or self._zone is None:
            return None if said == AMBIGUOUS else said
        try:
            return localised(said, self._zone)
        except ValueError:
            return None  # what names no instant is due at none
