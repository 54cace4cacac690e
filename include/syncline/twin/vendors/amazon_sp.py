"""A stand-in for Amazon's Selling Partner API, as far as the quantities of listings go, and for Login with Amazon.

Follows: model listingsItems_2021-08-01 (getListingsItem, searchListingsItems, patchListingsItem), "Merge a listing",
"Connect to the SP-API" (refresh token grant, x-amz-access-token), "Listings Items API Rate Limits". A submission is
accepted at once and takes effect later; nothing tells what became of it. As sellers tell: a token that has expired is a
403, and a PATCH of an unknown SKU is accepted, and begins a listing.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.twin.vendors.book import Book
    from syncline.twin.vendors.faults import VendorFaults

ITEMS = "/listings/2021-08-01/items/{seller_id}"
RATE_HEADER = "x-amzn-RateLimit-Limit"
TOKEN_LIFE_S = 3600
SKUS_MAX = 20
ATTRIBUTE = "fulfillment_availability"
DENIED = "Access to requested resource is denied."


@dataclass
class Seller:
    """A seller's account: a book whose keys are SKU and fulfilment channel.

    ``takes_s``: from acceptance to effect. ``issues``: of a listing, by SKU. ``begun``: SKUs that a PATCH began.
    ``will_fail``: SKUs whose submissions are accepted, and end in an issue. ``submitted``: what the attributes show.
    ``odd``: SKUs whose own address is refused, as sellers tell of a slash or a hash. ``read_only``: the login may not
    write.
    """

    book: Book
    seller_id: str
    marketplace_id: str
    login: Mapping[str, str]
    takes_s: float = 0.3
    rate: float = 5.0
    burst: float = 5.0
    page_max: int = SKUS_MAX
    issues: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    submitted: dict[tuple[str, str], int] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    will_fail: set[str] = field(default_factory=set)
    odd: set[str] = field(default_factory=set)
    read_only: bool = False
    tokens: dict[str, bool] = field(default_factory=dict)  # is it still good
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)  # of requests, by operation

    def expire_tokens(self) -> None:
        """An hour has passed."""
        with self.lock:
            self.tokens = dict.fromkeys(self.tokens, False)

    def skus(self) -> set[str]:
        with self.book.lock:
            return {key[0] for key in self.book.numbers} | self.begun

    def denied(self, token: str | None) -> Response | None:
        """Why a request is turned away at the door, if it is."""
        with self.lock:
            is_good = self.tokens.get(token or "")
        if is_good:
            return None
        if token is None:
            why = "Access token is missing in the request header."
        else:
            revoked = "The access token you provided is revoked, malformed or invalid."
            why = revoked if is_good is None else "The access token you provided has expired."
        return _errors(403, "Unauthorized", DENIED, why)

    def throttled(self, operation: str) -> Response | None:
        """Take a request out of the operation's bucket, or say that there is none."""
        with self.lock:
            self.count[operation] += 1
            now_s = time.monotonic()
            left, then_s = self.buckets.get(operation, (self.burst, now_s))
            left = min(self.burst, left + (now_s - then_s) * self.rate)
            self.buckets[operation] = (left - 1 if left >= 1 else left, now_s)
        return None if left >= 1 else self.quota_exceeded()

    def quota_exceeded(self) -> Response:
        return _errors(429, "QuotaExceeded", "You exceeded your quota for the requested resource.", "")

    def misaddressed(self, seller: str, request: Request) -> Response | None:
        if seller != self.seller_id:
            return _errors(403, "Unauthorized", DENIED, "")
        if request.query_params.get("marketplaceIds") != self.marketplace_id:
            return _errors(400, "InvalidInput", "Invalid 'marketplaceIds' provided.", "")
        return None

    def turned_away(self, operation: str, seller: str, request: Request) -> Response | None:
        """What a request is answered before it is looked at, if it is."""
        return (
            self.denied(request.headers.get("x-amz-access-token"))
            or self.throttled(operation)
            or self.misaddressed(seller, request)
        )

    # --- reading ---

    def listing(self, sku: str, included: str) -> dict[str, Any]:
        """A listing with the data sets that are asked for."""
        found: dict[str, Any] = {"sku": sku}
        with self.book.lock:
            numbers = {key[1]: number for key, number in self.book.numbers.items() if key[0] == sku}
        if "summaries" in included:
            found["summaries"] = [{"marketplaceId": self.marketplace_id, "status": ["BUYABLE"]}]
        if "attributes" in included:
            found["attributes"] = {
                ATTRIBUTE: [
                    {"fulfillment_channel_code": channel, "quantity": self.submitted.get((sku, channel), number)}
                    for channel, number in numbers.items()
                ]
            }
        if "fulfillmentAvailability" in included:
            found["fulfillmentAvailability"] = [
                {"fulfillmentChannelCode": channel, "quantity": number} for channel, number in numbers.items()
            ]
        if "issues" in included:
            found["issues"] = list(self.issues.get(sku, ()))
        return found

    def search(self, request: Request) -> Response:
        asked = request.query_params
        included = asked.get("includedData", "summaries")
        page = int(asked.get("pageSize", "10"))
        skus = sorted(self.skus())
        if "identifiers" in asked:
            wanted = asked["identifiers"].split(",")
            if asked.get("identifiersType") != "SKU" or len(wanted) > SKUS_MAX:
                return _errors(400, "InvalidInput", "Invalid 'identifiers' provided.", "")
            skus = [sku for sku in skus if sku in wanted]
        page = min(page, self.page_max)
        first = int(asked.get("pageToken", "0"))
        items = [self.listing(sku, included) for sku in skus[first : first + page]]
        after = {"nextToken": str(first + page)} if first + page < len(skus) else {}
        return JSONResponse({"numberOfResults": len(skus), "pagination": after, "items": items})

    def get(self, sku: str, request: Request) -> Response:
        if sku in self.odd:
            return _errors(403, "Unauthorized", DENIED, "")
        if sku not in self.skus():
            return _errors(404, "NOT_FOUND", f"SKU '{sku}' not found in marketplace {self.marketplace_id}", "")
        return JSONResponse(self.listing(sku, request.query_params.get("includedData", "summaries")))

    # --- writing ---

    def patch(self, sku: str, body: Any, fault: str) -> Response:
        """Accept a merge of quantities; it takes effect ``takes_s`` later."""
        if sku in self.odd or self.read_only:
            return _errors(403, "Unauthorized", DENIED, "")
        if fault == "throttled":
            return self.quota_exceeded()
        rows = _rows(body)
        if rows is None:
            return _errors(400, "InvalidInput", "Request has missing or invalid parameters and cannot be parsed.", "")
        submission = uuid.uuid4().hex
        told: dict[str, Any] = {"sku": sku, "status": "ACCEPTED", "submissionId": submission, "issues": []}
        is_valid = all(type(row.get("quantity")) is int and row["quantity"] >= 0 for row in rows)
        if fault == "partial" or not is_valid or not all(row.get("fulfillment_channel_code") for row in rows):
            return JSONResponse(
                told | {"status": "INVALID", "issues": [issue("90000900", "The attributes are invalid.")]}
            )
        self.submitted |= {(sku, row["fulfillment_channel_code"]): row["quantity"] for row in rows}
        timer = threading.Timer(self.takes_s, self._process, (sku, rows, submission))
        timer.daemon = True
        timer.start()
        return JSONResponse(told)

    def _process(self, sku: str, rows: list[dict[str, Any]], submission: str) -> None:
        if sku in self.will_fail:
            self.issues.setdefault(sku, []).append(issue("99001", "A value is required for the shipping group."))
            return
        with self.book.lock:
            if sku not in self.skus():
                self.begun.add(sku)
            for row in rows:
                key = (sku, row["fulfillment_channel_code"])
                if key in self.book.numbers:
                    self.book.set(key, row["quantity"], submission)


def issue(code: str, message: str, attribute: str = ATTRIBUTE) -> dict[str, Any]:
    """An issue that has stopped a submission."""
    return {
        "code": code, "message": message, "severity": "ERROR", "attributeNames": [attribute],
        "categories": ["INVALID_ATTRIBUTE"],
    }  # fmt: skip


def _rows(body: Any) -> list[dict[str, Any]] | None:
    """Values of a patch that merges quantities; None when it is no such patch."""
    patches = body.get("patches") if isinstance(body, dict) and isinstance(body.get("productType"), str) else None
    if not isinstance(patches, list) or len(patches) != 1 or not isinstance(patches[0], dict):
        return None
    patch = patches[0]
    if patch.get("op") != "merge" or patch.get("path") != f"/attributes/{ATTRIBUTE}":
        return None
    value = patch.get("value")
    return value if isinstance(value, list) and value and all(isinstance(row, dict) for row in value) else None


def _errors(status: int, code: str, message: str, details: str) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": message, "details": details}]}, status)


def build(
    book: Book, faults: VendorFaults, *, seller_id: str, marketplace_id: str, login: Mapping[str, str]
) -> FastAPI:
    """The ASGI app of both servers; ``app.state.seller`` is the account.

    ``login``: client_id, client_secret and refresh_token.
    """
    seller = Seller(book, seller_id, marketplace_id, dict(login))
    app = FastAPI(openapi_url=None)
    app.state.seller = seller

    @app.post("/auth/o2/token")
    async def issue_token(request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.pop("grant_type", "") != "refresh_token" or form.get("refresh_token") != login["refresh_token"]:
            return JSONResponse(
                {"error": "invalid_grant", "error_description": "The request has an invalid grant"}, 400
            )
        if form != dict(login):
            return JSONResponse({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        token = "Atza|" + secrets.token_urlsafe(48)
        with seller.lock:
            seller.tokens[token] = True
        told = {"access_token": token, "refresh_token": login["refresh_token"], "token_type": "bearer"}
        return JSONResponse(told | {"expires_in": TOKEN_LIFE_S})

    def answered(answer: Response) -> Response:
        answer.headers[RATE_HEADER] = str(seller.rate)
        return answer

    @app.get(ITEMS)
    def search(seller_id: str, request: Request) -> Response:
        return answered(seller.turned_away("search", seller_id, request) or seller.search(request))

    @app.get(ITEMS + "/{sku:path}")
    def get(seller_id: str, sku: str, request: Request) -> Response:
        return answered(seller.turned_away("get", seller_id, request) or seller.get(sku, request))

    @app.patch(ITEMS + "/{sku:path}")
    async def patch(seller_id: str, sku: str, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if away := seller.turned_away("patch", seller_id, request):
            return answered(away)
        return answered(await faults.around(request, lambda fault: seller.patch(sku, body, fault)))

    return app
