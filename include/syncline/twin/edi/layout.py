"""Segments to bytes: what no standard mentions and every sender does in its own way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from syncline.twin.edi.envelope import Piece

BOM = b"\xef\xbb\xbf"
WRAP_COLUMNS = 80
INDENT = "  "


@dataclass(frozen=True)
class Layout:
    """``line_end`` follows each terminator that is no line break itself.

    ``is_wrapped``: no line ends but one after every 80 characters, wherever that is; ``empty_after``: the segment
    with this ordinal (from 0) is followed by an empty one; ``has_open_end``: the last terminator is missing.
    """

    line_end: str = "\n"
    is_wrapped: bool = False
    is_indented: bool = False
    has_bom: bool = False
    has_open_end: bool = False
    empty_after: int | None = None
    encoding: str = "utf-8"


PLAIN = Layout()


def lay_out(pieces: Iterable[Piece], layout: Layout = PLAIN) -> bytes:
    """The file. Wrapping is for pieces whose terminators are no line breaks: see ``can_wrap``."""
    parts: list[str] = []
    for number, piece in enumerate(pieces):
        indent = INDENT * piece.depth if layout.is_indented and not layout.is_wrapped else ""
        ends_line = piece.terminator.endswith(("\r", "\n")) or piece.text.endswith(("\r", "\n"))
        terminator = "" if piece.is_glued else piece.terminator
        line_end = "" if layout.is_wrapped or ends_line or piece.is_glued else layout.line_end
        again = terminator if number == layout.empty_after else ""
        parts += [indent, piece.text, terminator, again, line_end]
    if layout.has_open_end:
        parts[-3:] = ["", "", ""]
    text = "".join(parts)
    if layout.is_wrapped:
        lines = (text[start : start + WRAP_COLUMNS] for start in range(0, len(text), WRAP_COLUMNS))
        text = "\r\n".join(lines)
    return (BOM if layout.has_bom else b"") + text.encode(layout.encoding)


def can_wrap(pieces: Iterable[Piece]) -> bool:
    """Whether no segment ends with a line break."""
    return not any(piece.terminator.endswith(("\r", "\n")) for piece in pieces)
