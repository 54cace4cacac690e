"""``syncline reread``: the difference first, then a yes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from network import Warehouse, an_846, edi_source, minutes
from typer.testing import CliRunner

from syncline.cli.reread import app

REGISTRY = """
sources:
  - {name: beta_3pl, kind: sftp_edi, files: {pattern: "*.edi", profile: PROFILE}}
targets: []
"""


def test_show_then_write(
    new_warehouse: Callable[[], Warehouse],
    misread: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = new_warehouse()
    profile = misread(item_qualifiers=("VN", "SK"))
    item = {"sk": "SKU-0001", "vn": "SKU-0002", "on_hand": "40"}
    ours.file("a.edi", an_846("R-1", [item]), edi_source(profile), minutes(0))
    registry = tmp_path / "registry.yml"
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(registry))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_LOADER", ours.dsn("loader"))
    monkeypatch.setenv("SYNCLINE_CLOCK", f"virtual:2026-11-03T12:00:00+00:00/{time.time()}/1")
    monkeypatch.setenv("COLUMNS", "160")
    run = CliRunner().invoke

    registry.write_text(REGISTRY.replace("PROFILE", profile))
    assert "1 stay, 0 change, 0 vanish, 0 appear" in run(app, ["--source", "beta_3pl", "--yes"]).output
    registry.write_text(REGISTRY.replace("PROFILE", "standard"))
    shown = run(app, ["--source", "beta_3pl", "--dry-run"])
    assert "1 documents read again, 1 read otherwise than before." in shown.output
    assert "SKU-0002/BETA-NJ2/on_hand: 40 EA" in shown.output
    assert "SKU-0001/BETA-NJ2/on_hand: 40 EA" in shown.output
    assert "Nothing was written" in run(app, ["--source", "beta_3pl"], input="n\n").output
    summary = json.loads(run(app, ["--source", "beta_3pl", "--json"]).output)
    assert (summary["change"], summary["load_id"], summary["changes"][0]["line_key"]) == (1, None, "R-1/1/17")
    nothing = run(app, ["--source", "beta_3pl", "--from", "2026-11-03", "--yes", "--json"])
    assert json.loads(nothing.output)["documents"] == 0
    assert ours.rows("select count(*) from ops.readings") == [(0,)]

    written = run(app, ["--source", "beta_3pl", "--to", "2026-11-03"], input="y\n")
    assert "1 documents with 1 facts" in written.output
    ((reading, requested_at),) = ours.rows("select reading, requested_at::text from ops.readings")
    assert reading.startswith("edi/5.")
    assert requested_at.startswith("2026-11-03 12:00")
    assert ours.rows("select received_at from raw.facts where load_id = 2") == [(minutes(0),)]
