"""Every kind of the registry has an adapter, and a page that says how it is connected."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from syncline.registry.models import Target
from syncline.targets.adapters import ADAPTERS

PAGES = Path(__file__).parents[2] / "docs/reference/targets"
OF_THE_TWIN = {"erp_api", "shop_api"}  # their contract is docs/contracts.md


def test_every_kind_of_the_registry_has_an_adapter() -> None:
    assert set(get_args(Target.model_fields["kind"].annotation)) == set(ADAPTERS)


@pytest.mark.parametrize("kind", sorted(ADAPTERS))
def test_an_adapter_can_be_opened_and_is_described(kind: str) -> None:
    assert callable(import_module(ADAPTERS[kind]).open_adapter)
    assert kind in OF_THE_TWIN or (PAGES / f"{kind}.md").is_file()
