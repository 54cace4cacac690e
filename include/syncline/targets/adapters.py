"""Which adapter speaks for which ``kind`` of the registry."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from syncline.errors import ConfigurationError

if TYPE_CHECKING:
    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.contract import Adapter
    from syncline.targets.governance.governor import Governor

# Each module has open_adapter(target, connection, governor); its vendor's peculiarities are imported when it is used.
ADAPTERS = {
    "amazon_sp": "syncline.targets.amazon_sp.client",
    "erp_api": "syncline.targets.erp.client",
    "netsuite": "syncline.targets.netsuite.client",
    "rest": "syncline.targets.rest.client",
    "sap_s4": "syncline.targets.sap_s4.client",
    "shop_api": "syncline.targets.shop.client",
    "shopify": "syncline.targets.shopify.client",
    "tryton": "syncline.targets.tryton.client",
}


def open_adapter(target: Target, connection: Connection, governor: Governor | None = None) -> Adapter:
    """The adapter of a registry entry; close it after use. ``governor``: asked for each request; None: nobody is.

    Raises:
        ConfigurationError: its kind is unknown, or its options or connection lack something.
    """
    if target.kind not in ADAPTERS:
        raise ConfigurationError(
            f"Target {target.name}: there is no adapter for kind {target.kind!r}.",
            next_step="Use one of: " + ", ".join(sorted(ADAPTERS)) + ".",
        )
    return cast("Adapter", import_module(ADAPTERS[target.kind]).open_adapter(target, connection, governor))
