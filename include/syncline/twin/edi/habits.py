"""The bad habits of partners, each a rate, each with what a reader is expected to make of it.

Verdicts follow the rules for real files: *fine* is within the standard, *tolerable* is outside of it and still to be
read (with a warning at most), *defective* takes the part that ``scope`` names, and only that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import isfinite
from random import Random
from typing import Any, Literal

from syncline.errors import ConfigurationError

Verdict = Literal["fine", "tolerable", "defective"]
Scope = Literal["file", "interchange", "group", "set", "line", "delivery"]
Path = tuple[int, ...]
LEVELS = ("interchange", "group", "set")


@dataclass(frozen=True)
class Label:
    """One misdeed. ``path`` counts from 1: (interchange, group, set), shorter for a wider part, empty for the file.

    ``scope`` is what a defect takes; ``delivery``: only who remembers earlier files can see it. ``needs_profile``:
    read right only with settings for this partner.
    """

    habit: str
    verdict: Verdict
    scope: Scope
    path: Path
    needs_profile: bool

    @property
    def where(self) -> str:
        """``interchange 1, group 2``, or ``file``."""
        return ", ".join(f"{level} {number}" for level, number in zip(LEVELS, self.path, strict=False)) or "file"


def _habit(verdict: Verdict, scope: Scope, meaning: str, *, needs_profile: bool = False) -> Any:
    told = {"verdict": verdict, "scope": scope, "meaning": meaning, "needs_profile": needs_profile}
    return field(default=0.0, metadata=told)


@dataclass(frozen=True)
class Habits:
    """Rates (0..1) for each opportunity: a set that could show it, an interchange, a file. All 0: well-behaved."""

    # What is stated -----------------------------------------------------------------------------------------------
    date_only: float = _habit("fine", "set", "a day without a time")
    partial: float = _habit("fine", "set", "846, INVRPT: some items are left out")
    no_total: float = _habit("fine", "set", "no CTT, CNT, W03, W14, W76")
    unlisted_code: float = _habit("tolerable", "set", "846, INVRPT: numbers under a code that means nothing")
    available_for_on_hand: float = _habit("fine", "set", "33 or 60 carries what is on hand", needs_profile=True)
    hold_for_on_hand: float = _habit("fine", "set", "QH or 89 carries what is on hand", needs_profile=True)
    cassette_for_case: float = _habit("fine", "set", "CS for a case", needs_profile=True)
    sdq_only: float = _habit("fine", "set", "846: what is on hand by location (SDQ), no QTY")
    sdq_beside: float = _habit("tolerable", "set", "846: SDQ repeats the on-hand QTY")
    sdq_oh: float = _habit("fine", "set", "846: SDQ with OH where the location belongs", needs_profile=True)
    unit_in_uit: float = _habit("fine", "set", "846: the unit only in UIT")
    leading_zeros: float = _habit("tolerable", "set", "quantities as 0000012")
    decimals: float = _habit("fine", "set", "quantities as 12.00")
    excludes_exceptions: float = _habit("fine", "set", "944: W0701 counts good stock only", needs_profile=True)
    unsigned_adjustments: float = _habit("fine", "set", "947: no minus, the code says it", needs_profile=True)
    contradicted_sign: float = _habit("defective", "line", "947: a sign that the code forbids, in one line")
    negative_difference: float = _habit("tolerable", "set", "945: W1204 is shipped less ordered")
    released_name: float = _habit("fine", "set", "EDIFACT: separators in a name, released")
    latin1_name: float = _habit("tolerable", "set", "a name in Latin-1")
    # Sets and their envelopes -------------------------------------------------------------------------------------
    wrong_line_count: float = _habit("defective", "set", "CTT or CNT counts one line more than there is")
    wrong_unit_total: float = _habit("tolerable", "set", "W03, W14 or W76 is not the sum of the lines")
    wrong_set_count: float = _habit("defective", "set", "SE01 or UNT01 is one too many")
    wrong_set_control: float = _habit("defective", "set", "SE02 or UNT02 is another number")
    repeated_set_control: float = _habit("defective", "set", "the number of the set before it in the group, again")
    control_without_zeros: float = _habit("tolerable", "set", "SE02 without the leading zeros of ST02")
    glued_set: float = _habit("defective", "set", "no terminator between SE and ST, UNT and UNH: both sets are lost")
    wrong_group_count: float = _habit("defective", "group", "GE01 or UNE01 is one too many")
    wrong_group_control: float = _habit("defective", "group", "GE02 or UNE02 is another number")
    wrong_interchange_count: float = _habit("defective", "interchange", "IEA01 or UNZ01 is one too many")
    wrong_interchange_control: float = _habit("defective", "interchange", "IEA02 or UNZ02 is another number")
    test_interchange: float = _habit("fine", "interchange", "a test, beside production")
    old_version: float = _habit("fine", "group", "X12 003060: dates of six digits")
    other_isa_version: float = _habit("fine", "interchange", "another ISA12 than 00401")
    unpadded_isa: float = _habit("tolerable", "interchange", "ISA without its blanks")
    odd_separators: float = _habit("fine", "interchange", "other separators of elements and components")
    odd_terminator: float = _habit("fine", "interchange", "CR, LF, CRLF or another character ends segments")
    no_una: float = _habit("fine", "interchange", "EDIFACT without UNA")
    short_una: float = _habit("tolerable", "interchange", "a UNA without its reserved blank")
    with_ung: float = _habit("fine", "interchange", "EDIFACT with groups")
    glued_interchange: float = _habit("tolerable", "interchange", "no terminator between an interchange and the next")
    # The file -----------------------------------------------------------------------------------------------------
    wrapped: float = _habit("tolerable", "file", "a line break after every 80 characters")
    one_line: float = _habit("fine", "file", "no line breaks between segments")
    crlf: float = _habit("fine", "file", "CR LF behind each terminator")
    indented: float = _habit("tolerable", "file", "segments indented by their level")
    bom: float = _habit("tolerable", "file", "a byte order mark")
    open_end: float = _habit("tolerable", "file", "the last terminator is missing")
    empty_segment: float = _habit("tolerable", "file", "two terminators behind each other")
    sent_again: float = _habit("fine", "delivery", "the bytes of the file before, under a new name")
    reused_control: float = _habit("defective", "delivery", "interchange numbers of the file before, other content")

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not isfinite(value) or not 0 <= value <= 1:
                raise ConfigurationError(
                    f"Habit {each.name} is {value!r}.", next_step="Rates are numbers from 0 to 1.", habit=each.name
                )

    @classmethod
    def some(cls, *names: str, rate: float = 1.0) -> Habits:
        """Those ``names`` at ``rate``, no other.

        Raises:
            ConfigurationError: an unknown name.
        """
        unknown = [name for name in names if name not in known()]
        if unknown:
            raise ConfigurationError(
                f"There is no habit {', '.join(unknown)}.", next_step=f"Use all, none or some of: {', '.join(known())}."
            )
        return cls(**dict.fromkeys(names, rate))

    @classmethod
    def all(cls, rate: float = 0.08) -> Habits:
        """Every habit, rare enough that most sets are still read."""
        return cls.some(*known(), rate=rate)


def known() -> dict[str, dict[str, Any]]:
    """Every name with its verdict, scope, meaning and whether it needs a profile."""
    return {each.name: dict(each.metadata) for each in fields(Habits)}


class Chances:
    """Draws for one file, each from a stream of its own, and the labels of what was done."""

    def __init__(self, seed: int, number: int, habits: Habits) -> None:
        self._place, self._habits = f"{seed}/{number}", habits
        self.labels: list[Label] = []

    def takes(self, habit: str, path: Path, *, if_possible: bool = True) -> bool:
        """Whether the partner falls into ``habit`` here; when it does, that is labelled."""
        rate = getattr(self._habits, habit)
        if not if_possible or not rate or self.stream(habit, path).random() >= rate:
            return False
        self.label(habit, path)
        return True

    def label(self, habit: str, path: Path) -> None:
        """Label another part that ``habit`` touches."""
        about = known()[habit]
        self.labels.append(Label(habit, about["verdict"], about["scope"], path, about["needs_profile"]))

    def stream(self, name: str, path: Path) -> Random:
        """A random stream for ``name`` at a place: drawing from one never shifts another."""
        return Random(f"{self._place}/{name}/{'.'.join(map(str, path))}")
