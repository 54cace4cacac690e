"""The shape a partner's file comes in: terminator, line breaks, byte order mark. It changes nothing that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.twin.edi.layout import PLAIN, Layout
from syncline.twin.edi.misdeeds import X12_TERMINATORS

if TYPE_CHECKING:
    from random import Random

    from syncline.twin.faults import Faults

LINE_BREAKS = ("\r", "\n", "\r\n")
NAMES = (
    "file_terminator", "file_wrapped", "file_one_line", "file_crlf", "file_indented", "file_bom", "file_open_end",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    terminator: str = "~"
    layout: Layout = PLAIN


PLAIN_SHAPE = Shape()


def draw(rng: Random, faults: Faults) -> tuple[Shape, list[str]]:
    """A shape by the rates of ``faults``, and the names of the faults that are in it."""
    drawn = {name for name in NAMES if rng.random() < getattr(faults, name)}
    terminator = rng.choice(X12_TERMINATORS) if "file_terminator" in drawn else "~"
    if terminator in LINE_BREAKS:
        drawn -= {"file_wrapped", "file_one_line", "file_crlf"}
    if "file_wrapped" in drawn:
        drawn -= {"file_one_line", "file_crlf", "file_indented"}
    if "file_one_line" in drawn:
        drawn -= {"file_crlf", "file_indented"}
    layout = Layout(
        line_end="" if "file_one_line" in drawn else "\r\n" if "file_crlf" in drawn else "\n",
        is_wrapped="file_wrapped" in drawn,
        is_indented="file_indented" in drawn,
        has_bom="file_bom" in drawn,
        has_open_end="file_open_end" in drawn,
    )
    return Shape(terminator, layout), [name for name in NAMES if name in drawn]
