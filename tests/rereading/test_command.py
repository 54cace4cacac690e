"""``syncline reread``: the difference first, then a yes. One command brings back what was kept out, pushes and all."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from erp import Erp, outbox, released
from network import Warehouse, an_846, edi_source, minutes
from typer.testing import CliRunner

from syncline.cli.config import app as config_app
from syncline.cli.reread import app
from syncline.home import project_root

REGISTRY = """
sources:
  - {name: beta_3pl, kind: sftp_edi, files: {pattern: "*.edi", profile: PROFILE}}
targets: []
"""
ITEM = {"sk": "SKU-0001", "vn": "SKU-0002", "on_hand": "40"}
OTHER = {"sk": "SKU-0003", "vn": "SKU-0003", "on_hand": "7"}
Desk = tuple[Warehouse, Callable[[str], None]]


@pytest.fixture
def desk(new_warehouse: Callable[[], Warehouse], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A warehouse that the commands reach, and what writes the profile of beta_3pl into their registry."""
    ours = new_warehouse()
    registry = tmp_path / "registry.yml"
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(registry))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_LOADER", ours.dsn("loader"))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_OWNER", ours.owner_dsn)
    monkeypatch.setenv("SYNCLINE_CLOCK", f"virtual:2026-11-03T12:00:00+00:00/{time.time()}/1")
    monkeypatch.setenv("COLUMNS", "160")

    def choose(profile: str) -> None:
        registry.write_text(REGISTRY.replace("PROFILE", profile))

    return ours, choose


def test_show_then_write(desk: Desk, misread: Callable[..., str]) -> None:
    ours, choose = desk
    profile = misread(item_qualifiers=("VN", "SK"))
    ours.file("a.edi", an_846("R-1", [ITEM]), edi_source(profile), minutes(0))
    run = CliRunner().invoke

    choose(profile)
    assert "1 stay, 0 change, 0 vanish, 0 appear" in run(app, ["--source", "beta_3pl", "--yes"]).output
    choose("standard")
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


def test_a_set_refused_by_a_wrong_profile_comes_back_and_is_pushed(desk: Desk, misread: Callable[..., str]) -> None:
    """The profile named another sender, so the second file was quarantined whole; the first came before that."""
    ours, choose = desk
    Erp(ours, {"SKU-0001": 3, "SKU-0003": 6})
    ours.file("a.edi", an_846("R-1", [OTHER]), edi_source(), minutes(0))
    ours.file("b.edi", an_846("R-2", [ITEM], as_of="0930"), edi_source(misread(senders=("GAMMA",))), minutes(1))
    released(ours, minutes(2))
    assert ours.rows("select finding_code from ops.edi_sets where state = 'rejected'") == [("sender_unknown",)]
    assert outbox(ours) == [("SKU-0003", 1, "pending", None)]
    assert ours.rows("select rule, subject from ops.exceptions where state = 'open'") == [
        ("file_refused", "beta_3pl/b.edi")
    ], "one question for one file, the batch does not ask it again"

    choose("standard")
    written = CliRunner().invoke(app, ["--source", "beta_3pl", "--yes"])
    assert "1 documents with 1 facts; 1 exceptions closed" in written.output
    released(ours, minutes(4))
    assert outbox(ours) == [("SKU-0001", 37, "pending", None), ("SKU-0003", 1, "pending", None)]
    assert ours.rows("select rule from ops.exceptions where state = 'open'") == []


def test_a_set_of_an_unmapped_warehouse_comes_back_by_the_apply_of_its_row(desk: Desk, tmp_path: Path) -> None:
    """A crosswalk judges facts, not bytes: `syncline config apply` maps them again, a re-read finds them as read."""
    ours, choose = desk
    Erp(ours, {"SKU-0001": 3, "SKU-0003": 6})
    ours.file("a.edi", an_846("R-1", [ITEM, OTHER]).replace(b"BETA-NJ2", b"BETA-NJ9"), edi_source(), minutes(0))
    released(ours, minutes(1))
    assert (ours.dispositions(), outbox(ours)) == ({"quarantined": 2}, [])

    choose("standard")
    seeds = tmp_path / "seeds"
    shutil.copytree(project_root() / "dbt_project" / "seeds", seeds)
    with (seeds / "location_crosswalk.csv").open("a") as crosswalk:
        crosswalk.write("beta_3pl,BETA-NJ9,DC3,,\n")
    run = CliRunner().invoke
    assert "0 change, 0 vanish, 0 appear" in run(app, ["--source", "beta_3pl", "--yes"]).output
    applied = json.loads(run(config_app, ["apply", "--folder", str(seeds), "--json"]).output)
    assert applied["redriven_facts"] == 2
    released(ours, minutes(60 * 24))
    assert outbox(ours) == [("SKU-0001", 37, "pending", None), ("SKU-0003", 1, "pending", None)]
    assert ours.rows("select rule from ops.exceptions where state = 'open'") == []
