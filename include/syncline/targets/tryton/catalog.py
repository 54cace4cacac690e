"""What Tryton calls our items and locations: ids by code, for one user of one company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fastjsonschema

from syncline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncline.targets.tryton.rpc import Rpc

CODES_MAX = 200  # of one call
ID = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
CODE = {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 200}]}


def rows(properties: dict[str, Any], rows_max: int) -> Any:
    """Compiled check of the answer to a search_read; unknown members are let through."""
    row = {"type": "object", "required": sorted(properties), "properties": properties}
    return fastjsonschema.compile({"type": "array", "maxItems": rows_max, "items": row})


def in_parts(values: list[str], size: int) -> Iterator[list[str]]:
    """``values`` in lists of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


_id = fastjsonschema.compile(ID)
_preferences = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["company", "groups"],
        "properties": {
            "company": {"anyOf": [{"type": "null"}, ID]},
            "groups": {"type": "array", "maxItems": 10_000, "items": ID},
        },
    }
)
SYMBOL = {
    "type": "object",
    "properties": {"symbol": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 40}]}},
}
_products = rows(
    {
        "id": ID, "code": CODE, "default_uom": ID, "default_uom.": SYMBOL,
        "replaced_by": {"anyOf": [{"type": "null"}, ID]},
    },
    1000,
)  # fmt: skip
_locations = rows({"id": ID, "code": CODE}, 1000)


@dataclass(frozen=True)
class Product:
    """``unit``: its default one, in which Tryton counts it. ``is_replaced``: Tryton would move another one instead.

    ``is_ours``: its unit is the one that the entry says, where it says one.
    """

    id: int
    unit: int
    is_replaced: bool
    is_ours: bool = True


class Catalog:
    """Looked up inside ``rpc.within``. A code that two records share is nobody's: it is left out."""

    def __init__(self, rpc: Rpc, lost_and_found: str | None, unit: str | None = None) -> None:
        self._rpc, self._lost_and_found_code, self._unit = rpc, lost_and_found, unit
        self._locations: dict[str, int] = {}
        self.groups: tuple[int, ...] = ()
        self.company = 0
        self.lost_and_found = 0

    def open(self) -> None:
        """Have the user's context and the other side of every correction, once."""
        if self.lost_and_found:
            return
        preferences = self._rpc.read("res.user.get_preferences", True, validate=_preferences)
        if preferences["company"] is None:
            raise ConfigurationError(
                f"Target {self._rpc.target}: our user has no company.",
                next_step="Give it one in Tryton: Administration, Users, Access.",
                target=self._rpc.target,
            )
        self.company, self.groups = preferences["company"], tuple(preferences["groups"])
        self._rpc.context = {"company": self.company, "company_filter": "one", "groups": list(self.groups)}
        self.lost_and_found = self._other_side()

    def _other_side(self) -> int:
        code = self._lost_and_found_code
        if code is None:
            return int(self._rpc.read("ir.model.data.get_id", "stock", "location_lost_found", validate=_id))
        found = self._search("stock.location", "lost_found", [code])
        if code not in found:
            raise ConfigurationError(
                f"Target {self._rpc.target}: there is no one location of type lost_found with code {code!r}.",
                next_step="Correct options.lost_and_found, or leave it out for the one that Tryton ships.",
                target=self._rpc.target,
            )
        return found[code]

    def locations(self, codes: Iterable[str]) -> dict[str, int]:
        """Storage locations by code."""
        wanted = set(codes)
        missing = sorted(wanted - self._locations.keys())
        self._locations |= self._search("stock.location", "storage", missing)
        return {code: number for code, number in self._locations.items() if code in wanted}

    def products(self, codes: Iterable[str]) -> dict[str, Product]:
        """Active goods and assets by code."""
        found: list[dict[str, Any]] = []
        fields = ["code", "default_uom", "default_uom.symbol", "replaced_by"]
        for some in in_parts(sorted(set(codes)), CODES_MAX):
            domain = [["code", "in", some], ["type", "!=", "service"]]
            found += self._rpc.read(
                "product.product.search_read", domain, 0, 1000, [["id", "ASC"]], fields, validate=_products
            )
        return {
            code: Product(
                row["id"],
                row["default_uom"],
                row["replaced_by"] is not None,
                self._unit is None or row["default_uom."].get("symbol") == self._unit,
            )
            for code, row in _by_code(found).items()
        }

    def _search(self, model: str, kind: str, codes: list[str]) -> dict[str, int]:
        found: list[dict[str, Any]] = []
        for some in in_parts(codes, CODES_MAX):
            domain = [["code", "in", some], ["type", "=", kind]]
            found += self._rpc.read(
                f"{model}.search_read", domain, 0, 1000, [["id", "ASC"]], ["code"], validate=_locations
            )
        return {code: row["id"] for code, row in _by_code(found).items()}


def _by_code(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    codes = [row["code"] for row in found]
    return {row["code"]: row for row in found if row["code"] and codes.count(row["code"]) == 1}
