"""The warehouses and loopback partners of `tests/rereading`, for documents that go all the way."""

from tests.rereading.conftest import warehouses

__all__ = ["warehouses"]
