"""X12 846, inventory inquiry/advice: one balance for each quantity of each item.

Structure and codes: BIA header, LIN loops with QTY loops inside; QTY01 is the measure as the partner writes it and is
mapped by the status crosswalk, never here. A defect of the header takes the set, a defect of a line takes the line.
"""

from __future__ import annotations

from syncline.edi.documents.grammar import DATE, TEXT, TIME
from syncline.edi.documents.x12_846_segments import TABLES, Item, Quantity
from syncline.edi.envelope import TransactionSet
from syncline.edi.errors import Fault, shown
from syncline.edi.moments import ZONES, recorded
from syncline.edi.profiles import Profile, signature
from syncline.edi.tokenizer import Segment
from syncline.landing import Fact

TYPE = "846"
READING = "x12_846/2"  # raise it with every change of what this parser, or one below it, reads from the same bytes


def reading_of(profile: Profile) -> str:
    """Parser and profile, as ``raw.facts.reading`` names them."""
    return f"{READING} {signature(profile)}"


class Document846:
    """Reads one set; ``facts`` and ``line_faults`` are its result unless ``taken.faults`` is filled."""

    def __init__(self, taken: TransactionSet, source: str, profile: Profile) -> None:
        self._set = taken
        self._source = source
        self._profile = profile
        self._reading = reading_of(profile)
        self._bia: dict[str, str] = {}
        self._as_of = ""
        self._as_of_rank = len(profile.as_of_qualifiers)
        self._locations: dict[str, str] = {}
        self._items: list[Item] = []
        self.facts: list[Fact] = []
        self.line_faults: list[Fault] = []

    def read(self) -> None:
        """Fill ``facts`` and ``line_faults``, or the set's own faults."""
        for number, segment in enumerate(self._set.body):
            if number == 0 and segment.id != "BIA":
                self._refuse("header_missing", f"the set begins with {shown(segment.id)}, not BIA", segment)
            self._take(segment)
        if not self._set.body:
            self._refuse("header_missing", "the set is empty", self._set.st)
        self._check_header()
        if not self._set.faults:
            for item in self._items:
                self._close(item)

    def _take(self, segment: Segment) -> None:
        match segment.id:
            case "BIA":
                self._header(segment)
            case "LIN":
                self._items.append(self._item(segment))
            case "QTY":
                self._quantity(segment)
            case "UIT" | "REF" | "N1" | "DTM":
                self._detail(segment)
            case "CTT":
                self._count(segment)
            case "SDQ":
                self._line_fault("segment_unsupported", "quantities by location (SDQ) are not read", segment)
            case _ if segment.id not in self._profile.segments_ignored:
                self._refuse("segment_unexpected", f"segment {shown(segment.id)} has no place in an 846", segment)

    def _header(self, segment: Segment) -> None:
        if self._bia:
            self._refuse("header_repeated", "a second BIA", segment)
            return
        self._bia = self._values(segment)
        purpose = self._bia["purpose"]
        if purpose and purpose not in self._profile.purposes:
            self._refuse(
                "purpose_unsupported", f"BIA01 {shown(purpose)} corrects or cancels; that is not read yet", segment, 1
            )
        self._as_of = self._moment(segment, self._bia["day"], self._bia["time"], "", 4)

    def _item(self, segment: Segment) -> Item:
        pairs = [(segment.get(n), segment.get(n + 1)) for n in range(2, len(segment.elements), 2)]
        named = {qualifier: (value, 3 + 2 * n) for n, (qualifier, value) in reversed(list(enumerate(pairs))) if value}
        item = Item(segment, len(self._items) + 1, lot=named.get("LT", ("", 0))[0])
        for qualifier in self._profile.item_qualifiers:
            if qualifier in named:
                item.item, element = named[qualifier]
                if not TEXT.pattern.fullmatch(item.item):
                    item.faults.append(
                        self._fault("element_form", f"LIN{element:02d} is {shown(item.item)}", segment, element)
                    )
                break
        else:
            known = ", ".join(self._profile.item_qualifiers)
            item.faults.append(self._fault("item_missing", f"LIN names no item by any of {known}", segment, 2))
        if item.lot and not TEXT.pattern.fullmatch(item.lot):
            item.faults.append(self._fault("element_form", f"the lot is {shown(item.lot)}", segment, named["LT"][1]))
        return item

    def _quantity(self, segment: Segment) -> None:
        values, defects = TABLES["QTY"].read(segment)
        if not self._items:
            self._refuse("quantity_without_item", "a QTY before the first LIN", segment)
            return
        for code, text, element in defects:
            self._items[-1].line_faults.append(self._fault(code, text, segment, element))
        if not defects:
            self._items[-1].quantities.append(Quantity(segment, values["code"], values["quantity"], values["uom"]))

    def _detail(self, segment: Segment) -> None:
        """UIT, REF, N1 and DTM say something of the quantity before them, else of the item, else of the set."""
        values = self._values(segment)
        item = self._items[-1] if self._items else None
        match segment.id:
            case "DTM":
                self._date(segment, values, item)
            case "N1":
                self._location_named(segment, values, item)
            case "UIT" if item is not None:
                owner = item.quantities[-1] if item.quantities else item
                owner.uom = owner.uom or values["uom"]
            case "REF" if item is not None and values["qualifier"] == "LT":
                owner = item.quantities[-1] if item.quantities else item
                owner.lot = values["value"]

    def _location_named(self, segment: Segment, values: dict[str, str], item: Item | None) -> None:
        entity, named = values["entity"], values["id"]
        if entity not in self._profile.location_entities or not named:
            return
        if item is not None:
            item.location = named
        elif self._locations.setdefault(entity, named) != named:
            self._refuse("location_repeated", f"N1*{entity} names two locations", segment, 4)

    def _date(self, segment: Segment, values: dict[str, str], item: Item | None) -> None:
        qualifiers = self._profile.as_of_qualifiers
        if values["qualifier"] not in qualifiers:
            return
        zone = values["zone"]
        if zone not in self._profile.local_zones and zone not in ZONES:
            self._blame("zone_unknown", f"DTM04 {shown(zone)} is no zone with one offset", segment, 4, item)
            return
        rank = qualifiers.index(values["qualifier"])
        moment = self._moment(segment, values["day"], values["time"], ZONES.get(zone, ""), 2, item)
        if item is not None:
            item.as_of = item.as_of or moment
        elif rank < self._as_of_rank and (values["time"] or not self._bia.get("time")):
            self._as_of, self._as_of_rank = moment, rank

    def _count(self, segment: Segment) -> None:
        lines = self._values(segment)["lines"]
        if lines.isdigit() and int(lines) != len(self._items):
            self._refuse(
                "line_count", f"CTT01 says {lines} items, {len(self._items)} are there: incomplete", segment, 1
            )

    def _check_header(self) -> None:
        if self._items and not self._location() and not all(item.location for item in self._items):
            entities = ", ".join(self._profile.location_entities)
            self._refuse("location_missing", f"no N1 names the stock location by any of {entities}", self._set.st)

    def _location(self) -> str:
        return next((self._locations[e] for e in self._profile.location_entities if e in self._locations), "")

    def _close(self, item: Item) -> None:
        """Facts and faults of one LIN loop: a defect of the item takes all of it, one of a quantity only that."""
        if not item.quantities and not item.faults and not item.line_faults:
            item.faults.append(self._fault("quantity_missing", "the item has no QTY", item.segment))
        keys = [(quantity.code, quantity.lot) for quantity in item.quantities]
        for quantity in item.quantities:
            segment = quantity.segment
            # Totals beside their parts occur under one code: which is which cannot be known, so neither is stock.
            if keys.count((quantity.code, quantity.lot)) > 1:
                text = f"QTY01 {shown(quantity.code)} occurs more than once for the item"
                item.line_faults.append(self._fault("quantity_repeated", text, segment, 1))
            elif not (quantity.uom or item.uom or self._profile.default_uom):
                text = "neither QTY03 nor UIT names the unit"
                item.line_faults.append(self._fault("uom_missing", text, segment, 3))
            elif not item.faults:
                self.facts.append(self._fact(item, quantity))
        self.line_faults += item.faults + item.line_faults

    def _fact(self, item: Item, quantity: Quantity) -> Fact:
        reference = self._bia["reference"]
        part = f"/{quantity.lot}" if quantity.lot else ""
        line_key = f"{reference}/{item.ordinal}/{quantity.code}{part}"
        uom = quantity.uom or item.uom or self._profile.default_uom
        segment = quantity.segment
        return Fact(
            "balance", item.item, item.location or self._location(), quantity.code, uom, quantity.quantity,
            item.as_of or self._as_of, line_key, f"{self._source}/{line_key}",
            f"segment {segment.number} QTY at byte {segment.offset}", self._reading,
            lot=quantity.lot or item.lot or None, is_test=self._set.is_test, correlation_id=reference,
        )  # fmt: skip

    def _moment(self, segment: Segment, day: str, time: str, zone: str, element: int, item: Item | None = None) -> str:
        if not (DATE.pattern.fullmatch(day) and (not time or TIME.pattern.fullmatch(time))):
            if not day:
                self._blame("element_missing", f"{segment.id}{element:02d} (day) is empty", segment, element, item)
            return ""  # the form was blamed where the segment was read
        try:
            return recorded(day, time, zone)
        except ValueError as error:
            self._blame("no_such_moment", str(error), segment, element, item)
            return ""

    def _values(self, segment: Segment) -> dict[str, str]:
        """Elements of a segment; a defect takes the item it stands in, else the set."""
        values, defects = TABLES[segment.id].read(segment)
        for code, text, element in defects:
            self._blame(code, text, segment, element, self._items[-1] if self._items else None)
        return values

    def _blame(self, code: str, text: str, segment: Segment, element: int, item: Item | None) -> None:
        if item is None:
            self._refuse(code, text, segment, element)
        else:
            item.faults.append(self._fault(code, text, segment, element))

    def _line_fault(self, code: str, text: str, segment: Segment) -> None:
        if self._items:
            self._items[-1].faults.append(self._fault(code, text, segment))
        else:
            self._refuse(code, text, segment)

    def _fault(self, code: str, text: str, segment: Segment, element: int | None = None) -> Fault:
        return self._set.fault(code, text, segment, element, "line")

    def _refuse(self, code: str, text: str, segment: Segment, element: int | None = None) -> None:
        self._set.faults.append(self._set.fault(code, text, segment, element))
