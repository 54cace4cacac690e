"""A target under chaos: how it is reached, what is declared of it, and what only its own books know."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.chaos.push import plan
from tests.targets.contract import standin_amazon_sp as amazon
from tests.targets.contract import standin_netsuite as netsuite
from tests.targets.contract import standin_rest_delta as rest_delta
from tests.targets.contract import standin_rest_set as rest_set
from tests.targets.contract import standin_sap_s4 as sap
from tests.targets.contract import standin_shopify as shopify

from syncline.connections import Connection
from syncline.registry import Target
from syncline.targets.adapters import open_adapter
from syncline.targets.policy import TargetPolicy
from syncline.twin.vendors import rest as rest_twin
from syncline.twin.vendors.book import Book, Effect
from syncline.twin.vendors.faults import VendorFaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.targets.contract.standin import StandIn

Key = tuple[str, str]
CALL_S, LEASE_S = 2.0, 4.0
LATE_S = 5.0  # a late request lands after its lease has ended, ...
LIFE_S = 4.5  # ... and inside what is declared: LATE_S - LEASE_S, and time to get there
KEYS = 160


class Landed(NamedTuple):
    """One effect in the target's books, and the real epoch second when it was booked (0: not known)."""

    effect: Effect
    at_s: float


@dataclass
class TimedBook(Book):
    """A book that also knows when: a double effect is then a story."""

    landed: list[Landed] = field(default_factory=list)

    def add(self, key: Key, delta: int, reference: str | None = None) -> int:
        with self.lock:
            after = super().add(key, delta, reference)
            self.landed.append(Landed(self.effects[-1], time.time()))
            return after


@dataclass
class Site:
    """``documents``: writing calls seen so far. ``outside``: somebody else changes a number. ``calm``: faults end.

    ``told_by``: what a reference in the books is: a correction's id (or its beginning), a document's key in the
    vendor's form, or a submission's own number, known only where its answer came.
    """

    name: str
    entry: Target
    connection: Connection
    policy: TargetPolicy
    keys: tuple[Key, ...]
    told_by: str
    documents: Callable[[], int]
    numbers: Callable[[], dict[Key, int]]
    effects: Callable[[], list[Landed]]
    outside: Callable[[Key, int], None]
    calm: Callable[[], None]
    faults: Callable[[], Counter[str]]

    @property
    def knows(self) -> bool:
        """What took effect can be known again: by its key or its reference."""
        can = self.policy.can
        return can.key != "none" or can.finds or can.lists_changes

    @property
    def proves(self) -> bool:
        """An unknown try can be proven, or sent again without harm."""
        can = self.policy.can
        return can.key != "none" or can.compare == "version" or can.finds or can.lists_changes


def policy(
    name: str, entry: Target, connection: Connection, sole_writer: bool, life_s: float = LIFE_S
) -> TargetPolicy:  # fmt: skip
    """Short seconds, declared as they truly are for the stand-in; another ``life_s`` is a lie."""
    adapter = open_adapter(entry, connection)
    try:
        can = adapter.capabilities
    finally:
        adapter.close()
    return TargetPolicy(
        name, can, life_s=life_s, lag_s=0.0, sole_writer=sole_writer, key_retention_s=can.key_retention_s,
        lines_max=min(10, can.lines_max), tries_max=10, call_s=CALL_S,
        lease_s=LEASE_S + (life_s if can.answers_later else 0.0), run_s=6.0, back_off_s=0.1, back_off_max_s=1.0,
        trouble_max=6, reread_s=10.0, not_executed=frozenset({423, 429}),
    )  # fmt: skip


class Forgetful(dict[str, Any]):
    """Ids that are not remembered: the API executes what it is sent, as often as it is sent."""

    def __setitem__(self, name: str, value: Any) -> None:
        return


def _amazon(standin: StandIn) -> tuple[Target, Connection]:
    login = amazon.LOGIN
    extra = {"refresh_token": login["refresh_token"], "token_url": standin.base_url}
    return amazon.TARGET, Connection(
        "amazon_de", "http", host=standin.base_url, login=login["client_id"], password=login["client_secret"],
        extra=extra,
    )  # fmt: skip


def _netsuite(standin: StandIn) -> tuple[Target, Connection]:
    return netsuite.TARGET, netsuite.connection(standin.base_url)


def _sap(standin: StandIn) -> tuple[Target, Connection]:
    login = {"login": sap.USER, "password": sap.PASSWORD}
    return sap.target(login="oauth2"), Connection("sap", "http", host=standin.base_url, **login)


def _shopify(standin: StandIn) -> tuple[Target, Connection]:
    return shopify.TARGET, Connection(
        "shop_de", "http", host=standin.base_url, login=shopify.CLIENT[0], password=shopify.SECRET
    )


def _rest(style: str, options: dict[str, Any], standin: StandIn) -> tuple[Target, Connection]:
    entry = Target.model_validate(
        {"name": "nobody", "kind": "rest", "conn_id": "nobody", "style": style, "sole_writer": False, "life_s": 30,
         "options": options}
    )  # fmt: skip
    secret = rest_delta.SECRET
    return entry, Connection("nobody", "http", standin.base_url, login=rest_delta.CLIENT, password=secret)


# No key, no look-up: nothing but a number that others write, too.
BLIND = {name: value for name, value in rest_delta.OPTIONS.items() if name != "find"} | {
    "capabilities": {"writes": "delta", "key": "none", "lines_max": 50}
}
# A look-up and no key.
FINDING = rest_delta.OPTIONS | {"capabilities": {"writes": "delta", "key": "none", "lines_max": 50}}


@dataclass(frozen=True)
class Kind:
    """How a vendor's stand-in becomes a site. ``key``: the name of its n-th key."""

    module: Any
    reach: Callable[[StandIn], tuple[Target, Connection]]
    key: Callable[[int], Key]
    told_by: str = "correction"
    shapes: frozenset[str] = frozenset({"throttled", "locked"})
    sole_writer: bool = False
    forgets: bool = False
    keys_max: int = 10**6  # fewer where each is read by a call of its own


KINDS = {
    "netsuite": Kind(netsuite, _netsuite, lambda n: (str(100 + n), "1")),
    "sap_s4": Kind(sap, _sap, lambda n: (f"MZ-{n:04d}", "1710/171A")),
    "shopify": Kind(shopify, _shopify, lambda n: (str(53_000_000_000_100 + n), shopify.LOCATION), told_by="document"),
    "amazon_sp": Kind(
        amazon, _amazon, lambda n: (f"SKU {n:04d}", "DEFAULT"), told_by="submission", shapes=frozenset({"throttled"}),
        sole_writer=True, keys_max=80,
    ),
    "rest_set": Kind(
        rest_set, lambda standin: _rest("set", rest_set.OPTIONS, standin), lambda n: (f"R-{n:04d}", "DC1"),
        shapes=frozenset({"throttled", "locked", "partial"}), keys_max=40,
    ),
    "rest_finds": Kind(
        rest_delta, lambda standin: _rest("delta", FINDING, standin), lambda n: (f"F-{n:04d}", "DC1"),
        shapes=frozenset({"throttled", "locked", "partial"}), forgets=True,
    ),
    "rest_blind": Kind(
        rest_delta, lambda standin: _rest("delta", BLIND, standin), lambda n: (f"B-{n:04d}", "DC1"),
        shapes=frozenset({"throttled", "locked", "partial"}), forgets=True,
    ),
}  # fmt: skip


@contextmanager
def vendor_site(name: str, seed: int, keys: int, life_s: float = LIFE_S) -> Iterator[Site]:
    """A vendor's stand-in, served, with the faults of the plan."""
    kind = KINDS[name]
    rest_twin.THROTTLED_S = 1  # a run is in more of a hurry than a service
    book, drawn = TimedBook(), VendorFaults(script=plan.faults(seed, name, kind.shapes), late_s=LATE_S)
    with kind.module.opened(book, drawn) as standin:
        places = tuple(sorted(kind.key(number) for number in range(min(keys, kind.keys_max))))
        book.numbers.update(dict.fromkeys(places, 500))
        if kind.forgets:
            standin.expire_login.__self__.bodies = Forgetful()  # type: ignore[union-attr]
        entry, connection = kind.reach(standin)
        entry = entry.model_copy(update={"name": name, "sole_writer": kind.sole_writer})
        yield Site(
            name, entry, connection, policy(name, entry, connection, kind.sole_writer, life_s), places, kind.told_by,
            documents=lambda: sum(drawn.count.values()),
            numbers=lambda: {key: book.numbers[key] for key in places},
            effects=lambda: list(book.landed),
            outside=lambda key, delta: _add(book, key, delta),
            calm=drawn.script.clear,
            faults=lambda: Counter(drawn.count),
        )  # fmt: skip
        standin.adapter.close()


def _add(book: Book, key: Key, delta: int) -> None:
    book.add(key, delta)
