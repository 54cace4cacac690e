"""Which characters separate what: read from each interchange itself, since partners choose them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Syntax = Literal["x12", "edifact"]

SEPARATORS_IN_ISA = 16
ISA_CHARS_MAX = 400
UNA_CHARS = 6
BREAKS = "\r\n"
MASK = "\x02"  # of a released separator, while a text is split
BLANKS = " \t\r\n"
ADVICE_CHARS_MAX = 1_024
# ISA01 to ISA16 have these widths, always; some senders leave the blanks out.
ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
VERSION_WITH_REPETITION = "00402"

# A wrapped line may end inside the word.
ISA = re.compile(r"I[\r\n]*S[\r\n]*A[\r\n]*(?=[^A-Za-z0-9 \t\r\n])")
# A service string advice, or an interchange, group or message without one.
EDIFACT = re.compile(r"UN[ABGH](?=[^A-Za-z0-9 \t\r\n])")
_SERVICE = re.compile(r"UN[BGH]")
_BROKEN = re.compile(r"(?<![\r\n])[\r\n]+UN[GH]\+")
START = re.compile(f"{ISA.pattern}|{EDIFACT.pattern}")
# Where reading may begin again in text that was not understood: SAMSUNG and VISA are names, no beginnings.
AGAIN = re.compile(rf"(?<![A-Za-z0-9])(?:{START.pattern})|ISA(?=([^A-Za-z0-9 \t\r\n])\d\d\1)")
# The beginning of an interchange behind a segment that was cut, or that has no terminator. Lost inside a segment, it
# would lend its sets to the interchange before it: a test's to production.
GLUED = re.compile(
    r"I[\r\n]*S[\r\n]*A[\r\n]*([^A-Za-z0-9 \t\r\n])[\r\n]*\d[\r\n]*\d[\r\n]*\1"
    r"|(?<=[\r\n])(?:UNA[^A-Za-z0-9 \t\r\n]|UNB[^A-Za-z0-9 \t\r\n]UNO)"
    r"|UNB[^A-Za-z0-9 \t\r\n]UNO[A-Z][^A-Za-z0-9 \t\r\n]\d"
)


@dataclass(frozen=True)
class Delimiters:
    """The separators of one interchange. ``release`` and ``repetition`` are empty where there is none."""

    syntax: Syntax
    element: str
    component: str
    terminator: str
    repetition: str = ""
    release: str = ""
    decimal: str = "."
    remarks: tuple[str, ...] = ()  # codes of what is wrong with the ISA or UNA itself

    @cached_property
    def _escape(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.release) + "(.)", re.DOTALL)

    def elements(self, content: str) -> list[str]:
        """The elements of a segment, the id first; releases are still in them."""
        if self.release and self.release in content:
            return self._split(content, self.element)
        return content.split(self.element)

    def components(self, element: str) -> list[str]:
        """The components of one element, as plain text."""
        if self.release and self.release in element:
            return [self.plain(part) for part in self._split(element, self.component)]
        return element.split(self.component)

    def plain(self, text: str) -> str:
        """``text`` without its release characters."""
        return self._escape.sub(r"\1", text) if self.release and self.release in text else text

    def masked(self, text: str) -> str | None:
        """``text`` with marks in place of releases and what they release, as long as before; None where it has marks.

        A line break behind a release is the wrapping of a sender, which takes a closer look.
        """
        release = self.release
        if MASK in text or f"{release}\n" in text or f"{release}\r" in text:
            return None
        for mark, each in self._masks:
            text = text.replace(release + each, mark)
        return text

    def unmasked(self, text: str) -> str:
        """``text`` as it was."""
        if MASK in text:
            for mark, each in self._masks:
                text = text.replace(mark, self.release + each)
        return text

    @cached_property
    def _masks(self) -> list[tuple[str, str]]:
        """The release itself comes first: two of them release nothing behind them."""
        released = (self.release, self.terminator, self.element, self.component)
        return [(MASK + chr(number), each) for number, each in enumerate(released, ord("a"))]

    def ends_released(self, piece: str) -> bool:
        """Whether the separator behind ``piece`` is text: an odd number of release characters stands before it."""
        return bool(self.release) and (len(piece) - len(piece.rstrip(self.release))) % 2 == 1

    def _split(self, text: str, separator: str) -> list[str]:
        parts: list[str] = []
        held = ""
        for piece in text.split(separator):
            if self.ends_released(piece):
                held += piece + separator
            else:
                parts.append(held + piece)
                held = ""
        # A release character at the very end releases nothing.
        return [*parts, held[: -len(separator)]] if held else parts


def of_isa(text: str) -> Delimiters | None:
    """Read from the ISA that ``text`` begins with, by counting separators: unpadded and wrapped ISAs occur.

    None when no 16 elements are there, or two separators are the same.
    """
    begun = ISA.match(text)
    if begun is None:
        return None
    first = position = begun.end()
    element = text[first]
    ends = []
    for _ in range(SEPARATORS_IN_ISA - 1):
        position = text.find(element, position + 1, ISA_CHARS_MAX)
        if position < 0:
            return None
        ends.append(position)
    values = [text[a + 1 : b].replace("\r", "").replace("\n", "") for a, b in zip([first, *ends], ends, strict=False)]
    rest = text[position + 1 : position + 12].lstrip(BREAKS)
    component, rest = rest[:1], rest[1:]
    terminator = rest[:1]
    behind = rest.strip(BLANKS)[:1]
    if terminator in BREAKS and behind and not behind.isalnum():
        terminator = behind  # the line was wrapped before it
    elif terminator in BLANKS and rest.strip(" \t")[:1] in BREAKS:
        terminator = rest.strip(" \t")[:1]
    if len({element, component, terminator}) < 3 or not terminator or element.isalnum() or terminator.isalnum():
        return None
    repetition = values[10].strip()
    if len(repetition) != 1 or repetition.isalnum() or values[11] < VERSION_WITH_REPETITION:
        repetition = ""
    remarks = () if tuple(len(value) for value in values) == ISA_WIDTHS[:-1] else ("isa_widths",)
    return Delimiters("x12", element, component, terminator, repetition, remarks=remarks)


def of_una(text: str) -> tuple[Delimiters, int] | None:
    """Delimiters of the EDIFACT interchange ``text`` begins with, and how many characters the UNA takes (0: none).

    Its terminator may be a line break, and the blank before it may be missing; without a UNA, lines may end the
    segments all the same. None when it is too short or two separators are the same.
    """
    if not text.startswith("UNA"):
        broken = _BROKEN.search(text, 0, ADVICE_CHARS_MAX)
        terminator = broken[0][0] if broken and "'" not in text[: broken.start()] else "'"
        return Delimiters("edifact", "+", ":", terminator, release="?"), 0
    following = _SERVICE.search(text, 3, 3 + 2 * UNA_CHARS)
    advice = text[3 : following.start()] if following else text[3 : 3 + UNA_CHARS]
    is_short = len(advice.rstrip(BREAKS)) == UNA_CHARS - 1 and advice[4] not in " *"
    if is_short:
        advice = f"{advice[:4]} {advice[4]}"
    if len(advice) < UNA_CHARS:
        return None
    component, element, decimal, release, repetition, terminator = list(advice[:UNA_CHARS])
    if len({component, element, terminator}) < 3 or any(map(str.isalnum, (component, element, terminator))):
        return None
    remarks = ("una_incomplete",) if is_short else ()
    found = Delimiters("edifact", element, component, terminator, repetition.strip(), release.strip(), decimal, remarks)
    return found, following.start() if following else 3 + UNA_CHARS
