"""``syncline twin serve`` as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

from syncline.clock import clock_from_env
from syncline.twin.env_file import read_env


def test_serve_says_ready_writes_a_private_file_and_stops_on_a_signal(erp_dsn: str, tmp_path: Path) -> None:
    env_file, truth_file = tmp_path / "twin.env", tmp_path / "truth.json"
    command = [
        sys.executable, "-c", "from syncline.cli import main; main()", "twin", "serve", "--env-file", str(env_file),
        "--files", str(tmp_path / "partners"), "--truth-file", str(truth_file), "--hours", "1", "--rate", "60",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        env={**os.environ, "SYNCLINE_TWIN_DSN": erp_dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("twin ready: http 127.0.0.1:"), line + process.stdout.read()
        assert env_file.stat().st_mode & 0o777 == 0o600
        env = read_env(env_file)
        names = {"DC1_WMS", "DC2_WMS", "ACME_3PL", "BETA_3PL", "ERP", "SHOP", "TWIN"}
        assert {f"AIRFLOW_CONN_{name}" for name in names} | {"SYNCLINE_CLOCK"} == set(env)
        assert clock_from_env(env["SYNCLINE_CLOCK"]).rate == 60
        twin = json.loads(env["AIRFLOW_CONN_TWIN"])
        answer = requests.get(
            f"http://127.0.0.1:{twin['port']}/twin/v1/status",
            headers={"Authorization": f"Bearer {twin['password']}"},
            timeout=5,
        )
        assert answer.json()["phase"] == "business"
        shell = subprocess.run(
            ["sh", "-c", f'. {env_file} && printf %s "$AIRFLOW_CONN_TWIN"'], capture_output=True, text=True, check=True
        )
        assert json.loads(shell.stdout) == twin
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    assert not env_file.exists()
    assert len(json.loads(truth_file.read_text())["balances"]) == 960


def test_serve_without_postgres_is_one_clear_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from syncline.cli import main; main()",
        "twin",
        "serve",
        "--env-file",
        str(tmp_path / "e"),
    ]
    dsn = "postgresql://nobody:secret-word@127.0.0.1:1/none"
    begin = time.monotonic()
    done = subprocess.run([*command, "--dsn", dsn], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "The ERP's books cannot be opened" in done.stderr
    assert "secret-word" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begin < 20
