"""The scorecard of a day told by hand, counted by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.history.telling import at, released, shown
from tests.marts.telling import Telling
from tests.rereading.network import Warehouse
from typer.testing import CliRunner

from syncline.cli.scorecard import app
from syncline.landing.model import fault

COUNTED = (
    "documents", "lines", "late_documents", "late_lines", "duplicate_documents", "duplicate_lines", "stale_lines",
    "malformed_documents", "malformed_lines", "unmapped_lines", "conflict_lines", "short_lines", "variances",
    "partner_variances", "unexplained_variances", "acknowledgments_due", "acknowledgments_late",
    "acknowledgments_rejected", "sequence_gaps", "missing_numbers",
)  # fmt: skip


@pytest.fixture
def told(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """A Monday of beta (New York), three documents of acme and the WMS of DC1."""
    ours = new_warehouse()
    t = Telling(ours)
    beta, acme, wms = "beta_3pl", "acme_3pl", "dc1_wms"
    t.land(beta, at("12:01"), *(t.count(beta, item, 100, "08:00") for item in (1, 2)))
    t.land(beta, at("12:02"), status="duplicate", fault_code="file_duplicate")
    twice = t.move(beta, 1, -5, "09:00", event_key="K-1/1")
    t.land(
        beta, at("12:10"), twice, t.move(beta, 1, -5, "09:00", event_key="K-1/1"),
        t.move(beta, 2, -3, "09:00", item_ref="nobody knows"),
        # 3 shipped of 5 released.
        t.move(beta, 2, -3, "09:30", line_key="S-2/1"), t.move(beta, 2, -5, "09:30", line_key="S-2/1", status_ref="27"),
    )  # fmt: skip
    # Of five in the morning: beta may be 4 hours late, not 7. Another line of it is in time.
    t.land(beta, at("12:20"), t.move(beta, 2, -1, "05:00"), t.move(beta, 2, -1, "12:00"))
    broken = fault(
        "line_incomplete", "W1203 is missing", line_key="x", position="segment 4", reading="by hand/1", is_test=False
    )
    t.land(beta, at("12:30"), broken, t.count(beta, 1, 93, "10:00"), status="partial", fault_code="line_incomplete")
    # Three in the morning of the next day in UTC is still Monday in New York.
    t.land(beta, at("03:00", day=3), t.count(beta, 1, 93, "23:30"))
    t.land(beta, at("06:00", day=3), t.count(beta, 1, 93, "2026-11-03T05:30Z"))

    t.land(wms, at("12:00:30"), t.count(wms, 3, 50, "11:45:00"), t.count(wms, 3, 50, "12:00:00"))
    t.land(acme, at("12:40"), t.count(acme, 3, 47, "11:50"), t.move(acme, 3, -1, "12:30", event_key="K-3/1"))
    t.land(acme, at("12:41"), t.move(acme, 3, -2, "12:31", event_key="K-3/1"))
    ours.owner.execute(
        "insert into ops.sequence_gaps (source, first_no, last_no, noticed_at, due_at, state, ended_at) values "
        "('dc1_wms', 5, 7, %(at)s, %(at)s, 'open', null), ('dc1_wms', 9, 9, %(at)s, %(at)s, 'arrived', %(at)s)",
        {"at": at("12:00")},
    )
    outbound = (
        "insert into ops.edi_outbound (source, kind, syntax, expects_answer, is_test, status, said, state, created_at)"
        " values ('acme_3pl', '940', 'x12', true, false, '', '{}', 'pending', %s) returning outbound_id"
    )
    answers = ((at("12:00"), at("12:10"), True), (at("12:00"), at("15:00"), False), (at("12:00"), None, None))
    for number, (sent, answered, is_accepted) in enumerate(answers, 1):
        ((outbound_id,),) = ours.rows(outbound, sent)
        ours.owner.execute(
            "update ops.edi_outbound set state = 'numbered', content = 'x', name = %s, interchange_control = %s,"
            " numbered_at = %s where outbound_id = %s",
            (f"940_{number}", str(number), sent, outbound_id),
        )
        ours.owner.execute(
            "update ops.edi_outbound set state = case when %(answered)s::timestamptz is null then 'sent' else"
            " 'acknowledged' end, sent_at = %(sent)s, due_at = %(due)s, answered_at = %(answered)s,"
            " is_accepted = %(accepted)s where outbound_id = %(id)s",
            {"sent": sent, "due": at("14:00"), "answered": answered, "accepted": is_accepted, "id": outbound_id},
        )
    shown(ours, "SKU-0001", "DC3", 1, 93, at("12:00"))
    released(ours, at("06:10", day=3))
    return ours


def figures(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in COUNTED if row[name]}


def test_the_counts_are_those_of_the_hand(told: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    host = told.owner.info
    monkeypatch.setenv(
        "AIRFLOW_CONN_WAREHOUSE_BI",
        json.dumps({
            "conn_type": "postgres", "host": host.host, "port": host.port, "login": host.user,
            "password": host.password, "schema": host.dbname,
        }),
    )  # fmt: skip
    done = CliRunner().invoke(app, ["--by-day", "--json"])
    assert done.exit_code == 0, done.output
    rows = {(row["source"], row["day"]): figures(row) for row in json.loads(done.stdout)}
    assert rows == {
        ("beta_3pl", "2026-11-02"): {
            "documents": 6, "lines": 11, "late_documents": 1, "late_lines": 1, "duplicate_documents": 1,
            "duplicate_lines": 1, "malformed_documents": 1, "malformed_lines": 1, "unmapped_lines": 1, "short_lines": 1,
            "variances": 1, "partner_variances": 1,
        },
        ("beta_3pl", "2026-11-03"): {"documents": 1, "lines": 1},
        ("acme_3pl", "2026-11-02"): {
            "documents": 2, "lines": 3, "stale_lines": 1, "conflict_lines": 1, "variances": 1,
            "unexplained_variances": 1, "acknowledgments_due": 3, "acknowledgments_late": 2,
            "acknowledgments_rejected": 1,
        },
        ("dc1_wms", "2026-11-02"): {"documents": 1, "lines": 2, "sequence_gaps": 1, "missing_numbers": 3},
    }  # fmt: skip

    done = CliRunner().invoke(app, ["beta_3pl", "--since", "2026-11-03"])
    assert done.exit_code == 0, done.output
    assert [line.split()[:4] for line in done.stdout.splitlines() if line.startswith("beta")] == [
        ["beta_3pl", "edi", "1", "1"]
    ]
    done = CliRunner().invoke(app, [])
    assert "3 acknowledgments awaited, 2 late, 1 rejections, slowest 10800 s" in done.stdout
    assert "3 numbers missing in 1 gaps" in done.stdout
