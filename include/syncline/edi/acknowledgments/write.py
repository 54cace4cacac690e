"""The envelope around an answer, as bytes: exact counts, one style of separators, nothing hostile in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from syncline.edi.acknowledgments.answers import Answer
from syncline.edi.acknowledgments.x12 import AnswerSegment
from syncline.edi.delimiters import GLUED, VERSION_WITH_REPETITION, Delimiters

NUMBER_MAX = 999_999_999
# The first of each that no party id has; what of them stands in another value is replaced: X12 has no release.
ELEMENTS, COMPONENTS, TERMINATORS, REPETITION = "*|+&#", ":><\\", "~!`", "^"
REPLACEMENT = "."
VERSION_WITH_LONG_DATES = "004010"
PARTY_CHARS, QUALIFIER_CHARS = 15, 2
# Character sets of UNB01 (0001); the others are written as ASCII.
CHARSETS = {"UNOC": "latin-1", "UNOW": "utf-8", "UNOY": "utf-8"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Control numbers to write: ISA13 or UNB05, GS06, ST02 or UNH01.

    Raises:
        ValueError: one is not of 1 to 999999999.
    """

    interchange: int
    group: int
    set: int = 1

    def __post_init__(self) -> None:
        for name, number in (("interchange", self.interchange), ("group", self.group), ("set", self.set)):
            if not 1 <= number <= NUMBER_MAX:
                raise ValueError(f"the control number {number} of the {name} is not one of 1 to {NUMBER_MAX}")


def written(answer: Answer, numbers: Numbers, at: datetime) -> bytes:
    """The whole interchange. It asks for no acknowledgment.

    Args:
        at: when it is made, in the zone whose clock the envelope shall show: it says none.
    """
    if answer.syntax == "edifact":
        return _edifact(answer, numbers, at)
    return _x12(answer, numbers, at)


def _x12(answer: Answer, numbers: Numbers, at: datetime) -> bytes:
    version = answer.version[:5]
    has_repetition = version >= VERSION_WITH_REPETITION
    writer = _X12Writer(_delimiters(answer, REPETITION if has_repetition else ""))
    interchange, group = f"{numbers.interchange:09d}", str(numbers.group)
    sender, sender_qualifier, receiver, receiver_qualifier = (
        writer.fixed(text, chars)
        for text, chars in (
            (answer.sender, PARTY_CHARS), (answer.sender_qualifier, QUALIFIER_CHARS),
            (answer.receiver, PARTY_CHARS), (answer.receiver_qualifier, QUALIFIER_CHARS),
        )
    )  # fmt: skip
    isa = [
        "ISA", "00", " " * 10, "00", " " * 10, sender_qualifier, sender, receiver_qualifier, receiver,
        f"{at:%y%m%d}", f"{at:%H%M}", REPETITION if has_repetition else "U", version, interchange, "0",
        "T" if answer.is_test else "P",
    ]  # fmt: skip
    if answer.kind == "TA1":
        return writer.text(isa, [*answer.segments, ("IEA", "0", interchange)])
    date = f"{at:%Y%m%d}" if answer.version >= VERSION_WITH_LONG_DATES else f"{at:%y%m%d}"
    parties = (answer.group_sender or answer.sender, answer.group_receiver or answer.receiver)
    control = f"{numbers.set:04d}"
    st = ("ST", answer.kind, control, answer.version) if answer.kind == "999" else ("ST", answer.kind, control)
    body: list[AnswerSegment] = [
        ("GS", "FA", *parties, date, f"{at:%H%M}", group, "X", answer.version),
        st,
        *answer.segments,
        ("SE", str(len(answer.segments) + 2), control),
        ("GE", "1", group),
        ("IEA", "1", interchange),
    ]
    return writer.text(isa, body)


def _delimiters(answer: Answer, repetition: str) -> Delimiters:
    parties = (
        answer.sender + answer.sender_qualifier + answer.receiver + answer.receiver_qualifier + answer.group_sender
        + answer.group_receiver
    )  # fmt: skip
    element, component, terminator = (
        next((each for each in known if each not in parties), known[0]) for known in (ELEMENTS, COMPONENTS, TERMINATORS)
    )
    return Delimiters("x12", element, component, terminator, repetition)


class _X12Writer:
    def __init__(self, delimiters: Delimiters) -> None:
        used = delimiters.element + delimiters.component + delimiters.terminator + delimiters.repetition
        self._delimiters = delimiters
        self._forbidden = re.compile(f"[^ -~]|[{re.escape(used)}]")

    def fixed(self, text: str, chars: int) -> str:
        return self._plain(text)[:chars].ljust(chars)

    def text(self, isa: list[str], body: Iterable[AnswerSegment]) -> bytes:
        delimiters = self._delimiters
        segments = [delimiters.element.join([*isa, delimiters.component])]
        segments += [_joined(segment, delimiters, self._plain) for segment in body]
        return "".join(f"{_unglued(segment)}{delimiters.terminator}\n" for segment in segments).encode("ascii")

    def _plain(self, text: str) -> str:
        return self._forbidden.sub(REPLACEMENT, text)


def _edifact(answer: Answer, numbers: Numbers, at: datetime) -> bytes:
    name, _, version = answer.syntax_id.partition(":")
    is_fourth = version == "4"  # its dates have a century, and "*" repeats
    delimiters = Delimiters("edifact", "+", ":", "'", "*" if is_fourth else "", "?")
    charset = CHARSETS.get(name, "ascii")
    released = re.compile(f"[?'+:{delimiters.repetition}]")

    def plain(text: str) -> str:
        printable = "".join(each if each.isprintable() else REPLACEMENT for each in text)
        return released.sub(r"?\g<0>", printable.encode(charset, "replace").decode(charset))

    control, message = str(numbers.interchange), str(numbers.set)
    usage = ("", "", "", "", "", "1") if answer.is_test else ()
    parties = ((answer.sender, answer.sender_qualifier), (answer.receiver, answer.receiver_qualifier))
    date = f"{at:%Y%m%d}" if is_fourth else f"{at:%y%m%d}"
    body: list[AnswerSegment] = [
        ("UNB", (name, version), *parties, (date, f"{at:%H%M}"), control, *usage),
        ("UNH", message, ("CONTRL", *answer.version.split(":"))),
        *answer.segments,
        ("UNT", str(len(answer.segments) + 2), message),
        ("UNZ", "1", control),
    ]
    advice = f"UNA:+.?{delimiters.repetition or ' '}'"
    segments = (_unglued(_joined(segment, delimiters, plain)) for segment in body)
    return (advice + "".join(f"{segment}'" for segment in segments)).encode(charset)


def _joined(segment: AnswerSegment, delimiters: Delimiters, plain: Callable[[str], str]) -> str:
    """The text of a segment; what is empty at its end, or at that of a composite, is left out."""
    parts = (
        plain(each) if isinstance(each, str) else delimiters.component.join(map(plain, _trimmed(each)))
        for each in segment
    )
    return delimiters.element.join(_trimmed(parts))


def _trimmed(parts: Iterable[str]) -> list[str]:
    kept = list(parts)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _unglued(segment: str) -> str:
    """``segment`` without anything behind its id that a reader could take for the beginning of an interchange."""
    return segment[0] + GLUED.sub(lambda found: REPLACEMENT + found[0][1:], segment[1:])
