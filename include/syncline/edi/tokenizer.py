"""X12 and EDIFACT into segments, as a stream: memory does not grow with the file, byte offsets are kept.

Real files wrap at 80 columns, indent, end a segment with any character, omit the last terminator, begin with a byte
order mark or hold several interchanges with separators of their own; all of that is read. What cannot be read becomes
a Finding, and reading goes on where the next interchange begins.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Generator, Iterator
from itertools import chain
from typing import BinaryIO

from syncline.edi.blocks import SEGMENT_CHARS_MAX, Block, Segment
from syncline.edi.delimiters import AGAIN, BREAKS, GLUED, ISA, START, Delimiters, of_isa, of_una
from syncline.edi.findings import Finding, shown

READ_BYTES = 65_536
# So many segments are split off at a time: the rest of the buffer is copied.
SPLIT_AT_ONCE = 1_024
HEADER_CHARS = 512
# After so many beginnings that cannot be read, the rest of the file is one defect.
STARTS_MAX = 1_000
BLANK = " \t\r\n\ufeff"  # files put behind each other have their byte order marks inside
BOM = b"\xef\xbb\xbf"
# Text without any of these goes on to its end in the same interchange.
STOPS = ("ISA", "UNA", "UNB", "IEA", "UNZ")
PARTS_OF_STOPS = ("ISA", "UN", "IEA")  # one of them is in each; fewer are sooner looked for
MESSAGE = re.compile("UN[GH]")
ENDS = {"x12": "IEA", "edifact": "UNZ"}
_SET = re.compile(r"(?:^|[^A-Za-z0-9])(?:ST|UNH)[^A-Za-z0-9]")


def segments(data: bytes | BinaryIO) -> Iterator[Segment | Delimiters | Finding]:
    """Segments of all interchanges in order; before those of each its Delimiters.

    Args:
        data: the file; a stream must be seekable: it is read twice, first to know its encoding.
    """
    for item in blocks(data):
        if isinstance(item, Block):
            yield from chain.from_iterable(item)
        else:
            yield item


def blocks(data: bytes | BinaryIO) -> Iterator[Block | Segment | Delimiters | Finding]:
    """What ``segments`` gives, with the plain ones in blocks: so they reach their reader at the speed of C."""
    return iter(_Tokenizer(io.BytesIO(data) if isinstance(data, bytes) else data))


class _Tokenizer:
    """``_text`` is what has been decoded and not been used yet; ``_offset`` is the byte where it begins."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        encoding, self._is_wide, self._offset = _encoding(stream)
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._text = ""
        self._is_ended = False
        self._number = 0
        self._remarks: dict[str, Finding | None] = {}  # of the interchange at hand; None: told

    def __iter__(self) -> Iterator[Block | Segment | Delimiters | Finding]:
        while self._skip_blank():
            found = self._delimiters()
            if found is None:
                yield self._stray()
            else:
                delimiters, advice = found
                self._use(advice)
                self._remarks = {}
                yield delimiters
                yield from self._interchange(delimiters)
                yield from self._remarked()

    def _delimiters(self) -> tuple[Delimiters, int] | None:
        """Delimiters of the interchange that begins here, and the characters of its UNA."""
        if ISA.match(self._text):
            found = of_isa(self._text)
            return None if found is None else (found, 0)
        return of_una(self._text) if START.match(self._text) else None

    def _interchange(self, delimiters: Delimiters) -> Iterator[Block | Segment | Finding]:
        """Segments up to the interchange's end, the beginning of another one, or the end of the file."""
        is_first = True
        while self._fill(READ_BYTES):
            yield from self._remarked()
            empty = len(self._text) - len(self._text.lstrip(BLANK + delimiters.terminator))
            if empty:
                before, ends, _ = self._text[:empty].partition(delimiters.terminator)
                if delimiters.terminator not in BREAKS and ends:
                    self._remark(
                        "segment_empty", "a segment without anything in it", self._offset + self._bytes(before)
                    )
                self._use(empty)
                continue
            block = None if is_first else self._plain(delimiters)
            if block is not None:
                yield block
                self._number = block.number - 1
                self._use(block.at)
            if (block is None or not block.at) and (yield from self._careful(delimiters, is_first=is_first)):
                return
            is_first = False

    def _plain(self, delimiters: Delimiters) -> Block | None:
        """The text at hand up to where an interchange may end or begin; what else is odd is seen in its segments."""
        text = self._text
        if delimiters.element.isspace() or not text.isascii():
            return None
        if any(part in text for part in PARTS_OF_STOPS):
            stops = [at for word in STOPS if (at := text.find(word)) >= 0]
            text = text[: text.rfind(delimiters.terminator, 0, min(stops)) + 1] if stops else text
        return Block(text, delimiters, self._number + 1, self._offset)

    def _careful(self, delimiters: Delimiters, *, is_first: bool) -> Generator[Segment | Finding, None, bool]:
        """Some segments, each looked at; True when the interchange ends in them."""
        used = 0
        for content, start, begin, after in self._pieces(delimiters, 1 if is_first else SPLIT_AT_ONCE):
            if not is_first and content[0] in "IU" and START.match(content) and not MESSAGE.match(content):
                self._use(begin)
                return True
            self._number += 1
            glued = GLUED.search(content, 1)
            if glued and self._begins(begin + glued.start()):
                yield Segment(_elements(content[: glued.start()], delimiters), self._number, start)
                self._use(begin + glued.start())
                return True
            is_first, used = False, after
            if len(content) > SEGMENT_CHARS_MAX:
                yield self._long(content, len(content), start)
                continue
            segment = Segment(_elements(content, delimiters), self._number, start)
            yield segment
            if segment.id == ENDS[delimiters.syntax]:
                self._use(after)
                return True
        if used or self._is_ended:
            self._use(used or len(self._text))
        elif len(self._text) <= SEGMENT_CHARS_MAX:
            self._fill(len(self._text) + READ_BYTES)
        elif not is_first and (glued := GLUED.search(self._text)) and self._begins(glued.start()):
            self._number += 1
            yield Segment(_elements(self._text[: glued.start()], delimiters), self._number, self._offset)
            self._use(glued.start())
            return True
        else:
            yield self._endless(delimiters)
        return False

    def _begins(self, at: int) -> bool:
        """Whether an interchange that can be read begins at a character of the text at hand."""
        text = self._text[at : at + HEADER_CHARS]
        return (of_isa(text) if ISA.match(text) else of_una(text)) is not None

    def _pieces(self, delimiters: Delimiters, at_once: int) -> Iterator[tuple[str, int, int, int]]:
        """Some segments of the text at hand: content, byte offset, and the characters before it and up to its end."""
        terminator, held, used, offset = delimiters.terminator, "", 0, self._offset
        pieces = self._text.split(terminator, at_once)
        is_cut = len(pieces) > at_once
        if is_cut and delimiters.ends_released(pieces[-2].rstrip(BREAKS)):
            pieces, is_cut = self._text.split(terminator), False  # or no segment might end
        rest = pieces.pop()
        is_ended = self._is_ended and not is_cut and rest.strip(BLANK) != ""
        pieces += [rest] if is_ended else []
        for left, piece in zip(reversed(range(len(pieces))), pieces, strict=True):
            is_last = is_ended and not left
            unwrapped = piece if terminator in BREAKS else piece.rstrip(BREAKS)
            if delimiters.ends_released(unwrapped) and not is_last:
                held += piece + terminator
                continue
            piece, held = held + piece, ""
            content = piece.lstrip(BLANK)
            blank = len(piece) - len(content)
            begin, start = used + blank, offset + blank
            used += len(piece) + 1
            offset += self._bytes(piece) + self._bytes(terminator)
            if content:
                if terminator not in BREAKS and ("\n" in content or "\r" in content):
                    self._remark("lines_wrapped", "line breaks inside segments; they are taken out", start)
                if is_last:
                    text = f"the last segment has no terminator {shown(terminator)}"
                    self._remark("last_terminator_missing", text, start)
                yield content, start, begin, used
            elif terminator not in BREAKS:
                self._remark("segment_empty", "a segment without anything in it", start)

    def _endless(self, delimiters: Delimiters) -> Finding:
        """A segment longer than what may be held: it is passed over up to its terminator."""
        begin, offset, length = self._text[:HEADER_CHARS], self._offset, 0
        self._number += 1
        while self._fill(READ_BYTES):
            end = self._text.find(delimiters.terminator)
            taken = end + 1 or len(self._text)
            is_end = end >= 0 and not delimiters.ends_released(self._text[:end])
            if end < 0 and delimiters.ends_released(self._text) and not self._is_ended:
                taken -= 1  # it may release the terminator that comes next
            length += taken - is_end
            self._use(taken)
            if is_end:
                break
        return self._long(begin, length, offset)

    def _long(self, begin: str, length: int, offset: int) -> Finding:
        text = f"a segment of {length} characters is longer than {SEGMENT_CHARS_MAX}; is its terminator right?"
        name = begin[:3].strip()
        return Finding("segment_too_long", text, "interchange", self._number, name, offset=offset)

    def _stray(self) -> Finding:
        """What belongs to no readable interchange, up to where one begins."""
        begin, offset, length, sets, starts = self._text[:HEADER_CHARS], self._offset, 0, 0, 0
        position = 1
        while self._text:
            found = AGAIN.search(self._text, position) if starts < STARTS_MAX else None
            taken = found.start() if found else len(self._text) if self._is_ended else max(1, len(self._text) - 4)
            sets += len(_SET.findall(self._text, 0, taken))
            length += taken
            self._use(taken)
            self._fill(READ_BYTES)
            if found and self._delimiters() is not None:
                break
            starts += found is not None
            position = 1 if found else 0
        self._number += 1
        if ISA.match(begin):
            text = f"delimiters cannot be read from {shown(begin)}; {length} characters are passed over"
            return Finding("isa_unreadable", text, "interchange", self._number, "ISA", offset=offset)
        text = f"{length} characters outside any interchange, {sets} set(s) among them, from {shown(begin)}"
        return Finding("outside_interchange", text, "interchange", self._number, offset=offset)

    def _remark(self, code: str, message: str, offset: int) -> None:
        """Once an interchange: a habit of the sender is in every line."""
        self._remarks.setdefault(code, Finding(code, message, "interchange", self._number + 1, offset=offset))

    def _remarked(self) -> Iterator[Finding]:
        for code, finding in self._remarks.items():
            if finding is not None:
                yield finding
                self._remarks[code] = None

    def _fill(self, wanted: int) -> bool:
        """Decode until ``wanted`` characters are there or the file ends; whether any are there."""
        while len(self._text) < wanted and not self._is_ended:
            data = self._stream.read(READ_BYTES)
            self._is_ended = not data
            self._text += self._decoder.decode(data, final=self._is_ended)
        return bool(self._text)

    def _skip_blank(self) -> bool:
        """Past blanks; whether anything follows."""
        while self._fill(HEADER_CHARS):
            blank = len(self._text) - len(self._text.lstrip(BLANK))
            self._use(blank)
            if self._text:
                return True
        return False

    def _use(self, characters: int) -> None:
        self._offset += self._bytes(self._text[:characters])
        self._text = self._text[characters:]

    def _bytes(self, text: str) -> int:
        return len(text.encode("utf-8")) if self._is_wide else len(text)


def _elements(content: str, delimiters: Delimiters) -> list[str]:
    """Elements of a segment; line breaks inside it are the wrapping of a sender, or the terminator."""
    if delimiters.terminator not in BREAKS and ("\n" in content or "\r" in content):
        content = content.replace("\r", "").replace("\n", "")
    return delimiters.elements(content)


def _encoding(stream: BinaryIO) -> tuple[str, bool, int]:
    """``utf-8`` or ``latin-1``, whether characters may have several bytes, and where the text begins."""
    begin = stream.tell()
    mark = len(BOM) if stream.read(len(BOM)) == BOM else 0
    stream.seek(begin + mark)
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_ascii = True
    encoding = "utf-8"
    try:
        while data := stream.read(READ_BYTES):
            if not (is_ascii and data.isascii()):
                is_ascii = False
                decoder.decode(data)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        encoding = "latin-1"
    stream.seek(begin + mark)
    return encoding, encoding == "utf-8" and not is_ascii, mark
