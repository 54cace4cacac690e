"""How partners use the standard, as data. A partner who differs gets a profile, not a branch in the code."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Profile:
    """Choices of one partner.

    Attributes:
        item_qualifiers: LIN qualifiers that may name the item, best first.
        location_entities: N101 codes that may name the stock location, best first.
        as_of_qualifiers: DTM01 codes that say when the quantities were true, best first; before BIA04/05.
        local_zones: X12 623 zone codes that mean the zone the source declares.
        default_uom: unit of a quantity without one; None refuses such a line.
        purposes: BIA01 codes that state quantities. Corrections (01, 04, 05) need a revision and are refused.
        segments_ignored: segments of a set that say nothing about stock.
    """

    name: str
    item_qualifiers: tuple[str, ...] = ("SK", "VN", "VP", "BP", "IN", "PI", "UP", "EN", "UK", "MG", "ND", "CB", "ZZ")
    location_entities: tuple[str, ...] = ("WH", "SF", "ST")
    as_of_qualifiers: tuple[str, ...] = ("184", "366", "007")
    local_zones: tuple[str, ...] = ("", "LT")
    default_uom: str | None = None
    purposes: frozenset[str] = frozenset({"00", "06", "07", "15", "25"})
    segments_ignored: frozenset[str] = field(
        default=frozenset({"CUR", "PID", "MEA", "PKG", "PER", "N2", "N3", "N4", "LS", "LE", "CTP", "PO4", "TD5", "MAN"})
    )


@cache
def signature(profile: Profile) -> str:
    """``name/digest`` of every choice: two profiles that read a file differently never have the same one."""
    choices = {
        name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(profile).items()
    }
    return f"{profile.name}/{sha256(ascii(choices).encode()).hexdigest()[:8]}"


PROFILES = {"standard": Profile("standard")}
