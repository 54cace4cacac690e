"""A seller's listings at Amazon as an adapter.

Pages: "Merge a listing" (quantity alone, lead time stays), model listingsItems_2021-08-01, "Connect to the SP-API".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from pydantic import Field

from syncline.errors import SynclineError
from syncline.targets.amazon_sp.answers import ATTRIBUTE, read_back, read_submission
from syncline.targets.amazon_sp.api import ITEMS_PATH, SpApi, told_error
from syncline.targets.amazon_sp.showing import is_sku, numbers_of, show_numbers
from syncline.targets.contract import Capabilities, Check, Document, DocumentAnswer, LineAnswer
from syncline.targets.http import NOT_ANSWERED, OK
from syncline.targets.opening import checked_style, https_url
from syncline.targets.options import Options, needed, read_options
from syncline.targets.reading import not_answered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.contract import Key, Line, Shown
    from syncline.targets.governance.governor import Governor

TOKEN_URL = "https://api.amazon.com"
FORBIDDEN = 403
SHORTEST_S = 0.1
FBA = "AMAZON_"  # channels whose stock Amazon counts: read-only
UNCONFIRMED: tuple[str, ...] = (
    "fulfillmentAvailability is the number in effect and attributes the submitted one: said by Amazon's staff, no page",
    "how long an accepted submission may take: minutes, as sellers tell; life_s and refused_after_s must cover it",
    "submissions for one SKU take effect in the order in which they were accepted",
    "an ERROR about fulfillment_availability that stands refused_after_s after acceptance is about our submission",
    "a PATCH of an unknown SKU is accepted and begins a listing: told by sellers, so a line without a reading is kept",
    "productType PRODUCT may be sent for any listing: told by sellers",
    "SKUs with a slash or a hash are refused with 403, as sellers tell: for reading as for writing",
    "searchListingsItems lags behind getListingsItem by no more than lag_s",
)


class AmazonOptions(Options):
    """``refused_after_s``: from when on an error on the listing is about our submission; see ``answers``."""

    seller_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{5,30}$")]
    marketplace_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{5,30}$")]
    product_type: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,79}$")] = "PRODUCT"
    refused_after_s: int = Field(default=300, ge=1, le=86_400)


class AmazonClient:
    """An item is a seller's SKU, a location a fulfilment channel's code, such as DEFAULT."""

    capabilities = Capabilities("set", answers_later=True, lines_max=1)

    def __init__(self, target: str, api: SpApi, options: AmazonOptions, *, sole_writer: bool, timeout_s: float) -> None:
        self._target, self._api, self._options = target, api, options
        self._sole_writer, self._timeout_s = sole_writer, timeout_s

    def close(self) -> None:
        self._api.close()

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Hand over the number of one listing."""
        if len(document.lines) != 1:
            return _kept(document, LineAnswer("not_executed", "one_line_a_call"))
        (line,) = document.lines
        if why := _unsendable(line):
            return _kept(document, LineAnswer("refused", why))
        value = {"fulfillment_channel_code": line.location, "quantity": line.quantity}
        body = {
            "productType": self._options.product_type,
            "patches": [{"op": "merge", "path": f"/attributes/{ATTRIBUTE}", "value": [value]}],
        }
        params = {"marketplaceIds": self._options.marketplace_id, "includedData": "issues"}
        ends_s = time.monotonic() + timeout_s
        try:
            answer = self._api.call("PATCH", self._path(line.item), timeout_s, params, body)
        except NOT_ANSWERED as error:
            return not_answered(document, error)
        is_told = answer.status_code == FORBIDDEN and told_error(answer.body)[0]
        if is_told and self._is_sku_at_fault(line.item, ends_s - time.monotonic()):
            return _kept(document, LineAnswer("refused", "sku_refused", {"status": FORBIDDEN}))
        return read_submission(document, answer)

    def _is_sku_at_fault(self, sku: str, left_s: float) -> bool:
        """Whether a 403 is the SKU's: its listing is refused to be read, too, while the same login reads others.

        Amazon answers so for SKUs with a slash or a hash, and for a login without the right; only one of them ends.
        """
        params: dict[str, str | int] = {"marketplaceIds": self._options.marketplace_id}
        call_s = max(SHORTEST_S, left_s / 2)
        try:
            own = self._api.call("GET", self._path(sku), call_s, params)
            if own.status_code != FORBIDDEN or not told_error(own.body)[0]:
                return False
            others = self._api.read(f"{ITEMS_PATH}/{self._options.seller_id}", params | {"pageSize": 1}, call_s)
        except SynclineError:
            return False
        return others.status_code == OK

    def poll(self, job: str, document: Document) -> DocumentAnswer | None:
        """Read the listing back; what that proves is said in ``answers``. Raises as ``SpApi.read``."""
        (line,) = document.lines
        params = {"marketplaceIds": self._options.marketplace_id, "includedData": "issues,fulfillmentAvailability"}
        answer = self._api.read(self._path(line.item), params, self._timeout_s)
        if answer.status_code != 200:
            return None  # not there: that the number was set, or never will be, is not proven
        shown = numbers_of(self._target, answer.body) if answer.body.get("sku") == line.item else {}
        return read_back(
            job, document, answer, shown,
            sole_writer=self._sole_writer, refused_after_s=self._options.refused_after_s,
        )  # fmt: skip

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        """The number in effect. Raises as ``SpApi.read``."""
        options = self._options
        return show_numbers(
            self._api, self._target, options.seller_id, options.marketplace_id, keys, self._timeout_s
        )  # fmt: skip

    def check(self) -> list[Check]:
        """One listing is read: login, role, seller and marketplace. The right to write has no call without effect."""
        params: dict[str, str | int] = {"marketplaceIds": self._options.marketplace_id, "pageSize": 1}
        try:
            self._api.read(f"{ITEMS_PATH}/{self._options.seller_id}", params, self._timeout_s)
        except SynclineError as error:
            read = Check("read", False, str(error))
        else:
            read = Check("read", True, "connection, login, Product Listing role, seller and marketplace are well")
        return [read, *(Check("unconfirmed", True, each) for each in UNCONFIRMED)]

    def _path(self, sku: str) -> str:
        return f"{ITEMS_PATH}/{self._options.seller_id}/{quote(sku, safe='')}"


def _kept(document: Document, line: LineAnswer) -> DocumentAnswer:
    """Nothing was sent."""
    return DocumentAnswer(None, {sent.reference: line for sent in document.lines})


def _unsendable(line: Line) -> str:
    if not is_sku(line.item):
        return "no_sku"
    if line.location.startswith(FBA):
        return "fba_is_read_only"
    if line.quantity < 0:
        return "negative"
    # A listing that was never read may not be there, and a PATCH would begin one.
    return "not_shown" if line.shown is None else ""


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> AmazonClient:
    """See ``syncline.targets.adapters``."""
    options = read_options(target, AmazonOptions)
    checked_style(target, AmazonClient.capabilities.writes)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": needed(target, connection, "extra.refresh_token"),
        "client_id": needed(target, connection, "login"),
        "client_secret": needed(target, connection, "password"),
    }
    token_url = https_url(target, connection, "extra.token_url") if "token_url" in connection.extra else TOKEN_URL
    api = SpApi(target.name, https_url(target, connection), token_url, form, governor)
    return AmazonClient(
        target.name, api, options, sole_writer=target.sole_writer, timeout_s=float(target.timeout_s)
    )  # fmt: skip
