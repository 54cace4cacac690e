"""What Airflow's own code finds in the plugins folder and mounts, asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests
from fastapi import FastAPI
from tests.api.conftest import served

from syncline.api.keys import declared, new_key


@pytest.mark.usefixtures("warehouse")
def test_airflow_mounts_the_api_and_the_api_guards_itself(
    warehouse_dsn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import init_plugins

    text, digest = new_key()
    keys = {"keys": [declared("test", digest, ["exceptions:read"])]}
    monkeypatch.setenv("AIRFLOW_CONN_SYNCLINE_API", json.dumps({"conn_type": "http", "extra": keys}))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BI", warehouse_dsn("bi"))
    root = FastAPI()
    init_plugins(root)
    with served(root) as url:
        assert requests.get(f"{url}/syncline/health", timeout=20).json() == {"status": "ok"}
        assert requests.get(f"{url}/syncline/v1/exceptions", timeout=20).status_code == 401
        found = requests.get(f"{url}/syncline/v1/exceptions", headers={"Authorization": f"Bearer {text}"}, timeout=20)
    assert found.json() == {"exceptions": [], "next_skip": None}
