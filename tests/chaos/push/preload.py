"""What every worker needs, imported once by the server that workers are forked from."""

from __future__ import annotations

from importlib import import_module

from syncline.targets.adapters import ADAPTERS

for name in ("erp_api", "shop_api", "netsuite", "sap_s4", "shopify", "amazon_sp", "rest"):
    import_module(ADAPTERS[name])
import_module("tests.chaos.push.worker")
