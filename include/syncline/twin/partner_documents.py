"""What a 3PL tells between two 846: shipments by 945, receipts by 944, adjustments and status moves by 947.

Each document states the minute at which its transaction was posted, by the partner's clock, and waits some minutes for
the next file. So an 846 may hold what its document tells only later, with an earlier time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from syncline.twin import file_shape
from syncline.twin.books import COUNT
from syncline.twin.edi import x12
from syncline.twin.edi.documents import body
from syncline.twin.edi.envelope import X12, Group, Interchange, Separators, Set
from syncline.twin.edi.layout import lay_out
from syncline.twin.edi.model import AdjustedLine, Adjustment, Document, Receipt, ReceivedLine, Shipment, ShippedLine
from syncline.twin.edi.style import Style
from syncline.twin.file_shape import PLAIN_SHAPE, Shape
from syncline.twin.x12_846 import RECEIVER_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncline.twin.books import Effect, Posting
    from syncline.twin.network import Network, Partner
    from syncline.twin.partner_inbox import Inbox
    from syncline.twin.world import World

KINDS = {"shipment.confirmed": "945", "inventory.received": "944"}  # any other posting: 947
# 947 W1901 by measure and direction; what broke and is thrown away is one line, as the partner's profile says.
REASONS = {
    ("on_hand", 1): "51", ("on_hand", -1): "06", ("quarantined", 1): "05", ("quarantined", -1): "55",
    ("damaged", 1): "AU",
}  # fmt: skip
DESTROYED, COUNTED = "07", "AA"
ORDERS = {"return": "RMA", "receipt": "PO", "transfer": "TO"}
GROUPS_MAX = 10
CONSUMER = "CONSUMER"  # no warehouse of ours


class PartnerDocuments:
    """The documents of one partner. Every draw comes from streams of its own: an 846 is the same without them."""

    def __init__(self, partner: Partner, world: World, inbox: Inbox) -> None:
        self._partner, self._world, self._inbox = partner, world, inbox
        self._rng = world.day.stream(f"documents/{partner.source}")
        self._uploads = world.day.stream(f"documents upload/{partner.source}")
        self._shapes = world.day.stream(f"documents shape/{partner.source}")
        self._waiting: list[Document] = []

    def start(self) -> None:
        """Listen to the site from now on."""
        if self._partner.documents and self._world.faults.documents:
            self._world.books.listen(self._partner.location, self._hear)
            self._world.cases.announce_at(self._partner.location, self._announce)

    def _announce(self, at_ms: int, notice: Shipment) -> None:
        """What others send here, by the partner's codes."""
        item = self._partner.item_ref
        skus = self._world.day.network.skus
        at = self._local(at_ms)
        lines = tuple(replace(line, item=item(skus[line.item])) for line in notice.lines)
        self._queue(at_ms, replace(notice, created=at, at=at, ship_to=self._partner.warehouse_ref, lines=lines))

    def _hear(self, posting: Posting) -> set[str]:
        """The measures of what will be told."""
        kind = KINDS.get(posting.kind, "947")
        effects = [effect for effect in posting.effects if effect.measure != "allocated"]
        if kind not in self._partner.documents or not effects or self._rng.random() >= self._world.faults.documents:
            return set()
        at = self._local(posting.at_ms)
        self._queue(posting.at_ms, document_of(kind, posting, self._partner, self._world.day.network, at))
        self._world.documents[posting.transaction_id] = posting.at_ms
        self._world.count.add("documents")
        return {effect.measure for effect in effects}

    def _queue(self, at_ms: int, document: Document) -> None:
        """The first document that waits says when the file goes."""
        if not self._waiting:
            longest_s = self._world.faults.documents_after_s
            send_ms = at_ms + self._rng.randint(longest_s // 5, longest_s) * 1000
            self._world.schedule.at(send_ms, self._send)
        self._waiting.append(document)

    def _send(self, at_ms: int) -> None:
        waiting, self._waiting = self._waiting, []
        control = self._inbox.next_control()
        shape, names = file_shape.draw(self._shapes, self._world.faults)
        for name in names:
            self._world.count.add(name)
        sent = _instant(at_ms, self._partner, self._inbox.skew_ms)
        name = f"moves_{self._partner.warehouse_ref}_{control:06d}.edi"
        self._inbox.deliver(self._uploads, at_ms, name, write(waiting, self._partner, control, sent, shape))

    def _local(self, at_ms: int) -> datetime:
        return _instant(at_ms, self._partner, self._inbox.skew_ms)


def document_of(kind: str, posting: Posting, partner: Partner, network: Network, at: datetime) -> Document:
    """What ``partner`` writes of a posting; ``at``: its instant by the partner's clock, local.

    Its number is the transaction's, of what another site sent that of its shipment; its lines are in the posting's
    order: together the event key of the WMS.
    """
    first = posting.lines[0]
    reference = first.get("told_as") or posting.transaction_id
    head: dict[str, Any] = {"kind": kind, "reference": reference, "created": at, "at": at}
    has_wms = network.locations[partner.location].wms is not None

    def item_ref(sku: str) -> str:
        return partner.item_ref(network.skus[sku])

    if kind == "945":
        lines = tuple(
            ShippedLine(
                item=item_ref(line["sku"]), unit=line["uom"], ordered=Decimal(line["released"]),
                shipped=Decimal(line["quantity"]), is_final=line.get("final", True),
                # Beside a WMS the place in the shipment, by which both tell one event; else the order's line.
                number=0 if has_wms else int(line["order_line"].rpartition("/")[2]),
                instead_of=item_ref(line["instead_of"]) if line.get("instead_of") else "",
            )
            for line in posting.lines
        )  # fmt: skip
        order = first["order_line"].partition("/")[0]
        return Shipment(**head, order=order, ship_from=partner.warehouse_ref, ship_to=CONSUMER, lines=lines)
    if kind == "944":
        order = f"{ORDERS[posting.reason]}-{posting.transaction_id.removeprefix('T-')}"
        received = tuple(_received(item_ref(line["sku"]), line) for line in posting.lines)
        said = {name: first[name] for name in ("shipment", "authorisation") if name in first}
        return Receipt(**head, order=order, location=partner.warehouse_ref, lines=received, **said)
    return Adjustment(**head, location=partner.warehouse_ref, lines=tuple(_adjusted(item_ref, posting)))


def _received(item: str, line: dict[str, Any]) -> ReceivedLine:
    units, condition = Decimal(line["quantity"]), line["condition"]
    is_good = condition == "good"
    return ReceivedLine(
        item=item, unit=line["uom"], good=units if is_good else Decimal(0),
        exceptions=() if is_good else ((condition, units),),
    )  # fmt: skip


def _adjusted(item_ref: Callable[[str], str], posting: Posting) -> list[AdjustedLine]:
    """A line for each effect; one for both of what is thrown away."""
    if {(each.measure, each.delta < 0) for each in posting.effects} == {("damaged", True), ("on_hand", True)}:
        gone = next(each for each in posting.effects if each.measure == "on_hand")
        return [_adjustment(item_ref, gone, DESTROYED)]
    is_count = posting.kind == COUNT
    return [
        _adjustment(item_ref, each, COUNTED if is_count else REASONS[each.measure, 1 if each.delta > 0 else -1])
        for each in posting.effects
    ]


def _adjustment(item_ref: Callable[[str], str], effect: Effect, reason: str) -> AdjustedLine:
    return AdjustedLine(item=item_ref(effect.item), unit="EA", reason=reason, change=Decimal(effect.delta))


def write(
    documents: list[Document], partner: Partner, control: int, sent: datetime, shape: Shape = PLAIN_SHAPE
) -> bytes:
    """One interchange: a group for each kind, a set for each document; ``sent`` is local."""
    groups = []
    for number, (_, of_kind) in enumerate(groupby(sorted(documents, key=_kind), key=_kind), 1):
        bodies = enumerate((body(document, Style()) for document in of_kind), 1)
        sets = tuple(Set(control=f"{ordinal:04d}", body=each) for ordinal, each in bodies)
        groups.append(Group(control=str(control * GROUPS_MAX + number), sets=sets))
    interchange = Interchange(
        sender=partner.sender_id, receiver=RECEIVER_ID, at=sent, control=f"{control:09d}", groups=tuple(groups),
        separators=Separators(X12.element, X12.component, shape.terminator), version="00401",
    )  # fmt: skip
    return lay_out(x12.pieces(interchange), shape.layout)


def _kind(document: Document) -> str:
    return document.kind


def _instant(at_ms: int, partner: Partner, skew_ms: int) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms + skew_ms)).astimezone(
        ZoneInfo(partner.timezone)
    )
