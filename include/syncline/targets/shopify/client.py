"""A shop at Shopify as an adapter.

Pages: inventorySetQuantities, inventoryAdjustQuantities, "Making idempotency mandatory", "Implementing idempotency",
"Using the client credentials grant". Recorded answers: counterparts of version 2026-04.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from syncline.errors import RetryableError, SynclineError
from syncline.partner_http import HeaderAuth, NoAuth
from syncline.targets.contract import Capabilities, Check, Document, DocumentAnswer, LineAnswer
from syncline.targets.http import NOT_ANSWERED, OtherVersion, TargetHttp
from syncline.targets.oauth import OAuth2
from syncline.targets.opening import checked_style, header_text, https_url
from syncline.targets.options import Options, needed, read_options
from syncline.targets.reading import answered_alike, not_answered
from syncline.targets.shopify.answers import Asked, read_answer
from syncline.targets.shopify.api import TOKEN_HEADER, TOKEN_PATH, AdminApi
from syncline.targets.shopify.showing import gid, show_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from requests.auth import AuthBase

    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.contract import Key, Line, Shown
    from syncline.targets.governance.governor import Governor
    from syncline.targets.shopify.api import Told

LINES_MAX = 250  # "Input arguments that accept an array have a maximum size of 250"
# "The retention window is 24 hours from the original request"; an hour of it is kept back for clocks that differ.
KEY_RETENTION_S = 23 * 3600
SCOPES = ("read_inventory", "write_inventory", "read_locations")
UNCONFIRMED: tuple[str, ...] = (
    "how long a key is remembered: 24 hours, as others quote the page; we count on 23",
    "a document of which one line is refused changes nothing: seen for one line only, so not declared",
    "what a repeated key answers after an attempt that failed: IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED by the enum's text",
    "a key may be any text; ours is a UUID made of the document",
    "referenceDocumentUri takes our own scheme",
    "the cost of reading: 3 points an item; the answers' own figures are used",
)

_ROWS = {"set": ("inventorySetQuantities", "quantities"), "delta": ("inventoryAdjustQuantities", "changes")}
RIGHTS = "query Rights { shop { id } currentAppInstallation { accessScopes { handle } } }"


class ShopifyOptions(Options):
    """``writes``: set by compare, or delta without. ``quantity_name``: which of Shopify's numbers is the target's."""

    writes: Literal["set", "delta"] = "set"
    quantity_name: Literal["available", "on_hand"] = "available"
    reason: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")] = "correction"


class ShopifyClient:
    """An item is an inventory item's id and a location a location's id, each as a number or as Shopify's gid."""

    def __init__(
        self,
        target: str,
        base_url: str,
        auth: AuthBase,
        options: ShopifyOptions,
        timeout_s: float,
        token_http: TargetHttp | None = None,
        governor: Governor | None = None,
    ) -> None:
        self._target, self._options, self._timeout_s = target, options, timeout_s
        self._api, self._token_http = AdminApi(target, base_url, auth, governor), token_http
        self.capabilities = Capabilities(
            options.writes,
            key="document",
            key_retention_s=KEY_RETENTION_S,
            compare="value" if options.writes == "set" else "none",
            lines_max=LINES_MAX,
        )

    def close(self) -> None:
        self._api.close()
        if self._token_http is not None:
            self._token_http.close()

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """One mutation for all lines, under the document's key."""
        ends_s = time.monotonic() + timeout_s
        unsendable = {line.reference: why for line in document.lines if (why := self._unsendable(line))}
        if unsendable:
            return _kept(document, unsendable)
        try:
            self._api.prove_version(timeout_s)
        except SynclineError as error:  # only a query was sent
            return _not_begun(document, error)
        asked = self._asked(document)
        try:
            told = self._api.call(
                _mutation(asked.field), self._variables(document, asked), max(0.001, ends_s - time.monotonic())
            )
        except NOT_ANSWERED as error:
            return not_answered(document, error)
        return read_answer(document, asked, told)

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        """The number at each key. Errors as ``AdminApi.read``."""
        return show_numbers(self._api, self._target, keys, self._options.quantity_name, self._timeout_s)

    def check(self) -> list[Check]:
        """Login, version and rights by one query."""
        checks = []
        try:
            told = self._api.read(RIGHTS, {}, self._timeout_s)
        except OtherVersion as error:
            checks.append(Check("version", False, error.message, is_other_version=True))
        except SynclineError as error:
            checks.append(Check("read", False, str(error)))
        else:
            checks += [Check("read", True, "connection, login and API version are well"), _rights(told)]
        return checks + [Check("unconfirmed", True, each) for each in UNCONFIRMED]

    def _unsendable(self, line: Line) -> str:
        if not gid("InventoryItem", line.item) or not gid("Location", line.location):
            return "no_id"
        # Without it the set would go uncompared, over whatever others did.
        return "not_shown" if self._options.writes == "set" and line.shown is None else ""

    def _asked(self, document: Document) -> Asked:
        field, list_name = _ROWS[self._options.writes]
        rows = tuple(
            (gid("InventoryItem", line.item), gid("Location", line.location), line.quantity - self._base(line))
            for line in document.lines
        )
        return Asked(field, list_name, self._options.quantity_name, f"syncline://documents/{document.key}", rows)

    def _base(self, line: Line) -> int:
        return (line.shown or 0) if self._options.writes == "set" else 0

    def _variables(self, document: Document, asked: Asked) -> dict[str, Any]:
        # Shopify takes the order of fields for a part of the body that a key stands for: keep it.
        is_set = self._options.writes == "set"
        rows = [
            {
                "inventoryItemId": item,
                "locationId": location,
                "quantity" if is_set else "delta": line.quantity,
                "changeFromQuantity": line.shown if is_set else None,
            }
            for line, (item, location, _) in zip(document.lines, asked.rows, strict=True)
        ]
        return {
            "input": {
                "name": self._options.quantity_name,
                "reason": self._options.reason,
                "referenceDocumentUri": asked.document_uri,
                asked.list_name: rows,
            },
            # The page wants a UUID: 122 bits of the document's key keep documents apart.
            "key": str(uuid.UUID(hex=document.key[:32], version=5)),
        }


def _mutation(field: str) -> str:
    kind = field[0].upper() + field[1:] + "Input"
    return (
        f"mutation Correct($input: {kind}!, $key: String!) {{ {field}(input: $input) @idempotent(key: $key) {{ "
        "inventoryAdjustmentGroup { referenceDocumentUri changes { name delta item { id } location { id } } } "
        "userErrors { code field message } } }"
    )


def _kept(document: Document, unsendable: Mapping[str, str]) -> DocumentAnswer:
    """Nothing was sent: the lines that cannot be are refused, the others go without them."""
    lines = {
        line.reference: LineAnswer("refused", unsendable[line.reference])
        if line.reference in unsendable
        else LineAnswer("not_executed", "not_sent")
        for line in document.lines
    }
    return DocumentAnswer(None, lines)


def _not_begun(document: Document, error: SynclineError) -> DocumentAnswer:
    why = LineAnswer("not_executed", "not_begun", {"why": error.message[:60]})
    wait_s = error.retry_after_s if isinstance(error, RetryableError) else None
    answer = answered_alike(document, why, None)
    return DocumentAnswer(None, answer.lines, wait_s, silent=isinstance(error, RetryableError))


def _rights(told: Told) -> Check:
    installation = (told.data or {}).get("currentAppInstallation")
    scopes = installation.get("accessScopes") if isinstance(installation, dict) else None
    granted = {each.get("handle") for each in scopes if isinstance(each, dict)} if isinstance(scopes, list) else set()
    # The right to write is the right to read, too.
    missing = [name for name in SCOPES if name not in granted and name.replace("read_", "write_") not in granted]
    if missing:
        return Check("rights", False, f"the app lacks {', '.join(missing)}: grant it and install the app again")
    return Check("rights", True, "the app may read locations, and read and write inventory")


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> ShopifyClient:
    """See ``syncline.targets.adapters``. Without a login the password is an access token that stays."""
    options = read_options(target, ShopifyOptions)
    checked_style(target, options.writes)
    base_url = https_url(target, connection)
    if not connection.login:
        auth = HeaderAuth(TOKEN_HEADER, header_text(target, connection, "password"))
        return ShopifyClient(target.name, base_url, auth, options, float(target.timeout_s), governor=governor)
    form = {
        "grant_type": "client_credentials",
        "client_id": needed(target, connection, "login"),
        "client_secret": needed(target, connection, "password"),
    }
    token_http = TargetHttp(target.name, base_url, NoAuth(), governor)
    token = OAuth2(token_http, TOKEN_PATH, lambda: form, header=TOKEN_HEADER)
    return ShopifyClient(target.name, base_url, token, options, float(target.timeout_s), token_http, governor)
