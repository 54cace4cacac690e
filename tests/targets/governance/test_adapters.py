"""No adapter has a way around its governor: shut, nothing reaches the target, and nothing is claimed to have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from syncline.connections import Connection
from syncline.errors import PartnerUnavailable
from syncline.registry.models import Target
from syncline.targets.adapters import open_adapter
from syncline.targets.contract import Document, Line
from syncline.targets.governance.governor import Permit, Ungoverned
from syncline.targets.http import NotSent
from syncline.twin.vendors.book import Book
from syncline.twin.vendors.faults import VendorFaults

STANDINS = sorted(path.stem for path in (Path(__file__).parents[1] / "contract").glob("standin_*.py"))
# Not stand-ins; nothing listens there, so that a way around would be seen as silence.
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "erp_api": ("delta", {}), "shop_api": ("set", {}), "tryton": ("delta", {"database": "stock"}),
}  # fmt: skip


class Shut(Ungoverned):
    """Never now."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def take(self, timeout_s: float) -> Permit:
        self.asked += 1
        raise NotSent("It is shut.", next_step="Wait.", retry_after_s=7.0, target="any")


@contextmanager
def opened(name: str, governor: Shut, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, tuple[str, str], Book]]:
    """An adapter under ``governor``, a key it knows, and the target's book."""
    book = Book({})
    if name in OTHERS:
        style, options = OTHERS[name]
        target = Target.model_validate(
            {"name": name, "kind": name, "conn_id": name, "style": style, "sole_writer": True, "life_s": 30,
             "options": options}
        )  # fmt: skip
        adapter = open_adapter(
            target, Connection(name, "http", "http://127.0.0.1:9", login="l", password="p"), governor
        )
        yield adapter, ("SKU-0001", "DC1"), book
        adapter.close()
        return
    module = import_module(f"tests.targets.contract.{name}")
    # One of them opens by what the module beside it imported.
    place = module if hasattr(module, "open_adapter") else import_module("tests.targets.contract.standin_rest_delta")
    by_itself = place.open_adapter
    monkeypatch.setattr(place, "open_adapter", lambda target, connection: by_itself(target, connection, governor))
    with module.opened(book, VendorFaults()) as standin:
        yield standin.adapter, standin.keys[0], book
        standin.adapter.close()


@pytest.mark.parametrize("name", [*STANDINS, *OTHERS])
def test_nothing_goes_out_without_leave(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    governor = Shut()
    with opened(name, governor, monkeypatch) as (adapter, key, book):
        line = Line("a1" * 32, *key, quantity=5, expected_version='"1"', shown=100)
        answer = adapter.send(Document((line,)), 2.0)
        assert {each.outcome for each in answer.lines.values()} == {"not_executed"}
        assert answer.retry_after_s == 7.0
        asked = governor.asked
        assert asked >= 1
        with pytest.raises(PartnerUnavailable, match="shut") as told:
            adapter.changes(0, 1) if adapter.capabilities.lists_changes else adapter.show([key])
        assert told.value.retry_after_s == 7.0
        assert governor.asked > asked
        assert not any(each.is_well for each in adapter.check() if each.name != "unconfirmed")
        assert not book.effects
