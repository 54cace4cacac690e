"""``syncline api`` as its own process, configured by its environment alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests

from syncline.api.keys import declared, new_key


@pytest.mark.usefixtures("warehouse")
def test_it_serves_on_loopback_until_it_is_stopped(warehouse_dsn: Callable[[str], str]) -> None:
    text, digest = new_key()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    keys = {"keys": [declared("test", digest, ["exceptions:read"])]}
    environment = os.environ | {
        "AIRFLOW_CONN_SYNCLINE_API": json.dumps({"conn_type": "http", "extra": keys}),
        "AIRFLOW_CONN_WAREHOUSE_BI": warehouse_dsn("bi"),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-c", "from syncline.cli import main; main()", "api", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        told = server.stdout.readline()
        assert told == f"http://127.0.0.1:{port}/v1/exceptions, 1 keys; Ctrl-C ends it.\n"
        session = requests.Session()
        retries = requests.adapters.Retry(connect=8, backoff_factor=0.2)
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        url = f"http://127.0.0.1:{port}"
        assert session.get(f"{url}/health", timeout=20).json() == {"status": "ok"}
        found = session.get(f"{url}/v1/exceptions", headers={"Authorization": f"Bearer {text}"}, timeout=20)
        assert found.json() == {"exceptions": [], "next_skip": None}
        server.send_signal(signal.SIGTERM)
        rest, _ = server.communicate(timeout=20)
    finally:
        server.kill()
        server.wait()
    assert text not in rest
    assert digest not in rest
