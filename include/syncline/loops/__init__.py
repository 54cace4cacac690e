"""Closed loops: order lines that are released, and what became of them told, once (ADR 0032)."""

from syncline.loops.orders import land_orders
from syncline.loops.tell import Told, tell

__all__ = ["Told", "land_orders", "tell"]
