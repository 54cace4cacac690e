"""The orders API of an ERP: order lines that may be picked, each a release (semantics §11)."""

from syncline.sources.erp_orders.client import OrdersClient, Page, open_client
from syncline.sources.erp_orders.pull import pull

__all__ = ["OrdersClient", "Page", "open_client", "pull"]
