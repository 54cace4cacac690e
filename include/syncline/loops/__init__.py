"""Closed loops: what is released or may come back, and what became of it told, once (ADR 0032)."""

from syncline.loops.orders import land_orders
from syncline.loops.returns import land_returns
from syncline.loops.tell import Told, tell

__all__ = ["Told", "land_orders", "land_returns", "tell"]
