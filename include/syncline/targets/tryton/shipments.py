"""Internal shipments that carry a reference of ours, with what each of them moves.

Source: trytond-stock 8.2.1, ``shipment.py`` and ``move.py``; states and buttons as seen on a running server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.errors import PartnerContractBroken
from syncline.targets.contract import Found
from syncline.targets.reading import QUANTITY_MAX
from syncline.targets.tryton.catalog import CODE, ID, in_parts, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncline.targets.contract import Line
    from syncline.targets.tryton.catalog import Catalog
    from syncline.targets.tryton.rpc import Rpc

MODEL = "stock.shipment.internal"
ROWS_MAX = 1000
REFERENCES_MAX = 100
STATE = {"type": "string", "maxLength": 20}
# What the next call of a posting takes further, the furthest first.
UNFINISHED = ("assigned", "waiting", "draft")
# Floats as Tryton counts: whole numbers are exact up to 2**53.
FLOAT = {"type": "number", "minimum": -QUANTITY_MAX, "maximum": QUANTITY_MAX}
CODED = {"type": "object", "properties": {"code": CODE}}
_shipments = rows({"id": ID, "state": STATE, "number": CODE, "reference": {"type": "string"}}, ROWS_MAX)
_moves = rows(
    {
        "shipment": {"type": "string", "pattern": f"^{MODEL},[0-9]{{1,10}}$"}, "state": STATE,
        "internal_quantity": FLOAT, "from_location": ID, "to_location": ID,
        "product.": CODED, "from_location.": CODED, "to_location.": CODED,
    },
    ROWS_MAX,
)  # fmt: skip


@dataclass(frozen=True)
class Shipment:
    """One of ours. ``effects``: item, location and signed quantity of each move that is not cancelled."""

    id: int
    state: str
    document: str
    effects: tuple[tuple[str, str, int], ...]

    def is_of(self, line: Line) -> bool:
        """It moves what the line wants, and nothing else."""
        return self.effects == ((line.item, line.location, line.quantity),)

    def found(self) -> list[Found]:
        return [Found(*effect, self.document) for effect in self.effects]


def whole(target: str, what: str, number: float) -> int:
    """A number as Tryton writes it, which must have no fraction. Raises PartnerContractBroken."""
    if not float(number).is_integer():
        raise PartnerContractBroken(
            f"Target {target} counts {number} of {what}: stock is whole units of the item's base unit.",
            next_step="Give the product a default unit of measure without digits, or leave the item to Tryton.",
            target=target,
        )
    return int(number)


class Shipments:
    """Looked up inside ``rpc.within``, after ``catalog.open``."""

    def __init__(self, rpc: Rpc, catalog: Catalog) -> None:
        self._rpc, self._catalog = rpc, catalog

    def of(self, references: Iterable[str]) -> dict[str, list[Shipment]]:
        """By reference, in order of id; errors as ``Rpc.read``."""
        found: dict[str, list[Shipment]] = {}
        for some in in_parts(sorted(set(references)), REFERENCES_MAX):
            heads = self._search(
                f"{MODEL}.search_read", [["reference", "in", some]], ["state", "number", "reference"], _shipments
            )
            moves = self._moves([head["id"] for head in heads])
            for head in heads:
                shipment = Shipment(
                    head["id"], head["state"], head["number"] or f"id {head['id']}", tuple(moves.get(head["id"], ()))
                )
                found.setdefault(head["reference"], []).append(shipment)
        return found

    def unfinished(self) -> int:
        """How many with a reference like ours are neither done nor cancelled; counted up to ``ROWS_MAX``."""
        domain = [
            ["state", "in", list(UNFINISHED)],
            ["reference", "like", "_" * 64],
            ["OR", *([side, "=", self._catalog.lost_and_found] for side in ("from_location", "to_location"))],
        ]
        fields = ["state", "number", "reference"]
        return len(self._search(f"{MODEL}.search_read", domain, fields, _shipments, is_whole=False))

    def _moves(self, shipments: Sequence[int]) -> dict[int, list[tuple[str, str, int]]]:
        effects: dict[int, list[tuple[str, str, int]]] = {}
        if not shipments:
            return effects
        fields = [
            "shipment", "state", "internal_quantity", "product.code",
            "from_location", "from_location.code", "to_location", "to_location.code",
        ]  # fmt: skip
        domain = [["shipment", "in", [f"{MODEL},{each}" for each in shipments]]]
        for row in self._search("stock.move.search_read", domain, fields, _moves):
            if row["state"] != "cancelled":
                effects.setdefault(int(row["shipment"].partition(",")[2]), []).append(self._effect(row))
        return effects

    def _effect(self, row: dict[str, Any]) -> tuple[str, str, int]:
        item = row["product."].get("code") or ""
        quantity = whole(self._rpc.target, item, row["internal_quantity"])
        if row["to_location"] == self._catalog.lost_and_found:
            return item, row["from_location."].get("code") or "", -quantity
        return item, row["to_location."].get("code") or "", quantity

    def _search(
        self, method: str, domain: list[Any], fields: list[str], validate: Any, *, is_whole: bool = True
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._rpc.read(
            method, domain, 0, ROWS_MAX, [["id", "ASC"]], fields, validate=validate
        )
        if is_whole and len(found) == ROWS_MAX:
            raise PartnerContractBroken(
                f"Target {self._rpc.target} has {ROWS_MAX} or more documents with references of ours.",
                next_step="Somebody copies our references: look at its internal shipments.",
                target=self._rpc.target,
            )
        return found
