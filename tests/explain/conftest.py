"""The warehouses of the tests of history serve here too."""

from __future__ import annotations

from tests.rereading.conftest import misread, new_warehouse

__all__ = ["misread", "new_warehouse"]
