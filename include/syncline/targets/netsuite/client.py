"""NetSuite's inventory adjustments: one document is one upsert under our external id (SuiteTalk REST)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import fastjsonschema
from pydantic import Field

from syncline.errors import SynclineError
from syncline.partner_http import NoAuth
from syncline.targets.answers import broken, checked, integral, not_taken, read, unconfirmed
from syncline.targets.contract import Capabilities, Document, DocumentAnswer, LineAnswer, Shown
from syncline.targets.http import NOT_ANSWERED, LoginRefused, TargetHttp
from syncline.targets.netsuite.answers import (
    ROWS_MAX,
    WAIT_S,
    check_unit,
    is_absent,
    is_throttled,
    read_again,
    read_found,
    read_saved,
    validate_rows,
)
from syncline.targets.netsuite.login import private_key, signed_login
from syncline.targets.opening import https_url
from syncline.targets.options import Options, needed, read_options
from syncline.targets.reading import CODE_MAX, answered_alike, checked_by_reading, not_answered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.contract import Check, Found, Key, Line
    from syncline.targets.governance.governor import Governor
    from syncline.targets.netsuite.login import PrivateKey

RECORDS = "/services/rest/record/v1/inventoryAdjustment"
SUITEQL = "/services/rest/query/v1/suiteql"
ITEMS_A_QUERY = 100
SHORTEST_S = 0.1
PAGES_MAX = 100  # NetSuite's own end is at 100,000 rows

UNCONFIRMED = (
    "a repeated PUT with ?replace=inventory leaves the lines of the last body alone (the parameter is described by"
    " others, not tried)",
    "two PUTs of one external id at the same time make one record; what the second one is told then",
    "an external id of 64 characters is kept whole",
    "a line's memo is kept and shown as it was sent",
    "a document without tranDate gets the account's current date, and keeps it when it is repeated",
    "the GET with expandSubResources shows up to 100 lines in one page",
    "AggregateItemLocation has a row for each item and location, and counts in the unit that adjustQtyBy is in",
    "item.stockunit is the unit of quantityonhand, and a line's units is shown as it was sent (options.unit)",
    "over the concurrency limit REST answers a code of the RESTlet or SOAP pages, by 400 or 429",
    "RCRD_HAS_BEEN_CHANGED and INSUFFICIENT_PERMISSION are the codes of REST too, and nothing was saved then",
    "a missing record is 404 with NONEXISTENT_ID",
)

Id = Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]  # an internal id


class NetSuiteOptions(Options):
    """Internal ids of what every adjustment is booked on. ``location``: the document's own, beside its lines'.

    ``unit``: the stock unit of every item here; None: nobody looks.
    """

    account: Id
    subsidiary: Id | None = None
    location: Id | None = None
    department: Id | None = None
    unit: Id | None = None
    memo: str = Field(default="Syncline", pattern=r"^[A-Za-z0-9 ._:/-]{1,40}$")


class NetSuiteClient:
    """Items and locations are internal ids. ``base_url`` is the account's own SuiteTalk address.

    The external id of a document is its key: sent again it is the same record, saved again with the same lines ("Using
    the Upsert Operation", section_156335203191). Another body would change the record, so it is looked at first: what
    is there with our lines is not saved again, and with others it is not touched. X-NetSuite-Idempotency-Key is ignored
    on synchronous calls, so it is not sent.
    """

    capabilities = Capabilities("delta", key="document", finds=True, is_atomic=True, lines_max=100)

    def __init__(
        self,
        target: str,
        base_url: str,
        client_id: str,
        certificate_id: str,
        key: tuple[PrivateKey, str],
        options: NetSuiteOptions,
        call_s: float = 10.0,
        not_executed: Sequence[int] = (),
        governor: Governor | None = None,
    ) -> None:
        self._tokens = TargetHttp(target, base_url, NoAuth(), governor)
        login = signed_login(self._tokens, base_url, client_id, certificate_id, key)
        self._http = TargetHttp(target, base_url, login, governor)
        self._target, self._options, self._call_s, self._not_executed = target, options, call_s, frozenset(not_executed)

    def close(self) -> None:
        self._http.close()

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Save the adjustment, or save it again; see the class."""
        strangers = [line for line in document.lines if not (is_id(line.item) and is_id(line.location))]
        if strangers:
            return not_taken(document, strangers, "not_an_id")
        ends_s = time.monotonic() + timeout_s
        try:
            saved = self._saved(document, timeout_s)
        except LoginRefused as error:
            return not_answered(document, error)
        except SynclineError as error:  # only read so far
            line = LineAnswer("not_executed", "not_read", {"why": error.message[:CODE_MAX]})
            return replace(answered_alike(document, line, None), retry_after_s=getattr(error, "retry_after_s", None))
        if saved is not None:
            return read_again(document, saved, self._options.unit)
        timeout_s = max(SHORTEST_S, ends_s - time.monotonic())
        try:
            answer = self._http.call(
                "PUT", f"{RECORDS}/eid:{document.key}", timeout_s=timeout_s, params={"replace": "inventory"},
                body=self._body(document),
            )  # fmt: skip
        except NOT_ANSWERED as error:
            return not_answered(document, error)
        if is_throttled(answer):
            self._http.governor.pause(answer.retry_after_s or WAIT_S)
        return read_saved(document, answer, self._not_executed)

    def _saved(self, document: Document, timeout_s: float) -> Any:
        """The record of a document's key, or None. Errors as ``answers.read``."""
        return read(
            self._http, "GET", f"{RECORDS}/eid:{document.key}", timeout_s=timeout_s,
            params={"expandSubResources": "true"}, is_throttled=is_throttled, is_absent=is_absent,
        )  # fmt: skip

    def _body(self, document: Document) -> dict[str, Any]:
        options = self._options
        head = {
            "account": options.account,
            "subsidiary": options.subsidiary,
            "adjLocation": options.location,
            "department": options.department,
        }
        return {
            **{name: {"id": value} for name, value in head.items() if value},
            "memo": options.memo,
            "inventory": {
                "items": [
                    {
                        "item": {"id": line.item},
                        "location": {"id": line.location},
                        "adjustQtyBy": line.quantity,
                        "memo": line.reference,
                    }
                    | ({"units": {"id": options.unit}} if options.unit else {})
                    for line in document.lines
                ]
            },
        }

    def find(self, lines: Sequence[Line]) -> Mapping[str, Sequence[Found]]:
        """Effects of one document. ``lines`` are all of it: they make the key that it is looked up by.

        Errors as ``answers.read``.
        """
        if not lines:
            return {}
        body = self._saved(Document(tuple(lines)), self._call_s)
        return {} if body is None else read_found(self._target, lines, body, self._options.unit)

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        """On hand by item and location, as SuiteQL counts it. Errors as ``answers.read``."""
        wanted = {key for key in keys if all(is_id(part) for part in key)}
        items = sorted({item for item, _ in wanted})
        shown: dict[Key, Shown] = {}
        for start in range(0, len(items), ITEMS_A_QUERY):
            some = items[start : start + ITEMS_A_QUERY]
            locations = sorted({location for item, location in wanted if item in some})
            for key, quantity in self._on_hand(some, locations):
                if key in shown:
                    raise broken(self._target, f"shows item {key[0]} at location {key[1]} twice")
                shown[key] = Shown(quantity)
        return {key: shown[key] for key in keys if key in shown}

    def _on_hand(self, items: Sequence[str], locations: Sequence[str]) -> Iterator[tuple[Key, int]]:
        # Only digits go into the text: a query has no parameters by REST. Null is a key that never had stock.
        unit = self._options.unit
        query = (
            f"SELECT a.item, a.location, NVL(a.quantityonhand, 0) AS quantityonhand{', i.stockunit' if unit else ''}"
            f" FROM aggregateitemlocation a{' INNER JOIN item i ON i.id = a.item' if unit else ''}"
            f" WHERE a.item IN ({', '.join(items)}) AND a.location IN ({', '.join(locations)})"
            " ORDER BY a.item, a.location"
        )
        for page in range(PAGES_MAX):
            body = read(
                self._http, "POST", SUITEQL, timeout_s=self._call_s, body={"q": query},
                params={"limit": ROWS_MAX, "offset": page * ROWS_MAX}, headers={"Prefer": "transient"},
                is_throttled=is_throttled,
            )  # fmt: skip
            try:
                validate_rows(body)
                for row in body["items"]:
                    check_unit(row["item"], row.get("stockunit"), unit)
                    yield (str(integral(row["item"])), str(integral(row["location"]))), integral(row["quantityonhand"])
            except (fastjsonschema.JsonSchemaValueException, ValueError) as error:
                raise broken(self._target, f"answers a query with other rows than asked: {error}") from None
            if not body["hasMore"]:
                return
            if not body["items"]:
                raise broken(self._target, "answers a query with an empty page that promises more")
        raise broken(self._target, f"has more than {PAGES_MAX * ROWS_MAX} rows for {len(items)} items")

    def check(self) -> list[Check]:
        """Log in, count one key, list one adjustment. That we may create one shows only when we do."""
        stock = checked_by_reading(lambda: self.show([("1", "1")]))
        checks = [stock]
        if stock.is_well:
            checks.append(
                checked("adjustments", self._list_one, "adjustments can be looked up; creating one is untried")
            )
        return checks + unconfirmed(UNCONFIRMED)

    def _list_one(self) -> None:
        read(self._http, "GET", RECORDS, timeout_s=self._call_s, params={"limit": 1}, is_throttled=is_throttled)


def is_id(text: str) -> bool:
    """An internal id: digits."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> NetSuiteClient:
    """See ``syncline.targets.adapters``. The connection: host, login (client id), password (private key as PEM),
    extra.certificate_id."""
    options = read_options(target, NetSuiteOptions)
    return NetSuiteClient(
        target.name,
        https_url(target, connection),
        needed(target, connection, "login"),
        needed(target, connection, "extra.certificate_id"),
        private_key(target.name, needed(target, connection, "password")),
        options,
        float(target.timeout_s),
        target.not_executed,
        governor,
    )
