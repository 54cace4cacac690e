"""What a Tryton of the tests holds: a company, two storage locations, a user with our rights and one without."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import requests

DATABASE = "tryton_test"
ADMIN_PASSWORD = "admin-of-the-tests-1"
LOGIN, PASSWORD = "syncline", "pusher-of-the-tests-2"
CLERK = "clerk"  # may do what a stock clerk may, which is not enough
LOCATIONS = ("DC1", "DC2")
CALL_S = 30
STEPS = ("wait", "assign_force", "do")


class Admin:
    """The administrator's JSON-RPC, written apart from the adapter's."""

    def __init__(self, base_url: str, password: str) -> None:
        self._url = f"{base_url}/{DATABASE}/rpc/"
        self._session = requests.Session()
        user, token, *_ = self._post("common.db.login", ["admin", {"password": password}, "en"])
        secret = base64.b64encode(f"admin:{user}:{token}".encode()).decode()
        self._session.headers["Authorization"] = f"Session {secret}"
        self.user, self.context = user, {}
        self.context = self("res.user.get_preferences", True)

    def __call__(self, method: str, *params: Any) -> Any:
        return self._post(f"model.{method}", [*params, self.context])

    def _post(self, method: str, params: list[Any]) -> Any:
        answer = self._session.post(self._url, json={"id": 1, "method": method, "params": params}, timeout=CALL_S)
        assert answer.status_code == 200, (method, answer.status_code)
        assert "result" in answer.json(), (method, answer.json())
        return answer.json()["result"]

    def id_of(self, module: str, name: str) -> int:
        """The record that a module ships under ``name``."""
        found: int = self("ir.model.data.get_id", module, name)
        return found

    def make_products(self, codes: list[str], **values: Any) -> list[int]:
        """Goods by the unit; their ids."""
        template, = self("product.template.create", [{
            "name": "Goods", "type": "goods", "default_uom": self.id_of("product", "uom_unit"),
            "products": [["create", [{"suffix_code": code} for code in codes]]], **values,
        }])  # fmt: skip
        made: list[int] = self("product.template.read", [template], ["products"])[0]["products"]
        return made

    def ship(
        self, code: str, location: str, delta: float, reference: str = "", *, until: str = "do", unit: str = "uom_unit"
    ) -> int:
        """An internal shipment by hand, as far as ``until`` (``create``: a draft); its id."""
        return self.ship_all({(code, location): delta}, reference, until=until, unit=unit)[0]

    def ship_all(
        self,
        deltas: Mapping[tuple[str, str], float],
        reference: str = "",
        *,
        until: str = "do",
        unit: str = "uom_unit",
    ) -> list[int]:
        """One for each key; faster than one by one."""
        unit_id, other = self.id_of("product", unit), self.id_of("stock", "location_lost_found")
        shipments = []
        for (code, location), delta in deltas.items():
            (product,) = self("product.product.search", [["code", "=", code]])
            (place,) = self("stock.location.search", [["code", "=", location]])
            sides = {"from_location": other if delta > 0 else place, "to_location": place if delta > 0 else other}
            move = {"product": product, "unit": unit_id, "quantity": abs(delta), **sides}
            shipments.append({"reference": reference, "moves": [["create", [move]]], **sides})
        made: list[int] = self("stock.shipment.internal.create", shipments)
        for step in STEPS[: STEPS.index(until) + 1] if until in STEPS else ():
            self(f"stock.shipment.internal.{step}", made)
        return made


def seed(base_url: str) -> None:
    """Into a database that has the module and nothing else."""
    admin = Admin(base_url, ADMIN_PASSWORD)
    day = {"__class__": "date", "year": 2020, "month": 1, "day": 1}
    rate = {"date": day, "rate": {"__class__": "Decimal", "decimal": "1"}}
    (currency,) = admin(
        "currency.currency.create", [{"name": "Euro", "symbol": "E", "code": "EUR", "rates": [["create", [rate]]]}]
    )
    (party,) = admin("party.party.create", [{"name": "Syncline tests"}])
    (company,) = admin("company.company.create", [{"party": party, "currency": currency}])
    ours = {"companies": [["add", [company]]], "company": company}
    admin("res.user.write", [admin.user], ours)
    admin = Admin(base_url, ADMIN_PASSWORD)
    storage = admin.id_of("stock", "location_storage")
    admin("stock.location.create", [{"name": c, "code": c, "type": "storage", "parent": storage} for c in LOCATIONS])
    groups = [admin.id_of("stock", f"group_stock{rest}") for rest in ("", "_force_assignment")]
    for login, some in ((LOGIN, groups), (CLERK, groups[:1])):
        person = {"name": login, "login": login, "password": PASSWORD, "groups": [["add", some]], **ours}
        admin("res.user.create", [person])
