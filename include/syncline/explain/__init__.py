"""The story of one number: what it stands on, what came on top, what did not count and why, what was sent of it."""

from syncline.explain.keys import StockKey, find_key
from syncline.explain.story import Story, tell

__all__ = ["StockKey", "Story", "find_key", "tell"]
