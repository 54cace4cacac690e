"""``syncline targets limits`` and ``resume``, and the DAG of a target that is paused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from bench.limited import TOKEN, Limited
from syncline.cli.targets import app
from syncline.targets.governance.adapter import LanePaused
from syncline.targets.http import LoginRefused

REGISTRY = """
sources: []
targets:
  - {name: erp, kind: erp_api, style: delta, sole_writer: true, life_s: 30, limits: {per_s: 7.5, burst: 3}}
"""


@pytest.fixture
def installed(
    limited: Limited,
    warehouse: psycopg.Connection,
    warehouse_dsn: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], None]:
    """A registry, the connections of Airflow, and a way to change the target's secret."""
    (tmp_path / "registry.yml").write_text(REGISTRY)
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(tmp_path / "registry.yml"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_PUBLISHER", warehouse_dsn("publisher"))

    def secret(token: str) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"host": limited.url, "password": token}))

    secret(TOKEN)
    return secret


def shown(*words: str) -> str:
    told = CliRunner().invoke(app, list(words))
    assert told.exit_code == 0, told.output
    return told.output


def test_a_target_that_was_never_called_is_as_if_all_were_well(installed: Any) -> None:
    told = shown("limits")
    assert all(word in told for word in ("erp", "7.5", "3 of 3", "0 of 4", "closed", "well"))


def test_a_refused_login_makes_the_push_red_once_then_it_is_skipped(
    installed: Callable[[str], None], limited: Limited, warehouse: psycopg.Connection
) -> None:
    from syncline_airflow.push import push_once

    installed("wrong")
    with pytest.raises(LoginRefused) as red:
        push_once("erp", "run")
    assert not isinstance(red.value, LanePaused)
    with pytest.raises(LanePaused):
        push_once("erp", "run")
    assert limited.strangers == 1
    assert "refused since" in shown("limits", "erp")
    assert "called again" in shown("resume", "erp", "--by", "mia")
    assert "well" in shown("limits", "erp")
    assert warehouse.execute("select state from ops.exceptions where rule = 'push.login'").fetchall() == [("resolved",)]
    installed(TOKEN)
    push_once("erp", "run")


def test_the_task_of_a_paused_target_is_skipped(
    installed: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.registry import load_registry
    from syncline_airflow.push import build_push

    monkeypatch.setattr("airflow.sdk.get_current_context", lambda: {"run_id": "run"}, raising=False)
    push = build_push(load_registry().target("erp")).get_task("push").python_callable
    installed("wrong")
    with pytest.raises(LoginRefused):
        push()
    with pytest.raises(AirflowSkipException, match="paused"):
        push()
