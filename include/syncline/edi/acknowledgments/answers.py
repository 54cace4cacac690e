"""Which answers an interchange gets, and whom they go to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from syncline.edi.acknowledgments import contrl, x12
from syncline.edi.acknowledgments.codes import Told, told
from syncline.edi.profiles import Profile
from syncline.edi.reading import SetReading
from syncline.edi.units import Group, Interchange

ACKNOWLEDGMENT_GROUP = "FA"  # GS01 of 997 and 999
IMPLEMENTATION_VERSION = "005010X231A1"  # of every 999
VERSION = re.compile(r"0[0-9]{5}")
CONTROLS_VERSION = re.compile(r"0[0-9]{4}")
SYNTAX_ID = re.compile(r"UNO[A-Z]:[1-4]")
DUPLICATE = "025"  # I18
NO_ERROR = "000"


@dataclass(frozen=True, slots=True)
class Answer:
    """One acknowledgment without its envelope.

    Attributes:
        group_code, group_control: GS01 and GS06 of what is answered; empty for TA1 and CONTRL.
        interchange: ISA13 or UNB05 of what is answered.
        status: AK901 (A, E, P, R), TA104 (A, E, R), or the action of the UCI: 7 acknowledged, 4 rejected.
        is_test: ISA15 says T, or UNB11 1, because the answered one did, or did not say.
        sender and receiver with their qualifiers: already swapped, we send to who sent.
        version: GS08 to write (its beginning is ISA12); of a TA1 ISA12 alone; of a CONTRL version, release and agency.
        segments: between ST and SE, or UNH and UNT; a tuple in one is a composite.
        syntax_id: UNB01 to write, with the character set and syntax version of the partner.
    """

    kind: Literal["997", "999", "TA1", "CONTRL"]
    syntax: Literal["x12", "edifact"]
    group_code: str
    group_control: str
    interchange: str
    status: str
    is_test: bool
    sender: str
    sender_qualifier: str
    receiver: str
    receiver_qualifier: str
    group_sender: str
    group_receiver: str
    version: str
    segments: tuple[x12.AnswerSegment, ...]
    syntax_id: str = ""


def answers_to(
    interchange: Interchange, sets: Sequence[SetReading], profile: Profile, *, duplicates: frozenset[str] = frozenset()
) -> list[Answer]:
    """What an interchange is answered: a TA1 first, where there is one, then one answer for each group in file order.

    An EDIFACT interchange gets one CONTRL. Nothing is answered to an acknowledgment, to text outside of any
    interchange, or to a partner whose profile wants no receipts (``acknowledge`` is empty). A TA1 is sent when ISA14
    asks for it, when the profile does, and when the interchange itself is defective.

    Args:
        interchange: complete, as ``read_sets`` gives it. sets: those of its file; others' are passed over.
        duplicates: controls of interchanges that came before with the same bytes: their functional answers are given
            again, their TA1 says that they are known.
    """
    own = [each for each in sets if each.taken.interchange is interchange]
    asked = _asked(own)
    if interchange.opener is None or not profile.acknowledge or not _is_answered(interchange, own, asked):
        return []
    defects = _defects(interchange, own)
    is_strict = profile.strictness == "strict"
    is_defective = any(is_strict or each.found.severity == "error" for each in defects)
    is_refused = is_defective and all(each.verdict == "rejected" for each in own)
    groups = _groups(interchange, own)
    if interchange.delimiters.syntax == "edifact":
        answered = [(group, _asked(of)) for group, of in groups if not of or _asked(of)]
        return [_contrl(interchange, answered, defects[0] if is_refused else None)]
    answers = []
    if interchange.opener.get(14) == "1" or "interchange" in profile.acknowledge or is_defective:
        note = DUPLICATE if interchange.control in duplicates else defects[0].code.x12 if defects else NO_ERROR
        answers.append(_ta1(interchange, note, is_refused=is_refused))
    if "functional" in profile.acknowledge:
        for group, of in groups:
            if group.opener is not None and group.code != ACKNOWLEDGMENT_GROUP and (_asked(of) or not of):
                answers.append(_functional(interchange, group, of, profile))
    return answers


def _is_answered(interchange: Interchange, own: Sequence[SetReading], asked: Sequence[SetReading]) -> bool:
    """Not when all that is in it are acknowledgments, or were meant to be."""
    if asked:
        return any(each.taken.group.code != ACKNOWLEDGMENT_GROUP for each in asked)
    return not own and not interchange.service and all(g.code != ACKNOWLEDGMENT_GROUP for g in interchange.opened)


def _defects(interchange: Interchange, own: Sequence[SetReading]) -> list[Told]:
    """What is wrong with the interchange itself, errors first, then in file order."""
    found = told(chain(interchange.findings, *(each.taken.findings for each in own)), "interchange")
    return sorted(found, key=lambda each: (each.found.severity != "error", each.found.offset, each.found.segment_no))


def _groups(interchange: Interchange, own: Iterable[SetReading]) -> list[tuple[Group, list[SetReading]]]:
    """All groups with their sets; messages without a group come first, as in a CONTRL."""
    inside: dict[int, list[SetReading]] = {}
    known = {id(group): group for group in interchange.opened}
    for each in own:
        group = each.taken.group
        known.setdefault(id(group), group)
        inside.setdefault(id(group), []).append(each)
    ordered = sorted(known.items(), key=lambda pair: 0 if pair[1].opener is None else pair[1].opener.number)
    return [(group, inside.get(key, [])) for key, group in ordered]


def _asked(sets: Iterable[SetReading]) -> list[SetReading]:
    """Those that want an answer: all but acknowledgments."""
    return [each for each in sets if each.table is None or each.table.is_acknowledged]


def _functional(interchange: Interchange, group: Group, sets: Sequence[SetReading], profile: Profile) -> Answer:
    kind = profile.acknowledge_with or ("999" if group.version.startswith("005") else "997")
    status, segments = x12.group_response(kind, interchange, group, sets, _asked(sets))
    known = VERSION.match(group.version)
    version = IMPLEMENTATION_VERSION if kind == "999" else known[0] if known else "004010"
    return _answer(interchange, kind, status, version, segments, group)


def _ta1(interchange: Interchange, note: str, *, is_refused: bool) -> Answer:
    assert interchange.opener is not None
    status, segments = x12.interchange_response(interchange, note, is_refused=is_refused)
    version = interchange.opener.get(12)
    return _answer(interchange, "TA1", status, version if CONTROLS_VERSION.fullmatch(version) else "00401", segments)


def _contrl(
    interchange: Interchange, groups: Iterable[tuple[Group, Sequence[SetReading]]], first: Told | None
) -> Answer:
    assert interchange.opener is not None
    status, segments = contrl.interchange_response(interchange, groups, first)
    told_syntax = ":".join(interchange.delimiters.components(interchange.opener.get(1))[:2])
    syntax_id = told_syntax if SYNTAX_ID.fullmatch(told_syntax) else "UNOC:3"
    version = "4:1:UN" if syntax_id.endswith("4") else "D:3:UN"
    return _answer(interchange, "CONTRL", status, version, segments, syntax_id=syntax_id)


def _answer(
    interchange: Interchange, kind: Literal["997", "999", "TA1", "CONTRL"], status: str, version: str,
    segments: tuple[x12.AnswerSegment, ...], group: Group | None = None, syntax_id: str = "",
) -> Answer:  # fmt: skip
    group = group or Group()
    return Answer(
        kind, interchange.delimiters.syntax, group.code, group.control, interchange.control, status,
        interchange.is_test is not False, interchange.receiver, interchange.receiver_qualifier, interchange.sender,
        interchange.sender_qualifier, group.receiver, group.sender, version, segments, syntax_id,
    )  # fmt: skip
