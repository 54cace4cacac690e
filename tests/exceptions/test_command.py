"""``syncline exceptions``: what people see and type."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from click.testing import Result
from tests.exceptions.conftest import Desk, after
from typer.testing import CliRunner

from syncline.api.keys import keys_of
from syncline.cli import api
from syncline.cli.exceptions import app
from syncline.connections import Connection
from syncline.errors import SynclineError
from syncline.exceptions import About

Run = Callable[..., Result]


@pytest.fixture
def run(desk: Desk, warehouse_dsn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for role in ("transformer", "loader", "bi"):
        monkeypatch.setenv(f"AIRFLOW_CONN_WAREHOUSE_{role.upper()}", warehouse_dsn(role))
    monkeypatch.setenv("SYNCLINE_CLOCK", f"virtual:2026-11-02T21:00:00+00:00/{time.time()}/1")

    def invoke(*words: str, fails: bool = False) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert (result.exit_code != 0) == fails, result.output
        return result

    return invoke


def test_a_day_at_the_desk(desk: Desk, run: Run) -> None:
    number = str(desk.find(after(), units=3, evidence=["fact:abc"]))
    desk.find(after(8), "file_refused", "acme_3pl/a.edi", about=About(source="acme_3pl"))
    listed = run("list").output
    for words in ("SKU-0001/DC1/on_hand", "warehouse/DC1 floor", "9h 0m", "147.00", "11-02 20:00 late"):
        assert words in listed, listed
    assert "2 exceptions, 1 late." in listed
    assert "1 exceptions" in run("list", "--overdue").output
    assert "0 exceptions" in run("list", "--state", "snoozed").output
    assert "1 exceptions, 1 late; there are more" in run("list", "--limit", "1").output

    assert "is acknowledged; owner warehouse/anna." in run("take", number, "--by", "anna").output
    run("comment", number, "--by", "ben", "--note", "aisle 4")
    run("comment", number, "--by", "ben", "--note", "aisle 4", "--id", "call-1")
    run("comment", number, "--by", "ben", "--note", "aisle 4", "--id", "call-1")
    assert "until 2026-11-03T08:00:00Z" in run("snooze", number, "--by", "anna", "--until", "2026-11-03T08:00").output
    asked = run(
        "resolve", number, "--ask-partner", "--due", "2026-11-03T12:00", "--by", "anna", "--note", "complete?"
    ).output
    assert "is snoozed until 2026-11-03T12:00:00Z (ask partner)" in asked
    run("resolve", number, "--correct", "--by", "anna", "--note", "mapped")
    assert "is reopened" in run("reopen", number, "--by", "anna", "--note", "not yet").output

    shown = run("show", number).output
    for words in (
        "3 units, value 147.00", "warehouse/anna", "Count the stock; resolve with", "aisle 4",
        f"syncline trace exception:{number}", "complete?", "reopened",
    ):  # fmt: skip
        assert words in shown, shown
    told = json.loads(run("show", number, "--json").output)
    assert [each["what"] for each in told["changes"]] == [
        "opened", "acknowledged", "commented", "commented", "snoozed", "asked", "resolved", "reopened",
    ]  # fmt: skip
    assert told["evidence"][0]["ref"] == "abc"
    assert len(json.loads(run("list", "--json").output)) == 2


def test_wrong_usage_is_told(desk: Desk, run: Run) -> None:
    number = str(desk.find(after()))
    end = ("--by", "anna", "--note", "n")
    assert run("resolve", number, *end, fails=True).exit_code == 2
    assert run("resolve", number, "--accept", "--correct", *end, fails=True).exit_code == 2
    assert run("resolve", number, "--ask-partner", *end, fails=True).exit_code == 2
    assert run("list", "--state", "asleep", fails=True).exit_code == 2
    assert isinstance(run("take", "999", "--by", "anna", fails=True).exception, SynclineError)
    assert isinstance(
        run("snooze", number, "--by", "anna", "--until", "2026-11-01", fails=True).exception, SynclineError
    )


def test_a_key_is_shown_once_and_stored_as_its_hash() -> None:
    made = CliRunner().invoke(api.app, ["key", "--name", "helpdesk", "--scope", "exceptions:read"])
    assert made.exit_code == 0, made.output
    first, _, line = made.output.strip().splitlines()
    text = first.rpartition(" ")[2]
    (key,) = keys_of(Connection("syncline_api", "http", extra={"keys": [json.loads(line)]}))
    assert (key.name, key.scopes) == ("helpdesk", frozenset(["exceptions:read"]))
    assert text.removeprefix("syncline_") not in line
    assert CliRunner().invoke(api.app, ["key", "--name", "a", "--scope", "everything"]).exit_code != 0
