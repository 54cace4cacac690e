"""``syncline decide``: what it concerns first, then the decision."""

from __future__ import annotations

import json
import time

import pytest
from tests.decisions.lane import Lane, at, movement, told_id
from typer.testing import CliRunner

from syncline.cli.decide import app

SAID = ["--by", "anna", "--why", "recounted"]


def test_dry_then_wet_then_listed(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    five, six = movement(2, -5, event_key="K"), movement(3, -6, minute=10, event_key="K")
    lane.tell(at(10, 30), five, six)
    assert lane.batch(at(10, 31))
    for role in ("transformer", "loader", "bi"):
        monkeypatch.setenv(f"AIRFLOW_CONN_WAREHOUSE_{role.upper()}", lane.dsn(role))
    monkeypatch.setenv("SYNCLINE_CLOCK", f"virtual:2026-11-02T12:00:00+00:00/{time.time()}/1")
    monkeypatch.setenv("COLUMNS", "160")
    run = CliRunner().invoke

    shown = run(app, ["keep", told_id(six), *SAID, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "Today: on_hand of SKU-0001 at DC1 is 95 (between 95 and 95)." in shown.output
    assert "erp 100 → 95, held (conflict)." in shown.output
    assert "conflict SKU-0001/DC1/on_hand." in shown.output
    assert "Nothing was written." in shown.output
    assert lane.rows("select count(*) from ops.decisions") == [(0,)]

    written = json.loads(run(app, ["keep", told_id(six), *SAID, "--json", "--id", "count-7"]).output)
    assert (written["is_new"], written["dry_run"], written["decision"]["decision_id"]) == (True, False, "count-7")
    assert written["decision"]["at"].startswith("2026-11-02T12:00")
    assert sorted(t["disposition"] for t in written["tellings"]) == ["applied", "conflict"]
    again = run(app, ["keep", told_id(six), *SAID, "--id", "count-7"])
    assert "was stored before; nothing was added." in again.output

    gone = run(app, ["write-off", "SKU-0001", "DC1", "--quantity", "-3", *SAID, "--recorded", "2026-11-02T11:00:00"])
    assert "-3 EA on_hand of SKU-0001 at DC1, 2026-11-02T11:00:00+00:00." in gone.output
    listed = run(app, ["list"])
    assert "write off -3 on_hand SKU-0001 DC1" in listed.output
    assert lane.batch(at(12, 5))
    assert lane.on_hand() == 91  # 100 - 6 - 3
    register = json.loads(run(app, ["list", "--json"]).output)
    assert [(d["kind"], d["batch_id"], d["is_landed"]) for d in register] == [("write_off", 2, True), ("keep", 2, None)]
