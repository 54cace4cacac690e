"""Our words and the codes that stand for them in each standard; only what the twin writes."""

from __future__ import annotations

from typing import NamedTuple

# Which of a statement's measures are stock; the other known ones are plans, and ``unmapped`` is no known code.
STOCK = ("on_hand", "available", "allocated", "quarantined", "damaged", "in_transit")

# X12 element 673 (QTY01) and UN/EDIFACT 6063. A measure that a standard has no code for is not stated in it.
X12_QUANTITIES = {
    "on_hand": "17", "available": "33", "allocated": "27", "quarantined": "QH", "damaged": "74", "in_transit": "IQ",
    "on_order": "63", "minimum": "72", "projected": "29", "unmapped": "ZZ",
}  # fmt: skip
EDIFACT_QUANTITIES = {
    "on_hand": "145", "available": "60", "allocated": "66", "quarantined": "89", "damaged": "124", "in_transit": "198",
    "on_order": "21", "minimum": "97", "unmapped": "1",
}  # fmt: skip

X12_UNITS = {"EA": "EA", "CA": "CA", "KG": "KG"}
EDIFACT_UNITS = {"EA": "PCE", "CA": "CT", "KG": "KGM"}

# X12 element 353 and UN/EDIFACT 1225.
X12_PURPOSES = {"original": "00", "cancel": "01", "replace": "05"}
EDIFACT_PURPOSES = {"original": "9", "cancel": "1", "replace": "5"}

FUNCTIONAL_GROUPS = {
    "846": "IB", "850": "PO", "856": "SH", "861": "RC", "940": "OW", "943": "AR", "944": "RE", "945": "SW",
    "947": "AW", "997": "FA", "999": "FA",
}  # fmt: skip


class Condition(NamedTuple):
    """``code``: X12 element 412 (W1303, RCD08). ``edifact``: 6063 in a RECADV. ``measure`` of-which it becomes."""

    code: str
    edifact: str
    is_there: bool
    measure: str


# Overage is good stock: it is told beside the quantity received and adds nothing to it.
CONDITIONS = {
    "damaged": Condition("01", "124", True, "damaged"),
    "short": Condition("02", "", False, ""),
    "over": Condition("03", "", False, ""),
    "quality": Condition("04", "89", True, "quarantined"),
    "rejected": Condition("08", "89", True, "quarantined"),
    "hold": Condition("09", "89", True, "quarantined"),
}


class Reason(NamedTuple):
    """``direction``: the sign that the code implies for its measure; 0 when it implies none."""

    measure: str
    direction: int


# X12 element 181 (W1901). A status move leaves what is on hand alone.
REASONS = {
    "03": Reason("on_hand", -1), "53": Reason("on_hand", 1), "04": Reason("on_hand", -1), "54": Reason("on_hand", 1),
    "06": Reason("on_hand", -1), "56": Reason("on_hand", 1), "07": Reason("on_hand", -1), "51": Reason("on_hand", 1),
    "AA": Reason("on_hand", 0), "AB": Reason("on_hand", 0),
    "AU": Reason("damaged", 1), "AV": Reason("damaged", 1),
    "05": Reason("quarantined", 1), "55": Reason("quarantined", -1),
}  # fmt: skip
INVENTORY_TYPES = {"damaged": "DM", "quarantined": "QU"}  # W1916 of a status move
