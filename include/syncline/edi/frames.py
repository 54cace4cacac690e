"""The segments around interchange, group and set, of both syntaxes."""

from __future__ import annotations

from dataclasses import dataclass

X12_USAGE = {"P": False, "T": True, "I": True}  # ISA15: everything but production stays away from stock
EDIFACT_USAGE = {"": False, "0": False, "1": True}  # UNB11


@dataclass(frozen=True, slots=True)
class Frame:
    """Segments around a unit. ``closes`` counts what is ``inside`` and repeats element ``control`` of ``opens``."""

    opens: str
    closes: str
    control: int
    inside: str


@dataclass(frozen=True, slots=True)
class Frames:
    """``usage`` is the element that says production or test, ``prepared`` those of date and time.

    Sender and receiver are elements with their qualifiers: two elements in X12, two components in EDIFACT.
    """

    interchange: Frame
    group: Frame
    set: Frame
    usage: int
    usages: dict[str, bool]
    needs_group: bool
    sender: int
    receiver: int


FRAMES = {
    "x12": Frames(
        Frame("ISA", "IEA", 13, "groups"), Frame("GS", "GE", 6, "sets"), Frame("ST", "SE", 2, "segments"),
        15, X12_USAGE, needs_group=True, sender=6, receiver=8,
    ),
    "edifact": Frames(
        Frame("UNB", "UNZ", 5, "groups or messages"), Frame("UNG", "UNE", 5, "messages"),
        Frame("UNH", "UNT", 1, "segments"), 11, EDIFACT_USAGE, needs_group=False, sender=2, receiver=3,
    ),
}  # fmt: skip
