"""SAP S/4HANA's material documents: one document is one deep insert (API_MATERIAL_DOCUMENT_SRV, SAP_COM_0108)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from requests.auth import HTTPBasicAuth

from syncline.clock import Clock, clock_from_env
from syncline.errors import PartnerUnavailable
from syncline.targets.answers import checked, not_taken, read, unconfirmed
from syncline.targets.contract import Capabilities, Document, DocumentAnswer, Shown
from syncline.targets.http import NOT_ANSWERED, NotSent, TargetHttp
from syncline.targets.oauth import OAuth2
from syncline.targets.opening import https_url
from syncline.targets.options import needed, read_options
from syncline.targets.reading import checked_by_reading, not_answered
from syncline.targets.sap_s4.answers import (
    HEADER_FIELDS,
    ITEM_FIELDS,
    ROWS_MAX,
    STOCK_FIELDS,
    header_text,
    item_text,
    read_headers,
    read_items,
    read_posted,
    read_stock,
)
from syncline.targets.sap_s4.odata import ROOT, Gateway, either, literal
from syncline.targets.sap_s4.options import SapOptions, is_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from requests.auth import AuthBase

    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.contract import Check, Found, Key, Line
    from syncline.targets.governance.governor import Governor

DOCUMENTS = "API_MATERIAL_DOCUMENT_SRV"
STOCK = "API_MATERIAL_STOCK_SRV"
UNRESTRICTED = "01"
TERMS_A_FILTER = 20  # a filter stands in the address, whose length gateways bound

UNCONFIRMED = (
    'lock messages are M3/021 to M3/024, M3/682, M3/683 with "locked by", by 400, and nothing was posted then',
    "every other 4xx in SAP's form means that nothing was posted",
    "MaterialDocumentItemText can be filtered on (the service's metadata does not forbid it)",
    "DebitCreditCode is S for a receipt and H for an issue",
    "a material document is there to be found once it was answered 201 (the update may lag: lag_s of the target)",
    "A_MatlStkInAcctMod keeps a row of 0 for a key that is sold out; without one the key counts as unknown",
    "RequestID and RepeatabilityCreation may be enabled on your system; they are not sent and not relied on",
)


class SapClient:
    """An item is a material as SAP shows it, a location is ``PLANT/STORAGELOCATION``.

    A material document has no key and no version: what was sent is found again by the header's text (our document) or
    the item's text (our line). Shown is unrestricted stock without special stock, summed over batches.
    """

    capabilities = Capabilities("delta", finds=True, is_atomic=True, lines_max=50)

    def __init__(
        self,
        target: str,
        http: TargetHttp,
        options: SapOptions,
        call_s: float = 10.0,
        not_executed: Sequence[int] = (),
        clock: Clock | None = None,
        tokens: TargetHttp | None = None,
    ) -> None:
        self._gateway = Gateway(http, options.client)
        self._target, self._options, self._call_s = target, options, call_s
        self._not_executed, self._clock, self._tokens = frozenset(not_executed), clock or Clock(), tokens
        self._zone = ZoneInfo(options.time_zone)

    def close(self) -> None:
        self._gateway.http.close()
        if self._tokens:
            self._tokens.close()

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Post one material document."""
        strangers = [line for line in document.lines if not is_key((line.item, line.location))]
        if strangers:
            return not_taken(document, strangers, "not_a_key")
        try:
            answer = self._gateway.post(DOCUMENTS, "A_MaterialDocumentHeader", self._body(document), timeout_s)
        except NOT_ANSWERED as error:
            return not_answered(document, error)
        return read_posted(document, answer, self._not_executed, self._options.unit)

    def _body(self, document: Document) -> dict[str, Any]:
        posted_on = self._clock.now().astimezone(self._zone).date()
        return {
            "GoodsMovementCode": self._options.goods_movement_code,
            "PostingDate": f"{posted_on.isoformat()}T00:00:00",  # as in KBA 3027233
            "MaterialDocumentHeaderText": header_text(document),
            "to_MaterialDocumentItem": [self._item(line) for line in document.lines],
        }

    def _item(self, line: Line) -> dict[str, str]:
        plant, _, storage = line.location.partition("/")
        options = self._options
        more = {"CostCenter": options.cost_center, "GoodsMovementReasonCode": options.reason}
        return {
            "Material": line.item,
            "Plant": plant,
            "StorageLocation": storage,
            "GoodsMovementType": options.increase if line.quantity > 0 else options.decrease,
            "QuantityInEntryUnit": str(abs(line.quantity)),
            "EntryUnit": options.unit,
            "MaterialDocumentItemText": item_text(line),
        } | {name: value for name, value in more.items() if value}

    def find(self, lines: Sequence[Line]) -> Mapping[str, Sequence[Found]]:
        """Effects by reference, by the lines' own texts; errors as ``answers.read``.

        What that does not find is looked for in the document that ``lines`` make together: in one of ours a key stands
        once, so it tells the line where a text was not kept.
        """
        found: dict[str, list[Found]] = {}
        for start in range(0, len(lines), TERMS_A_FILTER):
            some = lines[start : start + TERMS_A_FILTER]
            items = self._items(either([f"MaterialDocumentItemText eq {literal(item_text(line))}" for line in some]))
            for line in some:
                if named := [effect for text, effect in items if text == item_text(line)]:
                    found[line.reference] = named
        missing = [line for line in lines if line.reference not in found]
        textless = [effect for text, effect in self._document_items(lines) if not text] if missing else []
        for line in missing:
            if named := [effect for effect in textless if (effect.item, effect.location) == (line.item, line.location)]:
                found[line.reference] = named
        return found

    def _document_items(self, lines: Sequence[Line]) -> list[tuple[str, Found]]:
        condition = f"MaterialDocumentHeaderText eq {literal(header_text(Document(tuple(lines))))}"
        body = self._read(DOCUMENTS, "A_MaterialDocumentHeader", condition, HEADER_FIELDS)
        items: list[tuple[str, Found]] = []
        for number, year in read_headers(self._target, body):
            items += self._items(f"MaterialDocument eq {literal(number)} and MaterialDocumentYear eq {literal(year)}")
        return items

    def _items(self, condition: str) -> list[tuple[str, Found]]:
        body = self._read(DOCUMENTS, "A_MaterialDocumentItem", condition, ITEM_FIELDS)
        return read_items(self._target, body, self._options.unit)

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        """Unrestricted stock. Errors as ``answers.read``."""
        wanted = sorted({key for key in keys if is_key(key)})
        shown: dict[Key, int] = {}
        for start in range(0, len(wanted), TERMS_A_FILTER):
            some = wanted[start : start + TERMS_A_FILTER]
            condition = (
                f"({either([_is_stock_of(key) for key in some])}) and InventoryStockType eq '{UNRESTRICTED}'"
                " and InventorySpecialStockType eq ''"
            )
            body = self._read(STOCK, "A_MatlStkInAcctMod", condition, STOCK_FIELDS)
            for key, quantity in read_stock(self._target, body, self._options.unit):
                shown[key] = shown.get(key, 0) + quantity
        return {key: Shown(shown[key]) for key in keys if key in shown}

    def _read(self, service: str, entity: str, condition: str, fields: str, top: int = ROWS_MAX) -> Any:
        params = self._gateway.params | {"$select": fields, "$top": top} | ({"$filter": condition} if condition else {})
        return read(
            self._gateway.http, "GET", f"{ROOT}{service}/{entity}", timeout_s=self._call_s,
            params=params, headers=self._gateway.headers,
        )  # fmt: skip

    def check(self) -> list[Check]:
        """Count one key, list one document, fetch a token for changes. That we may post shows only when we do."""
        checks = [checked_by_reading(lambda: self.show([("0", "0/0")]))]
        if checks[0].is_well:
            checks += [
                checked("documents", self._list_one, "can be looked up"),
                checked("token", self._fetch_token, "changes are let in; posting one is untried"),
            ]
        return checks + unconfirmed(UNCONFIRMED)

    def _list_one(self) -> None:
        body = self._read(DOCUMENTS, "A_MaterialDocumentHeader", "", HEADER_FIELDS, top=1)
        read_headers(self._target, body)

    def _fetch_token(self) -> None:
        try:
            self._gateway.fetch_token(DOCUMENTS, self._call_s)
        except NotSent as error:
            raise PartnerUnavailable(error.message, next_step=error.next_step, target=self._target) from None


def _is_stock_of(key: Key) -> str:
    plant, _, storage = key[1].partition("/")
    return f"Material eq {literal(key[0])} and Plant eq {literal(plant)} and StorageLocation eq {literal(storage)}"


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> SapClient:
    """See ``syncline.targets.adapters``. The connection: host, login and password: a communication user's, or a
    client's of OAuth 2."""
    options = read_options(target, SapOptions)
    base_url = https_url(target, connection)
    login, password = needed(target, connection, "login"), needed(target, connection, "password")
    # As bytes: as text a sign outside of Latin-1 could not be sent.
    auth: AuthBase = HTTPBasicAuth(login.encode(), password.encode())
    tokens = None
    if options.login == "oauth2":
        tokens = TargetHttp(target.name, base_url, auth, governor)
        auth = OAuth2(tokens, options.token_path, lambda: {"grant_type": "client_credentials"})
    return SapClient(
        target.name,
        TargetHttp(target.name, base_url, auth, governor),
        options,
        float(target.timeout_s),
        target.not_executed,
        clock_from_env(),
        tokens,
    )
