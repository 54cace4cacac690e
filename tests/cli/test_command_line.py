"""The command as people meet it: help without cost, errors in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from syncline.cli import command_names, help_line

ENTRY = "import sys; from syncline.cli import main\ntry:\n    main()\nfinally:\n    "
HEAVY = "{'airflow', 'dbt', 'great_expectations', 'pandas', 'psycopg', 'requests', 'fastapi', 'pydantic'}"


def syncline(*arguments: str, after: str = "pass", **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    return subprocess.run(
        [sys.executable, "-c", ENTRY + after, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command_and_imports_none() -> None:
    after = f"print('imported', sorted({{name.partition('.')[0] for name in sys.modules}} & {HEAVY}))"
    done = syncline("--help", after=after)
    assert done.returncode == 0
    for name in command_names():
        assert f" {name} " in done.stdout
    assert "imported []" in done.stdout


def test_every_command_says_in_one_line_what_it_does() -> None:
    for module in command_names().values():
        assert 10 < len(help_line(module)) <= 120, module


def test_a_deliberate_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    done = syncline("setup", SYNCLINE_HOME=str(tmp_path), SYNCLINE_DSN="mysql://u:secret@h/d")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("syncline: SYNCLINE_DSN is not a Postgres URL")
    assert "secret" not in done.stderr


def test_an_unknown_command_is_refused() -> None:
    done = syncline("nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr
