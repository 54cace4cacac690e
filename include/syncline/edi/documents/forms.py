"""Kinds of elements: which text is one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

KNOWN_MAX = 20_000
# Also what is not seen, looks like a blank, or turns the direction of what is behind it: two ids that look the same
# are not. A list, not a question to Unicode: its answers change with Python.
_UNSEEN = r"\xa0\xad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2069\u3000\ufeff"
_CONTROLS = rf"\x00-\x1f\x7f-\x9f{_UNSEEN}\ud800-\udfff"


@dataclass(frozen=True, slots=True)
class Form:
    """``pattern`` must match all of an element; ``known`` are texts of which that has been asked."""

    name: str
    pattern: re.Pattern[str]
    known: set[str] = field(default_factory=set)

    def fits(self, text: str) -> bool:
        """Whether ``text`` has this form. Partners say the same few things over and over."""
        if text in self.known:
            return True
        if not self.pattern.fullmatch(text):
            return False
        if len(self.known) < KNOWN_MAX and len(text) < 40:
            self.known.add(text)
        return True


def _form(name: str, pattern: str) -> Form:
    return Form(name, re.compile(pattern))


# Quantities stay text; a plain decimal is all that is accepted: no sign but minus, no exponent, no grouping.
FORMS = {
    "decimal": _form("a plain decimal number", r"-?[0-9]{1,15}(\.[0-9]{1,9})?"),
    "code": _form("a code", r"[A-Za-z0-9]{1,6}"),
    # Longer than any reference in use, and nothing that a log, a file name or a table cannot hold.
    "text": _form("printable text of at most 80 characters", f"[^{_CONTROLS}]{{1,80}}"),
    "unit": _form("a unit", r"[A-Za-z0-9]{1,3}"),
    "count": _form("a count", r"[0-9]{1,9}"),
}
