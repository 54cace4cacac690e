"""Tryton as a target: deltas as internal shipments between a storage location and lost-and-found.

It recognises no repeated request: a shipment's ``reference`` is searchable but not unique, so it proves presence and
nothing else (``key="none"``). There is no complete change list either: ``stock.move`` has no order in which moves are
done. Its ids are given when a move is drafted, ``write_date`` is the start of a transaction, so that a long one appears
behind a cursor that has passed it, and both move again when somebody edits a cost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import fastjsonschema
from pydantic import StringConstraints

from syncline.errors import SynclineError
from syncline.partner_http import NoAuth
from syncline.targets.answers import unconfirmed
from syncline.targets.contract import Capabilities, Check, Found, Shown
from syncline.targets.http import OtherVersion, TargetHttp
from syncline.targets.opening import https_url
from syncline.targets.options import Options, needed, read_options
from syncline.targets.policy import TargetPolicy
from syncline.targets.tryton.catalog import CODE, CODES_MAX, ID, Catalog, in_parts, rows
from syncline.targets.tryton.posting import Posting
from syncline.targets.tryton.rpc import Rpc
from syncline.targets.tryton.session import Session
from syncline.targets.tryton.shipments import FLOAT, Shipments, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.contract import Document, DocumentAnswer, Key, Line
    from syncline.targets.governance.governor import Governor

SERIES = "8.2"
# 20 lines take 2.4 s and 50 take 6.2 s on two quiet cores; one takes 1.1 s.
LINES_MAX = 20
RIGHTS = {
    "stock.shipment.internal": ("read", "create", "write"), "stock.move": ("read", "create", "write"),
    "product.product": ("read",), "stock.location": ("read",),
}  # fmt: skip
UNCONFIRMED: tuple[str, ...] = (
    "that no module of your installation adds a step or a sequence to internal shipments: seen with stock alone",
    "that a proxy in front of the server lets Content-Encoding and Authorization: Session through",
)
_quantities = rows({"code": CODE, "quantity": FLOAT}, 1000)
_id = fastjsonschema.compile(ID)
_modules = rows({"name": {"type": "string"}, "state": {"type": "string"}}, 10)
_rights = fastjsonschema.compile(
    {
        "type": "object",
        "required": sorted(RIGHTS),
        "additionalProperties": {"type": "object", "additionalProperties": {"type": ["boolean", "integer", "null"]}},
    }
)


class TrytonOptions(Options):
    """``options`` of a registry entry.

    Attributes:
        database: the name under which the server knows it; part of every address.
        lost_and_found: code of the location that is the other side of a correction; None: the one Tryton ships.
        unit: symbol of the default unit of every product here, in the user's language; None: nobody looks.
    """

    database: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$")]
    lost_and_found: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,100}$")] | None = None
    unit: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,40}$")] | None = None


class TrytonClient:
    """Not shared between threads. A session is had at the first call and again when the server has ended it."""

    capabilities = Capabilities("delta", finds=True, is_atomic=True, lines_max=LINES_MAX)

    def __init__(
        self,
        base_url: str,
        login: str,
        password: str,
        options: TrytonOptions,
        policy: TargetPolicy,
        governor: Governor | None = None,
    ) -> None:
        path = f"/{options.database}/rpc/"
        self._open = TargetHttp(policy.target, base_url, NoAuth(), governor)
        self._http = TargetHttp(policy.target, base_url, Session(self._open, path, login, password), governor)
        self._rpc = Rpc(self._http, path)
        self._catalog = Catalog(self._rpc, options.lost_and_found, options.unit)
        self._shipments = Shipments(self._rpc, self._catalog)
        self._call_s = policy.call_s

    def close(self) -> None:
        self._http.close()
        self._open.close()  # a version is asked without a session, too

    def send(self, document: Document, timeout_s: float) -> DocumentAnswer:
        """Post the document: see ``posting``."""
        with self._rpc.within(timeout_s):
            return Posting(self._rpc, self._catalog).post(document)

    def show(self, keys: Sequence[Key]) -> Mapping[Key, Shown]:
        """What stands in a storage location and those below it now.

        Unknown codes, codes used twice and what is counted in another unit than ours are left out.
        """
        shown: dict[Key, Shown] = {}
        with self._rpc.within(self._call_s):
            self._catalog.open()
            locations = self._catalog.locations(location for _, location in keys)
        for code, number in sorted(locations.items()):
            for some in in_parts(sorted({item for item, location in keys if location == code}), CODES_MAX):
                with self._rpc.within(self._call_s):
                    shown |= {(item, code): Shown(quantity) for item, quantity in self._quantities(some, number)}
        return {key: shown[key] for key in keys if key in shown}

    def _quantities(self, items: list[str], location: int) -> list[tuple[str, int]]:
        known = {code: each for code, each in self._catalog.products(items).items() if each.is_ours}
        if not known:
            return []
        told = self._rpc.read(
            "product.product.read", [each.id for each in known.values()], ["code", "quantity"],
            validate=_quantities, context={"locations": [location], "with_childs": True},
        )  # fmt: skip
        rows_read = [(str(row["code"]), row["quantity"]) for row in told]
        return [(item, whole(self._rpc.target, item, quantity)) for item, quantity in rows_read if item in known]

    def find(self, lines: Sequence[Line]) -> Mapping[str, Sequence[Found]]:
        """Effects of shipments that are done; one that is not, or was cancelled, has none."""
        with self._rpc.within(self._call_s):
            self._catalog.open()
            known = self._shipments.of(line.reference for line in lines)
        found = {
            reference: [effect for each in shipments if each.state == "done" for effect in each.found()]
            for reference, shipments in known.items()
        }
        return {reference: effects for reference, effects in found.items() if effects}

    def check(self) -> list[Check]:
        """Version, login and modules, rights, leftovers; nothing is changed."""
        checks = [
            self._checked("version", self._version),
            self._checked("login", self._login),
            self._checked("rights", self._rights),
            self._checked("unfinished", self._unfinished),
        ]
        return checks + unconfirmed(UNCONFIRMED)

    def _checked(self, name: str, look: Callable[[], tuple[bool, str]]) -> Check:
        try:
            with self._rpc.within(self._call_s):
                is_well, told = look()
        except OtherVersion as error:
            return Check(name, False, error.message, is_other_version=True)
        except SynclineError as error:
            return Check(name, False, str(error))
        return Check(name, is_well, told)

    def _version(self) -> tuple[bool, str]:
        body = {"id": 1, "method": "common.server.version", "params": []}
        answer = self._open.call("POST", "/rpc/", timeout_s=self._call_s, body=body)
        told = answer.body.get("result") if isinstance(answer.body, dict) else None
        if not isinstance(told, str) or not re.fullmatch(r"[0-9.]{1,20}", told):
            return False, f"the server answers {answer.status_code} without a version: is this address Tryton's?"
        if told != SERIES:
            raise OtherVersion(f"Tryton {told}; made for and tested with {SERIES}", target=self._rpc.target)
        return True, f"Tryton {told}"

    def _login(self) -> tuple[bool, str]:
        self._catalog.open()
        domain = [["name", "=", "stock"], ["state", "=", "activated"]]
        found = self._rpc.read("ir.module.search_read", domain, 0, 2, None, ["name", "state"], validate=_modules)
        return bool(found), f"company {self._catalog.company}, module stock is {'' if found else 'not '}activated"

    def _rights(self) -> tuple[bool, str]:
        self._catalog.open()
        rights = self._rpc.read("ir.model.access.get_access", sorted(RIGHTS), validate=_rights)
        missing = [
            f"{right} {model}" for model, wanted in RIGHTS.items() for right in wanted if not rights[model].get(right)
        ]
        group = self._rpc.read("ir.model.data.get_id", "stock", "group_stock_force_assignment", validate=_id)
        if group not in self._catalog.groups:
            missing.append("group Stock Force Assignment")
        return not missing, "all there" if not missing else "missing: " + ", ".join(missing)

    def _unfinished(self) -> tuple[bool, str]:
        self._catalog.open()
        number = self._shipments.unfinished()
        if not number:
            return True, "no shipment of ours is left unfinished"
        return False, f"{number} shipments of ours are not done: the next try finishes them; cancel those of dead ones"


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> TrytonClient:
    """See ``syncline.targets.adapters``."""
    options = read_options(target, TrytonOptions)
    base_url = https_url(target, connection)
    login, password = (needed(target, connection, part) for part in ("login", "password"))
    policy = TargetPolicy.of(target, TrytonClient.capabilities)
    return TrytonClient(base_url, login, password, options, policy, governor)
