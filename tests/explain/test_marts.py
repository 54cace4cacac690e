"""From a row of every mart to the bytes it is made of, and from a raw line forward to what a target answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.compensation.conftest import Rules, at, rules  # noqa: F401
from tests.decisions.lane import movement
from tests.threads import led
from typer.testing import CliRunner

from syncline.cli.trace import app
from syncline.errors import TerminalError
from syncline.explain.marts import RULES_ONLY, THREADS
from syncline.explain.trace import trace
from syncline.resolve import build_marts
from syncline.warehouse.connect import connect_dsn

MARTS = Path(__file__).parents[2] / "dbt_project" / "models" / "marts"


def test_no_mart_is_left_out() -> None:
    assert THREADS.keys() == {path.stem for path in MARTS.glob("*.sql")} - RULES_ONLY


def told(lane: Rules) -> None:
    """A day that fills most marts: a partner that misstates, a transfer, what nobody maps, releases and a short."""
    line = {"status_ref": "provisional"}
    like = next(
        row for row in lane.seeds["ownership_rules"] if (row["source"], row["measure"]) == ("dc1_wms", "on_hand")
    )
    lane.seeds["ownership_rules"].append({**like, "measure": "provisional"})
    lane.misstate()
    lane.tell(
        at(11, 3), movement(5, 9, 3, event_key="O-1/1")._replace(**line),
        movement(6, 800, 3, event_key="O-2/1")._replace(**line),
        movement(7, -4, 5, event_key="S-1")._replace(serves="O-1/1", is_final=True),
        movement(8, -2, 6, event_key="TR-1"), movement(12, -1, 7)._replace(item_ref="NOBODY"),
    )  # fmt: skip
    arrived = movement(90, 1, 20, event_key="TR-1")._replace(location_ref="DC2", sequence=None)
    lane.tell(at(11, 4), arrived, source="dc2_wms")
    lane.batch(at(11, 5))
    build_marts(lane.dsn("transformer"))


def test_every_row_leads_to_its_bytes(rules: Rules) -> None:  # noqa: F811
    """The marts of full states, gaps, returns and loops are asked where those are tested."""
    told(rules)
    empty = {mart for mart in THREADS.keys() - {"sync_health"} if not led(rules.dsn("bi"), mart)}
    assert empty == {
        "fct_reconciliation", "fct_sequence_gaps", "fct_dead_letters", "fct_held_corrections", "fct_shadow_corrections",
        "fct_return_lines",
    }  # fmt: skip
    with connect_dsn(rules.dsn("bi")) as conn:
        assert trace(conn, "sync_health:source|dc1_wms").documents
        assert trace(conn, "sync_health:target|erp").corrections
        with pytest.raises(TerminalError, match="Nothing is under a row of sync_health"):
            trace(conn, "sync_health:source|nobody")


def test_a_line_leads_forward_and_shows_its_bytes(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    told(rules)
    ((fact, document, position, name),) = rules.rows(
        "select f.fact_id, d.document_id, f.position, d.name from ops.outbox o join raw.facts f using (fact_id) "
        "join raw.documents d on d.document_id = f.document_id where o.target = 'erp' order by o.batch_id desc limit 1"
    )
    with connect_dsn(rules.dsn("bi")) as conn:
        for asked in (f"{document}#{position}", f"{name}#{position}"):
            found: Any = trace(conn, asked)
            assert {each.fact_id for each in found.facts} == {fact}
            assert "erp" in {each.target for each in found.corrections}
        with pytest.raises(TerminalError, match="No fact was read at 'events"):
            trace(conn, f"{document}#events[999]")
        with pytest.raises(TerminalError, match="is named by fact_id, not by 2 parts"):
            trace(conn, "fct_variances:a|b")
        with pytest.raises(TerminalError, match="Nothing is under a row of fct_transfers"):
            trace(conn, "fct_transfers:a|b|c")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BI", rules.dsn("bi"))
    shown = CliRunner().invoke(app, [f"{document}#{position}", "--bytes"], catch_exceptions=False).output
    assert shown.startswith(f"-- {name} of dc1_wms, 2 bytes, sha256 as at its receipt\n{{}}\n")
