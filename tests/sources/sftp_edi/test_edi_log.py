"""``syncline edi log`` over a register that real pulls have written."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from edi_partner import Partner, an_846, interchange
from typer.testing import CliRunner

from syncline.cli.edi import app
from syncline.errors import ConfigurationError


@pytest.fixture
def sent(acme: Partner, monkeypatch: pytest.MonkeyPatch, warehouse_dsn: Callable[[str], str]) -> CliRunner:
    acme.send(interchange(an_846()), name="first.edi")
    acme.send(interchange(an_846(quantity="99")), name="other.edi")
    acme.send(interchange(an_846(), control="000000002", usage="T"), name="[bold]test.edi")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BI", warehouse_dsn("bi"))
    monkeypatch.setenv("COLUMNS", "240")
    return CliRunner()


def test_the_newest_come_first(sent: CliRunner) -> None:
    told = json.loads(sent.invoke(app, ["log", "--json"]).output)
    assert [(each["file"], each["verdict"]) for each in told] == [
        ("[bold]test.edi", "test"), ("other.edi", "conflict"), ("first.edi", "accepted")
    ]  # fmt: skip
    assert told[1]["fault_code"] == "interchange_conflict"
    assert told[2]["types"] == ["846"]
    assert [each["file"] for each in json.loads(sent.invoke(app, ["log", "--limit", "1", "--json"]).output)] == [
        "[bold]test.edi"
    ]


def test_it_is_narrowed_by_source_and_state(sent: CliRunner) -> None:
    assert json.loads(sent.invoke(app, ["log", "--source", "nobody", "--json"]).output) == []
    (one,) = json.loads(sent.invoke(app, ["log", "--state", "conflict", "--json"]).output)
    assert one["file"] == "other.edi"
    wrong = sent.invoke(app, ["log", "--state", "lost"])
    assert isinstance(wrong.exception, ConfigurationError)
    assert "accepted" in wrong.exception.next_step


def test_the_table_shows_names_as_they_are(sent: CliRunner) -> None:
    shown = sent.invoke(app, ["log"]).output
    assert "[bold]test.edi" in shown
    assert "3 shown." in shown
