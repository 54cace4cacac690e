"""Closed loops: what they have to tell is told, once (ADR 0032)."""

from syncline.loops.tell import Told, tell

__all__ = ["Told", "tell"]
