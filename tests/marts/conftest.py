"""Warehouses fed by real landing."""

from __future__ import annotations

from tests.rereading.conftest import misread, new_warehouse

__all__ = ["misread", "new_warehouse"]
