"""Write an X12 846 (004010) inventory advice as a partner would."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncline.twin.edi.envelope import Piece
from syncline.twin.edi.layout import lay_out
from syncline.twin.file_shape import PLAIN_SHAPE, Shape
from syncline.twin.network import EDI_CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncline.twin.network import Item, Partner

RECEIVER_ID = "SYNCLINE"
DEPTHS = {"ISA": 0, "IEA": 0, "GS": 1, "GE": 1, "ST": 2, "SE": 2}


@dataclass(frozen=True)
class Advice:
    """One 846: its control number, when it was sent and the instant its quantities are of.

    ``has_time`` False writes the as-of as a date only: the whole local day. ``skew_ms``: how far the partner's clock,
    by which it writes both, is ahead.
    """

    partner: Partner
    control: int
    sent_ms: int
    as_of_ms: int
    has_time: bool
    skew_ms: int = 0

    @property
    def reference(self) -> str:
        return f"{self.partner.warehouse_ref}-{self.control:06d}"

    @property
    def file_name(self) -> str:
        return f"846_{self.partner.warehouse_ref}_{self.control:06d}.edi"


def write(
    advice: Advice, items: Sequence[Item], quantity_of: Callable[[str, str], int], shape: Shape = PLAIN_SHAPE
) -> bytes:
    """The interchange; ``quantity_of(item, measure)`` gives units at the as-of. Zero is written, never left out."""
    zone = ZoneInfo(advice.partner.timezone)
    sent, as_of = (
        datetime.fromtimestamp((at_ms + advice.skew_ms) / 1000, UTC).astimezone(zone)
        for at_ms in (advice.sent_ms, advice.as_of_ms)
    )
    time = [f"{as_of:%H%M}"] if advice.has_time else []
    control = f"{advice.control:09d}"
    body = [
        ["ST", "846", "0001"],
        ["BIA", "00", "SI", advice.reference, f"{as_of:%Y%m%d}", *time],
        ["N1", "WH", "", "92", advice.partner.warehouse_ref],
    ]
    for number, item in enumerate(items, 1):
        body.append(["LIN", str(number), "SK", advice.partner.item_ref(item)])
        body += [["QTY", code, str(quantity_of(item.sku, measure)), "EA"] for measure, code in EDI_CODES.items()]
    body.append(["CTT", str(len(items))])
    body.append(["SE", str(len(body) + 1), "0001"])
    sender = advice.partner.sender_id
    head = [
        ["ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{sender:<15}", "ZZ", f"{RECEIVER_ID:<15}",
         f"{sent:%y%m%d}", f"{sent:%H%M}",
         "U", "00401", control, "0", "P", ">"],
        ["GS", "IB", sender, RECEIVER_ID, f"{sent:%Y%m%d}", f"{sent:%H%M}", str(advice.control), "X", "004010"],
    ]  # fmt: skip
    tail = [["GE", "1", str(advice.control)], ["IEA", "1", control]]
    pieces = [Piece("*".join(segment), DEPTHS.get(segment[0], 3), shape.terminator) for segment in head + body + tail]
    return lay_out(pieces, shape.layout)
