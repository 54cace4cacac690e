"""The page of events is what registry, rules, schemas and tables say, and names every event there is."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from syncline.blueprint import Event, Material, every_event, page
from syncline.blueprint.events import measures_of, wms_schemas
from syncline.cli.blueprint import app
from syncline.config import read_folder
from syncline.edi.documents.table import tables
from syncline.notices.kinds import KINDS
from syncline.registry import Registry, load_registry

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "events.md"


@pytest.fixture
def material() -> Material:
    return Material(load_registry(ROOT / "dags" / "registry.yml"), read_folder(ROOT / "dbt_project" / "seeds"))


def _named(events: list[Event], name: str) -> Event:
    return next(event for event in events if event.name == name)


def test_the_page_is_in_step(material: Material) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(every_event(material)), (
        "run: syncline blueprint --out docs/reference/events.md"
    )


def test_every_event_says_everything_once(material: Material) -> None:
    events = every_event(material)
    assert len({event.name for event in events}) == len(events)
    assert all(value for event in events for value in event.as_json().values())
    assert {event.name for event in events} >= {*wms_schemas(), *KINDS}
    assert sum(event.group == "EDI documents" for event in events) == len(tables())
    named = {f"{target.name}: correction" for target in material.registry.targets}
    assert named <= {event.name for event in events}


def test_what_differs_between_installations_is_read_from_their_rules(material: Material) -> None:
    """Another poll, another hold, another owner: each changes the line it belongs to."""
    before = every_event(material)
    value = material.registry.model_dump()
    value["sources"][3]["poll_every_s"] = 77
    rules = {name: [dict(row) for row in rows] for name, rows in material.rules.items()}
    for row in rules["sources"]:
        row["hold_s"] = 4242 if row["source"] == "dc1_wms" else row["hold_s"]
        row["sequence"] = "" if row["source"] == "dc2_wms" else row["sequence"]
    for row in rules["ownership_rules"]:
        row["role"] = "observer" if row["source"] == "acme_3pl" else row["role"]
    after = every_event(Material(Registry.model_validate(value), rules))
    count, advice = _named(after, "inventory.adjusted"), _named(after, "X12 846")
    assert "`dc1_wms`: read every 10 s, 900 s of its past again; late after 0 s of lag and 4242 s" in count.latency
    assert "`dc1_wms` without gaps" in count.sequence
    assert "`dc1_wms` and `dc2_wms` without gaps" in _named(before, "inventory.adjusted").sequence
    assert "`beta_3pl`: read every 77 s" in advice.latency
    assert "`acme_3pl` is observer" in advice.owner
    assert "`acme_3pl` is secondary (movements count) of on_hand at DC1" in _named(before, "X12 846").owner


def test_an_order_line_is_named_where_a_source_tells_orders(material: Material) -> None:
    assert "order line" not in {event.name for event in every_event(material)}
    value = material.registry.model_dump()
    value["sources"] = [*value["sources"], {"name": "erp_orders", "kind": "erp_orders", "poll_every_s": 33}]
    rules = {name: [dict(row) for row in rows] for name, rows in material.rules.items()}
    like = next(row for row in rules["ownership_rules"] if row["source"] == "dc1_wms")
    rules["ownership_rules"].append({**like, "source": "erp_orders", "measure": "provisional", "location": "*"})
    event = _named(every_event(Material(Registry.model_validate(value), rules)), "order line")
    assert "`erp_orders` is primary of provisional at *" in event.owner
    assert "read every 33 s" in event.latency


def test_documents_say_what_their_tables_say(material: Material) -> None:
    shipped = next(table for table in tables() if table.name == "x12_945")
    assert measures_of(shipped) == sorted({measure for fact in shipped.facts for measure in fact.measures})
    event = _named(every_event(material), "X12 945")
    assert "event: `W0604|W0602` / `LX01` /" in event.identity
    assert "`W0301` is the sum of `W1203`" in event.errors
    assert _named(every_event(material), "X12 997").direction == "in and out"


def test_whoever_adds_an_event_is_named(warehouse: psycopg.Connection) -> None:
    """A trigger, or a module, that tells a new kind of event gives it a row of KINDS."""
    tellers = warehouse.execute(
        "select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where p.prosrc like '%ops.add_event(%' and p.proname <> 'add_event'"
    ).fetchall()
    assert {name for (name,) in tellers} == {told.teller for told in KINDS.values() if told.teller.startswith("ops.")}
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "include" / "syncline").rglob("*.py")}
    callers = {
        str(path.relative_to(ROOT / "include" / "syncline"))
        for path, text in texts.items()
        if re.search(r"select ops\.add_event\(", text)
    }
    assert callers <= {told.teller for told in KINDS.values()}


def test_the_command_writes_and_checks(tmp_path: Path) -> None:
    out = tmp_path / "events.md"
    assert CliRunner().invoke(app, ["--out", str(out)]).exit_code == 0
    assert CliRunner().invoke(app, ["--out", str(out), "--check"]).exit_code == 0
    assert out.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
    out.write_text("something else", encoding="utf-8")
    assert CliRunner().invoke(app, ["--out", str(out), "--check"]).exit_code == 1
    assert out.read_text(encoding="utf-8") == "something else"
