"""How dbt is called (`syncline.resolve.dbt`)."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import NoReturn

import pytest

from syncline.resolve import dbt


def test_dbt_does_not_walk_the_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With Airflow loaded that was half the time of a batch. Red: dbt asks elsewhere now; see `dbt._runner`."""

    def walked() -> NoReturn:
        raise AssertionError("dbt called inspect.stack()")

    monkeypatch.setattr(inspect, "stack", walked)
    dbt.warm("postgresql://nobody@127.0.0.1/never_parsed_before", tmp_path)
