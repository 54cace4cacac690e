"""How partners use the standard, as data. A partner who differs gets a profile, not a branch in the code."""

from __future__ import annotations

from dataclasses import asdict, field
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import ConfigDict, Field, field_validator
from pydantic.dataclasses import dataclass

from syncline.edi.documents.table import Code, Measure

# How we answer, not what we read.
OF_NO_READING = ("acknowledge", "acknowledge_with", "ack_wait_h", "reuse_after_days")
Action = Literal["original", "replace", "cancel", "refuse"]
# Location codes as a partner writes them, at least one.
Locations = Annotated[tuple[Annotated[str, Field(pattern=r"^\S(.{0,78}\S)?$")], ...], Field(min_length=1)]
PURPOSES: dict[str, Action] = {
    # X12 353: original, cancel, change, replace, confirmation, duplicate, resubmission, incremental.
    "00": "original", "01": "cancel", "04": "refuse", "05": "replace", "06": "original", "07": "original",
    "15": "original", "25": "original",
    # X12 514: full detail, original, no exceptions, exceptions only, production, return, count, overage, replacement.
    # Not a simulation (K), a transfer of books (B) or a shortage (S).
    **dict.fromkeys("FJNXPCAOR", "original"),
    # EDIFACT 1225: cancellation, change, replace, confirmation, duplicate, original, copy.
    "1": "cancel", "4": "refuse", "5": "replace", "6": "original", "7": "original", "9": "original", "31": "original",
}  # fmt: skip


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Profile:
    """Choices of one partner.

    Attributes:
        senders, receivers: ids of the envelope (ISA06, ISA08, UNB02, UNB03) that are this partner and us; anybody
            when empty. A set from or for somebody else is refused.
        timezone: of times without one; None: that of the source, else of the location.
        strictness: ``tolerant`` reads what can be read; for ``strict`` a warning is an error, and a set with any
            error is refused whole.
        item_qualifiers: qualifiers that may name the item, best first.
        location_entities: N101 or 3035 codes that may name the stock location, best first, instead of
            the document's. location: of documents that name none.
        as_of_qualifiers: DTM codes that say when the quantities were true, best first, instead of the document's; the
            date of its header stays the last resort.
        local_zones: X12 623 zone codes that mean the partner's time zone.
        default_uom: unit of a quantity without one; None refuses such a line.
        units: unit as the partner writes it -> unit that is meant (``CS`` used for case: ``CA``).
        codes: document -> table -> code -> what it means, over the standard's.
        purposes: code -> original, replace, cancel or refuse, over the standard's.
        adjustment_sign: ``signed``: a quantity's sign must agree with its reason; ``by_code``: it has none.
        spread_measure: measure of quantities by location (SDQ); None leaves them unmapped.
        spread_beside_total: where an item has a QTY and an SDQ: refuse both, or take one of them.
        events: document -> parts of the event key, where the partner's API tells the same event.
        serves: document -> parts of the key of the release that its lines are for, as who releases writes it.
        snapshots: document (``x12_846``, ``edifact_invrpt_d96a``) -> locations, as the partner writes them. Each such
            document tells *all* stock of those of them that it names. It must prove that it is whole: a count of its
            lines (CTT01, CNT 2) that is there and right, right totals where it gives any (CTT02, CNT 1), no other
            location; else the set is refused whole. One that calls itself incremental or a cancellation is no
            snapshot. A document that is not named here is never taken for one.
        acknowledge: which receipts are sent; none at all when empty. acknowledge_with: the set that acknowledges
            groups, instead of a 999 for those of 005xxx and a 997 for all others.
        ack_wait_h: hours in which ours must be acknowledged.
        reuse_after_days: a control number that comes again later is a new one.
    """

    name: str
    senders: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    timezone: str | None = None
    strictness: Literal["tolerant", "strict"] = "tolerant"
    item_qualifiers: tuple[str, ...] = (
        "SK", "VN", "VP", "BP", "IN", "PI", "UP", "EN", "UK", "MG", "ND", "CB", "ZZ", "SA", "SRV", "MF",
    )  # fmt: skip
    location_entities: tuple[str, ...] = ()
    location: str | None = None
    as_of_qualifiers: tuple[str, ...] = ()
    local_zones: tuple[str, ...] = ("", "LT")
    default_uom: str | None = None
    units: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, dict[str, Code]]] = field(default_factory=dict)
    purposes: dict[str, Action] = field(default_factory=dict)
    adjustment_sign: Literal["signed", "by_code"] = "signed"
    spread_measure: Measure | None = None
    spread_beside_total: Literal["refuse", "spread", "total"] = "refuse"
    events: dict[str, tuple[str, ...]] = field(default_factory=dict)
    serves: dict[str, tuple[str, ...]] = field(default_factory=dict)
    snapshots: dict[str, Locations] = field(default_factory=dict)
    acknowledge: tuple[Literal["functional", "interchange"], ...] = ("functional",)
    acknowledge_with: Literal["997", "999"] | None = None
    ack_wait_h: int = 24
    reuse_after_days: int = 365

    @field_validator("timezone")
    @classmethod
    def _exists(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone of the IANA database, such as America/Chicago")
        return value

    @field_validator("snapshots")
    @classmethod
    def _are_named_once(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for document, locations in value.items():
            twice = sorted({each for each in locations if locations.count(each) > 1})
            if twice:
                raise ValueError(f"{document} names {', '.join(twice)} twice")
        return value

    def __hash__(self) -> int:
        return hash(signature_of(self))


def signature_of(profile: Profile) -> str:
    """``name/digest`` of every choice that steers a reading: profiles that read otherwise never have the same one."""
    choices = {name: value for name, value in asdict(profile).items() if name not in OF_NO_READING}
    return f"{profile.name}/{sha256(ascii(_sorted(choices)).encode()).hexdigest()[:8]}"


@cache
def signature(profile: Profile) -> str:
    """``signature_of``, remembered."""
    return signature_of(profile)


def _sorted(value: Any) -> Any:
    return sorted((key, _sorted(each)) for key, each in value.items()) if isinstance(value, dict) else value


STANDARD = Profile("standard")
PROFILES = {"standard": STANDARD}
