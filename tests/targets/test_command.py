"""``syncline targets`` over a real loopback server: what is well, what is not, and nothing changed by looking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from syncline.cli.targets import app

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = ("SKU-0001", "DC1")
REGISTRY = """
sources: []
targets:
  - {name: erp, kind: erp_api, style: delta, sole_writer: true, life_s: 30}
  - {name: old, kind: erp_api, style: delta, sole_writer: true, life_s: 30, enabled: false}
"""


@pytest.fixture
def target(make_loop: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "registry.yml").write_text(REGISTRY)
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(tmp_path / "registry.yml"))
    loop = make_loop("erp", {KEY: 10}, {KEY: 12})
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"host": loop.url, "password": loop.token}))
    return loop


def test_a_target_that_is_well(target: Any) -> None:
    shown = CliRunner().invoke(app, ["check", "--json"])
    assert shown.exit_code == 0, shown.output
    checks = json.loads(shown.output)["erp"]
    assert [(each["name"], each["is_well"]) for each in checks] == [("declared", True), ("read", True)]
    assert "key=line" in checks[0]["told"]
    assert target.book.numbers == {KEY: 10}
    assert target.book.documents == []


def test_a_wrong_secret_is_one_failed_check_without_the_secret(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"host": target.url, "password": "not-the-secret"}))
    shown = CliRunner().invoke(app, ["check", "erp", "--json"])
    assert shown.exit_code == 1
    failed = [each for each in json.loads(shown.output)["erp"] if not each["is_well"]]
    assert len(failed) == 1
    assert "Put a valid token into connection 'erp'" in failed[0]["told"]
    assert "not-the-secret" not in shown.output


def test_a_missing_connection_is_said_of_its_target(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_ERP")
    shown = CliRunner().invoke(app, ["check"])
    assert shown.exit_code == 1
    assert "FAILED" in shown.output
    assert "AIRFLOW_CONN_ERP" in shown.output


def test_list_shows_those_that_are_off_too(target: Any) -> None:
    shown = CliRunner().invoke(app, ["list"])
    assert shown.exit_code == 0
    assert [name in shown.output for name in ("erp", "old", "off")] == [True] * 3
