"""X12 into segments: delimiters read from each ISA, byte offsets kept, several interchanges a file.

Real files wrap at 80 columns, indent, end a segment with any character, omit the last terminator or begin with a
byte order mark; all of that is read. What cannot be read becomes a Fault and reading goes on at the next ISA.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from syncline.edi.errors import Fault, shown

SEPARATORS_IN_ISA = 16
ISA_CHARS_MAX = 400
SEGMENT_CHARS_MAX = 20_000
BLANK = " \t\r\n"
_ISA = re.compile(r"ISA(?=[^A-Za-z0-9 \t\r\n])")


class Segment(NamedTuple):
    """``elements[0]`` is the segment id; ``number`` counts from 1 in the file; ``offset`` is the first byte's."""

    elements: list[str]
    number: int
    offset: int

    @property
    def id(self) -> str:
        return self.elements[0]

    def get(self, element: int) -> str:
        """Element ``element`` (1 is the first after the id) without outer blanks; empty when absent."""
        return self.elements[element].strip() if element < len(self.elements) else ""


@dataclass(frozen=True, slots=True)
class Delimiters:
    element: str
    component: str
    terminator: str


class Text:
    """A file decoded once: UTF-8, else Latin-1; ``offset`` turns a character position into a byte position."""

    def __init__(self, data: bytes) -> None:
        self._bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        body = data[self._bom :]
        try:
            self.text = body.decode("utf-8")
            self._wide = not self.text.isascii()
        except UnicodeDecodeError:
            self.text = body.decode("latin-1")
            self._wide = False
        self._at = 0
        self._bytes = 0

    def offset(self, position: int) -> int:
        """Byte offset of a character position; positions must not go back."""
        if not self._wide:
            return self._bom + position
        self._bytes += len(self.text[self._at : position].encode("utf-8"))
        self._at = position
        return self._bom + self._bytes


def segments(data: bytes, file: str) -> Iterator[Segment | Fault]:
    """Segments of all interchanges in order, with faults where text belongs to no readable interchange."""
    source = Text(data)
    text = source.text
    position = _skip_blank(text, 0)
    number = 0
    while position < len(text):
        found = _ISA.match(text, position)
        delimiters = _delimiters(text, position) if found else None
        if delimiters is None:
            following = _ISA.search(text, position + 3)
            end = following.start() if following else len(text)
            yield _stray(text, position, end, file, number + 1, source.offset(position), is_isa=found is not None)
            number += 1
            position = end
            continue
        for segment, after in _interchange(source, position, delimiters, number, file):
            yield segment
            number += 1
            position = after
        position = _skip_blank(text, position)


def _interchange(
    source: Text, start: int, delimiters: Delimiters, number: int, file: str
) -> Iterator[tuple[Segment | Fault, int]]:
    """Segments from one ISA up to its IEA, the next ISA or the end; each with the position behind it."""
    text, terminator, element = source.text, delimiters.terminator, delimiters.element
    is_wrapped = terminator not in "\r\n"
    position = start
    while position < len(text):
        if position != start and _ISA.match(text, position):
            return
        end = text.find(terminator, position)
        after = len(text) if end < 0 else end + 1
        content = text[position : len(text) if end < 0 else end]
        number += 1
        offset = source.offset(position)
        if len(content) > SEGMENT_CHARS_MAX:
            text_ = (
                f"a segment of {len(content)} characters is longer than {SEGMENT_CHARS_MAX}; is its terminator right?"
            )
            long = Fault("segment_too_long", text_, "interchange", file, number, content[:3].strip(), offset=offset)
            yield long, after
            position = _skip_blank(text, after)
            continue
        if is_wrapped and ("\n" in content or "\r" in content):
            content = content.replace("\r", "").replace("\n", "")
        elements = content.split(element)
        elements[0] = elements[0].strip()
        if elements != [""]:
            yield Segment(elements, number, offset), after
        else:
            number -= 1
        position = _skip_blank(text, after)
        if elements[0] == "IEA":
            return
    return


def _delimiters(text: str, start: int) -> Delimiters | None:
    """Read from the ISA at ``start`` by counting separators, since unpadded and wrapped ISAs occur."""
    element = text[start + 3]
    position = start + 3
    for _ in range(SEPARATORS_IN_ISA - 1):
        position = text.find(element, position + 1, start + ISA_CHARS_MAX)
        if position < 0:
            return None
    rest = text[position + 1 : position + 8]
    component, rest = rest[:1], rest[1:]
    terminator = rest[:1]
    if terminator in (" ", "\t") and rest.strip(" \t")[:1] in ("\r", "\n"):
        terminator = rest.strip(" \t")[:1]
    distinct = len({element, component, terminator}) == 3
    if not (component and terminator and distinct) or (element + terminator).isalnum() or terminator.isalnum():
        return None
    return Delimiters(element, component, terminator)


def _stray(text: str, start: int, end: int, file: str, number: int, offset: int, *, is_isa: bool) -> Fault:
    piece = text[start:end]
    if is_isa:
        return Fault(
            "isa_unreadable",
            f"delimiters cannot be read from {shown(piece)}",
            "interchange",
            file,
            number,
            "ISA",
            offset=offset,
        )
    sets = len(re.findall(r"(?:^|[^A-Za-z0-9])ST[^A-Za-z0-9]", piece))
    detail = f"{len(piece)} characters outside any interchange, {sets} set(s) among them, from {shown(piece)}"
    return Fault("outside_interchange", detail, "interchange", file, number, "", offset=offset)


def _skip_blank(text: str, position: int) -> int:
    while position < len(text) and text[position] in BLANK:
        position += 1
    return position
