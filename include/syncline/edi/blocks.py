"""Text in which nothing needs a second look, and its segments: so most of a file is read at the speed of C."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from itertools import accumulate, count, repeat
from typing import NamedTuple

from syncline.edi.delimiters import BREAKS, MASK, Delimiters

SEGMENT_CHARS_MAX = 20_000


class Segment(NamedTuple):
    """``elements[0]`` is the segment id; ``number`` counts from 1 in the file; ``offset`` is the first byte's."""

    elements: list[str]
    number: int
    offset: int

    @property
    def id(self) -> str:
        return self.elements[0].strip()

    def get(self, element: int) -> str:
        """Element ``element`` (1 is the first after the id) without outer blanks; empty when absent."""
        return self.elements[element].strip() if element < len(self.elements) else ""


_segment = partial(tuple.__new__, Segment)


class Run:
    """Plain segments behind each other, split: their elements, and their places on demand. ``number`` is of the first.

    ``begin`` is where they begin in the text of their block, and ``offset`` the byte where that text begins.
    """

    def __init__(
        self, pieces: list[str], contents: list[str], element: str, number: int, begin: int, offset: int
    ) -> None:
        self._pieces, self._contents, self._begin, self._offset = pieces, contents, begin, offset
        self.elements = list(map(str.split, contents, repeat(element)))
        self.number = number

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[Segment]:
        return map(_segment, zip(self.elements, count(self.number), map(self._byte, range(len(self))), strict=False))

    @cached_property
    def _before(self) -> list[int]:
        return list(accumulate(map(len, self._pieces), initial=self._begin))

    def place(self, at: int) -> int:
        """Where a segment begins in the text of the block, the blanks before it with it."""
        return self._before[at] + at

    def _byte(self, at: int) -> int:
        return self._offset + self.place(at) + len(self._pieces[at]) - len(self._contents[at])

    def unmask(self, delimiters: Delimiters) -> None:
        """Give the elements their released separators back."""
        for at, content in enumerate(self._contents):
            if MASK in content:
                self.elements[at] = [delimiters.unmasked(text) for text in self.elements[at]]

    def segment(self, at: int) -> Segment:
        """One of them."""
        return Segment(self.elements[at], self.number + at, self._byte(at))


class Block:
    """Text at hand in which nothing needs a second look: segments are split off it, or read as they stand in it.

    ``at`` is the first character that has not been used, and segment ``number`` begins there; ``offset`` is the byte
    of the first character of all, and every character is one. What its reader leaves comes again, with more behind it.
    """

    def __init__(self, text: str, delimiters: Delimiters, number: int, offset: int) -> None:
        self.text, self.number, self.offset, self.at = text, number, offset, 0
        self._delimiters = delimiters

    def __iter__(self) -> Iterator[Run]:
        while (run := self.run()) is not None:
            yield run

    def run(self, chars: int | None = None) -> Run | None:
        """The next segments, of about ``chars`` characters if not all; None where none is whole, or one is not plain"""
        end = self.text.find(self._delimiters.terminator, self.at + chars) + 1 if chars is not None else 0
        run, self.at = self._split(self.at, end or len(self.text), self.number)
        self.number += 0 if run is None else len(run)
        return run

    def use(self, last: int, end: int, number: int) -> Segment:
        """Segments up to ``end``, where ``number`` begins, have been read as they stand; the last of those.

        Args:
            last: where one of them begins, with nothing between it and ``end`` that is not plain.
        """
        run, self.at = self._split(last, end, 0)
        assert run is not None
        self.number = number
        return run.segment(len(run) - 1)._replace(number=number - 1)

    def _split(self, begin: int, end: int, number: int) -> tuple[Run | None, int]:
        """The segments of a part of the text, at the speed of C, and where they end."""
        delimiters, text = self._delimiters, self.text[begin:end]
        terminator = delimiters.terminator
        is_released = delimiters.release != "" and delimiters.release in text
        masked = delimiters.masked(text) if is_released else text
        if masked is None:
            return None, begin
        pieces = masked.split(terminator)
        rest = len(pieces.pop())
        contents = list(map(str.lstrip, pieces))
        if not contents or not all(contents) or max(map(len, contents)) > SEGMENT_CHARS_MAX:
            return None, begin
        if terminator not in BREAKS and any(each in text for each in BREAKS):
            joined = terminator.join(contents)
            if any(each in joined for each in BREAKS):
                return None, begin
        run = Run(pieces, contents, delimiters.element, number, begin, self.offset)
        if is_released:
            run.unmask(delimiters)
        return run, end - rest
