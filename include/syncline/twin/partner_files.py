"""What a 3PL states of its stock, when, and how carelessly: an 846 from time to time, and documents between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.twin import file_shape, x12_846
from syncline.twin.file_shape import PLAIN_SHAPE, Shape
from syncline.twin.ledger import Key
from syncline.twin.partner_documents import PartnerDocuments
from syncline.twin.partner_inbox import Inbox
from syncline.twin.x12_846 import Advice

if TYPE_CHECKING:
    from pathlib import Path

    from syncline.twin.network import Partner
    from syncline.twin.world import World

SEND_AFTER_S = (20, 240)
STALE_BY_S = (1800, 14_400)


class PartnerFiles:
    """The uploader of one partner: a file every ``every_s``, and a last one when all business is settled."""

    def __init__(self, partner: Partner, world: World, root: Path) -> None:
        self._partner, self._world = partner, world
        self._rng = world.day.stream(f"files/{partner.source}")
        self._wrong = world.day.stream(f"wrong lines/{partner.source}")
        self._shapes = world.day.stream(f"file shape/{partner.source}")
        self._inbox = Inbox(partner, world, root)
        self._documents = PartnerDocuments(partner, world, self._inbox)

    def start(self) -> None:
        """Schedule every file of the day. The opening and the final one are cut and sent without a fault."""
        day, schedule = self._world.day, self._world.schedule
        schedule.at(day.start_ms, lambda now_ms: self._send(self._advice(now_ms, now_ms, has_time=True)))
        for cut_ms in range(day.start_ms + self._partner.every_s * 1000, day.end_ms, self._partner.every_s * 1000):
            schedule.at(cut_ms, self._cut)
        schedule.at(self._world.final_file_ms, lambda now_ms: self._send(self._advice(now_ms, now_ms, has_time=True)))
        self._documents.start()

    def _cut(self, at_ms: int) -> None:
        faults, has_time, as_of_ms = self._world.faults, True, at_ms
        send_ms = at_ms + self._rng.randint(*SEND_AFTER_S) * 1000
        stale, date_only = self._rng.random() < faults.stale_file, self._rng.random() < faults.date_only
        stale_ms = max(self._world.day.start_ms, at_ms - self._rng.randint(*STALE_BY_S) * 1000)
        if self._partner.files_stale and stale:
            as_of_ms = stale_ms
            self._world.count.add("stale_file")
        elif self._partner.files_stale and date_only:
            has_time = False
            self._world.count.add("date_only")
        advice = self._advice(send_ms, as_of_ms, has_time=has_time)
        shape, names = file_shape.draw(self._shapes, faults)
        for name in names:
            self._world.count.add(name)
        content = self._content(advice, shape, may_be_wrong=True)
        self._world.schedule.at(
            send_ms, lambda now_ms: self._inbox.deliver(self._rng, now_ms, advice.file_name, content)
        )

    def _advice(self, sent_ms: int, as_of_ms: int, *, has_time: bool) -> Advice:
        control = self._inbox.next_control()
        advice = Advice(self._partner, control, sent_ms, as_of_ms, has_time, self._inbox.skew_ms)
        self._world.advices[advice.reference] = as_of_ms
        return advice

    def _content(self, advice: Advice, shape: Shape = PLAIN_SHAPE, *, may_be_wrong: bool = False) -> bytes:
        ledger, location = self._world.books.ledger, self._partner.location
        rate = self._world.faults.wrong_line if may_be_wrong else 0.0

        def quantity(item: str, measure: str) -> int:
            units = ledger.balance_at(Key(location, item, measure), advice.as_of_ms)
            if not rate or measure != "on_hand" or self._wrong.random() >= rate:
                return units
            self._world.count.add("wrong_line")
            off = self._wrong.choice((1, 2, 3, -1, -2, -3) if units >= 3 else (1, 2, 3))
            self._world.misstated[advice.reference, Key(location, item, measure)] = off
            return units + off

        return x12_846.write(advice, self._world.day.network.items, quantity, shape)

    def _send(self, advice: Advice) -> None:
        self._inbox.put(advice.file_name, self._content(advice))
