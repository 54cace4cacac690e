"""What a partner answers to what we sent: 997, 999, TA1 and CONTRL. No facts about stock."""

from __future__ import annotations

from syncline.twin.edi.codes import FUNCTIONAL_GROUPS
from syncline.twin.edi.model import Acknowledgment
from syncline.twin.edi.style import Body, Segment, Style

IMPLEMENTATION_VERSION = "005010X231A1"
ACCEPTED, REFUSED = "7", "4"  # UN/EDIFACT 0083
NOTE_NONE, NOTE_STRUCTURE = "000", "024"  # TA105


def functional(document: Acknowledgment, style: Style) -> Body:
    """997: AK1, AK2, of a refused set AK3 and AK4, AK5, AK9."""
    return Body("997", style.version, _answer(document, "AK3", "AK4", "AK5", []))


def implementation(document: Acknowledgment, style: Style) -> Body:
    """999: as a 997, with IK3 to IK5."""
    return Body("999", IMPLEMENTATION_VERSION, _answer(document, "IK3", "IK4", "IK5", ["004010"]))


def _answer(document: Acknowledgment, segment: str, element: str, verdict: str, version: list[str]) -> list[Segment]:
    group = FUNCTIONAL_GROUPS[document.of_type]
    segments: list[Segment] = [
        ["AK1", group, document.of_group, *version],
        ["AK2", document.of_type, document.of_set, *version],
    ]
    if not document.is_accepted:  # the first W05 has a code that the partner does not know
        segments += [[segment, "W05", "2", "", "8"], [element, "1", "473", "7", "X"]]
    answer = ["A"] if document.is_accepted else ["R", "5"]
    segments += [[verdict, *answer], ["AK9", answer[0], "1", "1", "1" if document.is_accepted else "0"]]
    return segments


def interchange(document: Acknowledgment, style: Style) -> Body:
    """TA1: answers an interchange; it stands outside of any group."""
    verdict = ("A", NOTE_NONE) if document.is_accepted else ("R", NOTE_STRUCTURE)
    day = f"{document.at:%y%m%d}"
    return Body("TA1", style.version, [["TA1", document.of_interchange, day, f"{document.at:%H%M}", *verdict]])


def control(document: Acknowledgment, style: Style) -> Body:
    """CONTRL: UCI of the interchange, UCM of the message."""
    action = ACCEPTED if document.is_accepted else REFUSED
    parties: Segment = [("SYNCLINE", "ZZ"), ("PARTNER", "ZZ")]
    message = (document.of_type, "D", "96A", "UN")
    return Body("CONTRL", "D:3:UN", [
        ["UCI", document.of_interchange, *parties, action],
        ["UCM", document.of_set, message, action],
    ])  # fmt: skip
