"""A stand-in for Shopify's GraphQL Admin API, as far as stock goes.

Follows: inventorySetQuantities and inventoryAdjustQuantities (compare is asked for, null opts out; the key is asked for
at run time), the two enums of error codes, "Implementing idempotency" (24 hours; the same key with another body is
refused; field order counts), "Shopify API limits" (cost in points, a leaky bucket), "Shopify API response status and
error codes" (401, 423), "Using the client credentials grant", "About Shopify API versioning". Shapes and costs are
those that a shop was recorded to answer in version 2026-04.

The operations are known by their names in the query's text: it is no interpreter of GraphQL.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from syncline.twin.vendors.shopify_shapes import (
    LISTS,
    change,
    errors_beside,
    key_of,
    malformed,
    number_of,
    refused,
    user_error,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.twin.vendors.book import Book
    from syncline.twin.vendors.faults import VendorFaults

VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")
TOKEN_LIFE_S = 86_399
QUANTITY_MAX = 10**9
MUTATION_COST = 13.0
QUERY_COST_MAX = 1000.0
_MUTATION = re.compile(
    r"\b(inventorySetQuantities|inventoryAdjustQuantities)\(input: \$(\w+)\)( @idempotent\(key: \$(\w+)\))?"
)


@dataclass
class Attempt:
    """What a key stands for. ``payload`` None: it runs. ``is_failed``: it ended with errors, so the key is spent."""

    body: str
    payload: dict[str, Any] | None = None
    is_failed: bool = False


@dataclass
class Shop:
    """A shop: a book whose keys are ids of inventory items and locations, as numbers.

    ``slow_s``: how long a mutation runs. ``throttled_status``: sources differ whether it is 200 or 429.
    """

    book: Book
    token: str = ""
    client: tuple[str, str] = ("", "")
    issued: set[str] = field(default_factory=set)
    scopes: tuple[str, ...] = ("read_locations", "write_inventory")
    versions: tuple[str, ...] = VERSIONS
    points_max: float = 2000.0
    restored_per_s: float = 100.0
    slow_s: float = 0.0
    throttled_status: int = 200
    attempts: dict[str, Attempt] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    points: float = 2000.0
    filled_s: float = field(default_factory=time.monotonic)

    def expire_tokens(self) -> None:
        """Every issued token has ended."""
        with self.lock:
            self.issued.clear()

    def forget_keys(self) -> None:
        """24 hours have passed: a key that is used again is a new one."""
        with self.lock:
            self.attempts.clear()

    def knows(self, token: str) -> bool:
        with self.lock:
            return bool(token) and (token == self.token or token in self.issued)

    def served(self, version: str) -> str:
        """The version that answers: one that is gone is served by the oldest there is."""
        return version if version in self.versions else self.versions[0]

    def take(self, cost: float) -> bool:
        """Take points out of the bucket; False when it does not hold them."""
        with self.lock:
            now_s = time.monotonic()
            self.points = min(self.points_max, self.points + (now_s - self.filled_s) * self.restored_per_s)
            self.filled_s = now_s
            if self.points < cost:
                return False
            self.points -= cost
            return True

    def cost(self, requested: float, actual: float | None) -> dict[str, Any]:
        """``extensions`` of an answer."""
        status = {
            "maximumAvailable": self.points_max,
            "currentlyAvailable": int(self.points),
            "restoreRate": self.restored_per_s,
        }
        return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}}

    def throttled(self, requested: float) -> Response:
        error = {
            "message": "Throttled",
            "extensions": {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"},
        }
        return JSONResponse({"errors": [error], "extensions": self.cost(requested, None)}, self.throttled_status)

    # --- queries ---

    def query(self, text: str, variables: Mapping[str, Any]) -> Response:
        """The three queries that a client of stock asks."""
        requested = 3.0 * len(variables.get("items", ())) + 1.0
        if requested > QUERY_COST_MAX:
            return errors_beside(
                "MAX_COST_EXCEEDED", f"Query cost is {requested:g}, which exceeds the single query max cost"
            )
        if not self.take(requested):
            return self.throttled(requested)
        data: dict[str, Any] = {}
        if "shop {" in text:
            data["shop"] = {"id": "gid://shopify/Shop/1"}
        if "currentAppInstallation {" in text:
            data["currentAppInstallation"] = {"accessScopes": [{"handle": scope} for scope in self.scopes]}
        if "nodes(ids: $items)" in text:
            data["nodes"] = [self._node(item, variables["location"], variables["names"]) for item in variables["items"]]
        return JSONResponse({"data": data, "extensions": self.cost(requested, requested)})

    def _node(self, item: str, location: str, names: list[str]) -> dict[str, Any] | None:
        key = (number_of(item), number_of(location))
        with self.book.lock:
            if key[0] not in {each[0] for each in self.book.numbers}:
                return None
            quantity = self.book.numbers.get(key)
        if quantity is None:
            return {"id": item, "inventoryLevel": None}
        return {"id": item, "inventoryLevel": {"quantities": [{"name": name, "quantity": quantity} for name in names]}}

    # --- mutations ---

    def mutate(self, text: str, variables: Mapping[str, Any], fault: str) -> Response:
        """inventorySetQuantities or inventoryAdjustQuantities, under a key."""
        found = _MUTATION.search(text)
        if found is None:
            return errors_beside("undefinedField", "Field is not defined on Mutation")
        name, key = found[1], variables.get(found[4] or "")
        if fault == "locked":
            return JSONResponse({"errors": "The requested shop is currently locked."}, 423)
        if fault == "throttled" or not self.take(MUTATION_COST):
            return self.throttled(MUTATION_COST if fault != "throttled" else self.points + self.restored_per_s / 5)
        if not found[3] or not isinstance(key, str) or not key:
            return errors_beside(
                "BAD_REQUEST", "The @idempotent directive is required for this mutation but was not provided.", name
            )
        given = variables.get(found[2])
        if problem := malformed(name, given):
            return errors_beside(*problem, name if problem[0] == "INVALID_FIELD_ARGUMENTS" else None)
        assert isinstance(given, dict)
        payload = self._once(name, given, key, fault)
        cost = self.cost(MUTATION_COST, MUTATION_COST if payload["inventoryAdjustmentGroup"] else 10.0)
        return JSONResponse({"data": {name: payload}, "extensions": cost})

    def _once(self, name: str, given: dict[str, Any], key: str, fault: str) -> dict[str, Any]:
        body = json.dumps([name, given])
        with self.lock:
            before = self.attempts.get(key)
            if before is None:
                attempt = self.attempts[key] = Attempt(body)
        if before is not None:
            return _repeated(before, body)
        time.sleep(self.slow_s)
        with self.book.lock:
            payload = self._execute(name, given, fault)
        with self.lock:
            attempt.is_failed = bool(payload["userErrors"])
            attempt.payload = payload
        return payload

    def _execute(self, name: str, given: dict[str, Any], fault: str) -> dict[str, Any]:
        list_name, number_name = LISTS[name]
        rows = given[list_name]
        errors = [
            user_error(code, ["input", list_name, str(at), place])
            for at, row in enumerate(rows)
            for code, place in self._row_errors(row, number_name)
        ]
        keys = [key_of(row) for row in rows]
        errors += [
            user_error("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", ["input", list_name, str(at)])
            for at, key in enumerate(keys)
            if name == "inventorySetQuantities" and key in keys[:at]
        ]
        if given.get("name") not in ("available", "on_hand"):
            errors.append(user_error("INVALID_NAME", ["input", "name"]))
        if fault == "partial" and not errors:
            errors.append(user_error("NON_MUTABLE_INVENTORY_ITEM", ["input", list_name, "0", "inventoryItemId"]))
        if errors:
            return {"inventoryAdjustmentGroup": None, "userErrors": errors}
        uri = given.get("referenceDocumentUri")
        changes: list[dict[str, Any]] = []
        for key, row in zip(keys, rows, strict=True):
            is_set = number_name == "quantity"
            delta = row[number_name] - self.book.numbers[key] if is_set else row[number_name]
            if delta:
                self.book.add(key, delta, uri)
                changes += [change(row, name, delta) for name in ("available", "on_hand")]
        group = {
            "id": f"gid://shopify/InventoryAdjustmentGroup/{len(self.book.effects)}",
            "reason": given["reason"], "referenceDocumentUri": uri, "changes": changes,
        }  # fmt: skip
        return {"inventoryAdjustmentGroup": group if changes else None, "userErrors": []}

    def _row_errors(self, row: Mapping[str, Any], number_name: str) -> list[tuple[str, str]]:
        key = key_of(row)
        found = []
        if key[0] not in {each[0] for each in self.book.numbers}:
            found.append(("INVALID_INVENTORY_ITEM", "inventoryItemId"))
        if key[1] not in {each[1] for each in self.book.numbers}:
            found.append(("INVALID_LOCATION", "locationId"))
        if found:
            return found
        now = self.book.numbers.get(key)
        if now is None:
            return [("ITEM_NOT_STOCKED_AT_LOCATION", "locationId")]
        after = row[number_name] + (now if number_name == "delta" else 0)
        if after > QUANTITY_MAX:
            return [("INVALID_QUANTITY_TOO_HIGH", number_name)]
        if after < -QUANTITY_MAX:
            return [("INVALID_QUANTITY_TOO_LOW", number_name)]
        if row["changeFromQuantity"] is not None and row["changeFromQuantity"] != now:
            return [("CHANGE_FROM_QUANTITY_STALE", "changeFromQuantity")]
        return []


def _repeated(before: Attempt, body: str) -> dict[str, Any]:
    if before.body != body:
        return refused("IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
    if before.payload is None:
        return refused("IDEMPOTENCY_CONCURRENT_REQUEST")
    return refused("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED") if before.is_failed else before.payload


def build(book: Book, faults: VendorFaults, *, token: str = "", client: tuple[str, str] = ("", "")) -> FastAPI:
    """The ASGI app; ``app.state.shop`` is the shop.

    ``token``: an access token that stays, of a custom app. ``client``: ID and secret that tokens are issued for.
    """
    shop = Shop(book, token, client)
    app = FastAPI(openapi_url=None)
    app.state.shop = shop

    @app.post("/admin/oauth/access_token")
    async def issue(request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = (form.get("client_id", ""), form.get("client_secret", ""))
        if form.get("grant_type") != "client_credentials" or not all(shop.client) or asked != shop.client:
            return JSONResponse({"error": "invalid_client", "error_description": "Client authentication failed"}, 400)
        issued = "shpat_" + secrets.token_hex(16)
        with shop.lock:
            shop.issued.add(issued)
        return JSONResponse({"access_token": issued, "scope": ",".join(shop.scopes), "expires_in": TOKEN_LIFE_S})

    @app.post("/admin/api/{version}/graphql.json")
    async def graphql(version: str, request: Request) -> Response:
        if not shop.knows(request.headers.get("X-Shopify-Access-Token", "")):
            told = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return JSONResponse({"errors": told}, 401)
        asked = json.loads(await request.body())
        text, variables = asked["query"], asked.get("variables") or {}
        if text.lstrip().startswith("mutation"):
            answer = await faults.around(request, lambda fault: shop.mutate(text, variables, fault))
        else:
            answer = shop.query(text, variables)
        answer.headers["X-Shopify-API-Version"] = shop.served(version)
        return answer

    return app
