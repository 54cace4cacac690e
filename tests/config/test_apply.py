"""What a changed row enqueues: the facts and cells it can change, and no others; and what it shows before it writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.config.running import START, Run
from tests.config.world import Telling, World
from typer.testing import CliRunner

from bench.warehouse import told_by_the_floor
from syncline import resolve
from syncline.cli.config import app
from syncline.config import apply
from syncline.config.tables import TABLES, Rows, parse_row
from syncline.errors import RetryableError
from syncline.resolve.build import BUILD_LOCK
from syncline.warehouse.connect import connect_dsn

OLD, MIDNIGHT = "2026-05-01T00:00:00Z", "2026-05-04T00:00:00Z"


def told(name: str, **values: Any) -> Telling:
    """A movement of 1 A at HUB, recorded and received on 2026-05-04, unless told otherwise."""
    usual: dict[str, Any] = {
        "fact_id": name, "source": "wms", "received_at": "2026-05-06T00:00:00Z", "kind": "movement", "item_ref": "A",
        "location_ref": "HUB", "status_ref": "on_hand", "lot": None, "uom": "EA", "quantity": "1",
        "recorded": "2026-05-04T10:00:00Z", "line_key": name, "event_key": name, "revision": 1, "cancel": False,
        "sequence": None, "is_test": False,
    }  # fmt: skip
    return Telling(**{**usual, **values})


FACTS = [
    told("early", recorded="2026-05-03T10:00:00Z"),
    told("plain"),
    told("cased", uom="CA"),
    told("cased-B", uom="CA", item_ref="B", recorded="2026-05-04"),
    told("balance-tpl", source="tpl", kind="balance", quantity="9"),
    told("zoneless", source="tpl", location_ref="CHI", recorded="2026-05-04T10:00"),
    told("waits", item_ref="X9"),
    told("pallet", uom="PAL", item_ref="C"),
    told("allocated", status_ref="allocated", item_ref="C"),
    told("event-A", item_ref="A", location_ref="CH2", event_key="K"),
    told("event-B", item_ref="B", location_ref="CH2", event_key="K"),
]
A_HUB, B_HUB, C_HUB, A_CHI = (("A", "HUB"), ("B", "HUB"), ("C", "HUB"), ("A", "CHI"))
A_CH2, B_CH2 = ("A", "CH2"), ("B", "CH2")
ALL = {A_HUB, B_HUB, C_HUB, A_CHI, A_CH2, B_CH2}


def row(table: str, **values: object) -> dict[str, Any]:
    return parse_row(TABLES[table], {name: str(value) for name, value in values.items()}, table)


def change(table: str, key: str, **values: object) -> Callable[[Rows], None]:
    """Set columns of the rows whose first key column is ``key``."""

    def edit(rows: Rows) -> None:
        for found in rows[table]:
            if found[TABLES[table].key[0]] == key:
                found.update(values)

    return edit


def add(table: str, **values: object) -> Callable[[Rows], None]:
    return lambda rows: rows[table].append(row(table, **values))


def rule(**values: object) -> Callable[[Rows], None]:
    return add("ownership_rules", **{"measure": "on_hand", "grain": "item", "movements": "", **values})


def shorten(table: str, column: str, value: str) -> Callable[[Rows], None]:
    def edit(rows: Rows) -> None:
        found = next(r for r in rows[table] if r[column] == value)
        found["valid_from"] = "2026-05-04T00:00:00+00:00"

    return edit


CASES: list[tuple[str, Callable[[Rows], None], set[str], set[tuple[str, str]]]] = [
    ("code that nobody used", add("item_crosswalk", source="*", item_ref="NEW", item="A"), set(), set()),
    ("code that a fact waits for", add("item_crosswalk", source="*", item_ref="X9", item="B"), {"waits"}, set()),
    ("code of another source", add("item_crosswalk", source="tpl", item_ref="X9", item="B"), set(), set()),
    ("own entry for a while", add("item_crosswalk", source="wms", item_ref="A", item="C", valid_to=MIDNIGHT), {"early"},
     {A_HUB}),
    ("entry that begins later", shorten("item_crosswalk", "item_ref", "A"), {"early"}, {A_HUB}),
    ("place that begins later", shorten("location_crosswalk", "location_ref", "HUB"), {"early"}, {A_HUB}),
    ("status", change("status_crosswalk", "*", measure="damaged"),
     {fact.fact_id for fact in FACTS}, ALL),
    ("factor", add("unit_factors", item="C", uom="PAL", factor_num=60), {"pallet"}, {C_HUB}),
    ("factor of a later day", add("unit_factors", item="C", uom="PAL", factor_num=60, valid_from="2026-05-05"), set(),
     set()),
    ("the same factor, written otherwise", lambda rows: rows["unit_factors"][0].update(factor_num=24, factor_den=2),
     set(), set()),
    ("region", change("locations", "HUB", region="eu"), set(), set()),
    ("zone", change("locations", "CHI", timezone="Asia/Tokyo"), {"zoneless"}, {A_CHI}),
    ("zone of a place with days of factors", change("locations", "HUB", timezone="Asia/Tokyo"), {"cased-B"}, {B_HUB}),
    ("base unit", change("items", "C", base_uom="PAL"), {"pallet", "allocated"}, {C_HUB}),
    ("class, and the event it shares", change("items", "B", item_class="fast"), {"cased-B", "event-B"},
     {B_HUB, B_CH2, A_CH2}),
    ("feed", change("sources", "tpl", feed="edi"), set(), set()),
    ("lag", change("sources", "tpl", lag_s=60), set(), {A_HUB}),
    ("skew", change("sources", "tpl", clock_skew_s=600), set(), {A_HUB, A_CHI}),
    ("zone of a source", change("sources", "tpl", timezone="UTC"), {"zoneless"}, {A_CHI}),
    ("rule of a place", rule(location="CHI", source="tpl", role="primary"), set(), {A_CHI}),
    ("rule of a class", rule(location="HUB", item_class="slow", source="tpl", role="primary"), set(), {B_HUB}),
    ("rule of a pattern, with the events", rule(location="?H2", item_class="fast", source="tpl", role="secondary"),
     set(), {A_CH2, B_CH2}),
    ("rule of another measure", rule(measure="damaged", location="*", source="wms", role="primary"), set(), set()),
    ("rule that ended before the facts", rule(location="HUB", source="erp", role="secondary", valid_to=OLD), set(),
     set()),
    ("rule that ended between the facts", rule(location="HUB", source="erp", role="secondary", valid_to=MIDNIGHT),
     set(), {A_HUB}),
    ("limit", add("tolerances", target="erp", units_max=5), set(), set()),
]  # fmt: skip


@pytest.fixture
def run(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str], tmp_path: Path) -> Run:
    """The first rules, and FACTS resolved by one batch."""
    made = Run(warehouse, warehouse_dsn("owner"), [World(0)], tmp_path)
    made.load(FACTS)
    apply(warehouse, made.worlds[0].rows, START, "test")
    batch = resolve.open_batch(warehouse, START)
    assert batch is not None
    made.decide(batch.batch_id)
    warehouse.execute("update ops.batches set state = 'released'")
    return made


def test_each_row_enqueues_what_it_can_change_and_nothing_else(run: Run) -> None:
    conn, wrong = run.conn, []
    for name, edit, facts, cells in CASES:
        rows = World(0).rows
        edit(rows)
        with conn.transaction(force_rollback=True):
            applied = apply(conn, rows, START + timedelta(minutes=1), "test")
            got_facts = {r[0] for r in conn.execute("select fact_id from ops.redrives where batch_id is null")}
            got_cells = {
                (item, location)
                for item, location in conn.execute(
                    "select item, location from ops.key_triggers where batch_id is null and reason = 'configuration'"
                )
            }
        assert applied.redriven_facts == len(got_facts), name
        if (got_facts, got_cells) != (facts, cells):
            wrong.append(f"{name}: {got_facts ^ facts} {got_cells ^ cells}")
    assert wrong == []


def test_a_dry_run_tells_the_same_and_writes_nothing(run: Run) -> None:
    rows = World(0).rows
    change("items", "B", item_class="fast")(rows)
    rows["item_crosswalk"].pop()
    before = run.conn.execute("select count(*), max(version_id) from ops.config_versions").fetchone()
    dry = apply(run.conn, rows, START, "test", dry_run=True)
    assert run.conn.execute("select count(*), max(version_id) from ops.config_versions").fetchone() == before
    assert run.conn.execute("select count(*) from ops.key_triggers").fetchone() == (0,)
    assert run.conn.execute("select count(*) from ops.redrives").fetchone() == (0,)
    wet = apply(run.conn, rows, START, "test")
    assert dry.versions == {}
    assert (dry.changes, dry.redriven_facts, dry.touched_keys) == (wet.changes, wet.redriven_facts, wet.touched_keys)
    assert {name: dict(counts) for name, counts in wet.tables().items()} == {
        "items": {"changed": 1}, "item_crosswalk": {"removed": 1},
    }  # fmt: skip
    assert wet.redriven_facts == len({"cased-B", "event-B", "pallet", "allocated"})
    assert apply(run.conn, rows, START, "test").changes == []


def test_an_apply_waits_for_the_build_that_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact staged with the old rows after the apply looked for facts would stay so."""
    monkeypatch.setattr(sys.modules["syncline.config.apply"], "BUILD_WAIT_S", 1)
    with connect_dsn(run.dsn) as builder:
        builder.execute("select pg_advisory_lock(%s)", (BUILD_LOCK,))
        with pytest.raises(RetryableError, match="ran for more than"):
            apply(run.conn, World(0).rows, START, "test")
        builder.execute("select pg_advisory_unlock(%s)", (BUILD_LOCK,))
    assert apply(run.conn, World(0).rows, START, "test").changes == []


def test_another_channel_rule_queues_its_keys_and_another_limit_what_is_not_sent(run: Run) -> None:
    conn, first = run.conn, World(0).rows
    add("channel_rules", channel="shop", location="HUB", safety_stock=1)(first)
    add("tolerances", target="erp", units_max=100)(first)
    added = apply(conn, first, START, "test")
    keys = conn.execute("select target, item, location, reason from ops.correction_queue order by item").fetchall()
    assert keys == [("shop", item, "HUB", "configuration") for item in "AB"]
    assert (added.queued_corrections, added.touched_keys, added.redriven_facts) == (2, 0, 0)
    conn.execute("delete from ops.correction_queue")

    told_by_the_floor(conn)
    for item, state in (("A", "pending"), ("B", "held")):
        conn.execute(
            "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, "
            "shown, quantity, state, batch_id, created_at, changed_at, fact_id) "
            "values (%s, 'erp', %s, 'HUB', 1, 1, 'delta', 9, 2, 7, %s, 1, %s, %s, 'floor')",
            (f"c-{item}", item, state, START, START),
        )
    rows = World(0).rows
    add("channel_rules", channel="shop", location="HUB", safety_stock=1)(rows)
    add("channel_rules", channel="shop", location="HUB", item_class="slow", safety_stock=5)(rows)
    add("tolerances", target="erp", units_max=5)(rows)
    assert apply(conn, rows, START + timedelta(minutes=1), "test").queued_corrections == 3
    found = set(conn.execute("select target, item from ops.correction_queue").fetchall())
    assert found == {("shop", "B"), ("erp", "A"), ("erp", "B")}
    conn.execute("delete from ops.correction_queue where target = 'shop'")
    assert resolve.open_batch(conn, START + timedelta(minutes=2)) is not None, "an unsent correction is judged again"


def test_another_subscription_queues_what_it_concerns(run: Run) -> None:
    """Location before class decides; a consumer of other events concerns no number."""
    conn, rows = run.conn, World(0).rows
    add("subscriptions", subscriber="books2", event="books")(rows)
    add("subscriptions", subscriber="lake", event="correction.applied")(rows)
    assert apply(conn, rows, START, "test").queued_corrections == 3
    add("subscriptions", subscriber="books2", event="books", location="HUB", item_class="slow", mode="shadow")(rows)
    conn.execute("delete from ops.correction_queue")
    assert apply(conn, rows, START, "test").queued_corrections == 1
    found = conn.execute("select target, item, reason from ops.correction_queue").fetchall()
    assert found == [("books2", "B", "configuration")]


def test_the_command_shows_old_and_new(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse_dsn: Callable[[str], str]
) -> None:
    rows = World(0).rows
    change("sources", "tpl", clock_skew_s=600)(rows)
    rows["channel_rules"].append(row("channel_rules", channel="shop", location="*", safety_stock=2))
    folder = tmp_path / "rules"
    folder.mkdir()
    for name, table in TABLES.items():
        lines = [",".join(table.columns)]
        for found in rows[name]:
            values = ["" if v in (None, "-infinity", "infinity") else str(v) for v in found.values()]
            lines.append(",".join(values))
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    info = psycopg.conninfo.conninfo_to_dict(warehouse_dsn("owner"))
    monkeypatch.setenv(
        "AIRFLOW_CONN_WAREHOUSE_OWNER",
        json.dumps(
            {"conn_type": "postgres", "host": info["host"], "port": int(info["port"]), "login": info["user"],
             "password": info.get("password", ""), "schema": info["dbname"]}
        ),
    )  # fmt: skip
    shown = CliRunner().invoke(app, ["apply", "--folder", str(folder), "--dry-run"], env={"COLUMNS": "160"})
    assert shown.exit_code == 0, shown.output
    assert "clock_skew_s 60 → 600" in shown.output
    assert "sources: 1 changed" in shown.output
    assert "Dry run: nothing was written." in shown.output
    told_json = CliRunner().invoke(app, ["apply", "--folder", str(folder), "--json"])
    answer = json.loads(told_json.stdout)
    assert answer["tables"] == {"sources": {"changed": 1}, "channel_rules": {"added": 1}}
    assert [c["old"]["clock_skew_s"] for c in answer["changes"] if c["table"] == "sources"] == [60]
    assert (answer["touched_keys"], answer["versions"].keys()) == (2, {"sources", "channel_rules"})
    again = CliRunner().invoke(app, ["apply", "--folder", str(folder)])
    assert again.output == "Nothing changed.\n"
