"""`syncline notices`: what a person sees and does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.notices.conftest import Deliver, Hand, Happenings, Receiver, begin
from typer.testing import CliRunner

from syncline.cli.notices import app
from syncline.errors import TerminalError
from syncline.notices.channel import SubscriberPolicy
from syncline.notices.desk import redrive, resume
from syncline.notices.webhook import Webhook

REGISTRY = """
sources: []
targets: []
subscribers:
  - {name: hook, kind: webhook}
  - {name: lake, kind: files}
"""
HOOK = SubscriberPolicy("hook", tries_max=1)


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse_dsn: Callable[[str], str]
) -> Callable[..., tuple[int, str]]:
    (tmp_path / "registry.yml").write_text(REGISTRY, encoding="utf-8")
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(tmp_path / "registry.yml"))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_PUBLISHER", warehouse_dsn("publisher"))
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "fs", "extra": {"path": str(tmp_path)}}))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(words))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


def test_a_dead_letter_is_listed_and_sent_again(
    happenings: Happenings,
    receiver: Receiver,
    webhook: Webhook,
    deliver: Deliver,
    command: Callable[..., tuple[int, str]],
) -> None:
    happenings.subscribe("hook", "correction.applied")
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    receiver.answers = [(422, {}, b"")]
    deliver(HOOK, webhook)
    code, told = command("list")
    assert code == 0
    assert "never ran" in told  # lake
    assert "it answered 422" in command("dead", "hook")[1]
    assert "1 would go again: 1" in command("redrive", "hook", "--dry-run")[1]
    assert happenings.states("hook") == {"dead": 1}
    assert "1 go again: 1" in command("redrive", "hook", "--event", "1")[1]
    assert deliver(HOOK, webhook)["delivered"] == 1
    assert "sent to again" in command("resume", "hook")[1]


def test_a_test_reaches_the_receiver_and_no_table(
    happenings: Happenings, tmp_path: Path, command: Callable[..., tuple[int, str]]
) -> None:
    code, told = command("test", "lake")
    assert (code, "lake: delivered" in told) == (0, True)
    (path,) = tmp_path.rglob("*.ndjson")
    assert json.loads(path.read_text())["type"] == "syncline.notice.test"
    assert happenings.rows("select count(*) from ops.events") == [(0,)]


def test_what_nobody_has_is_an_error(happenings: Happenings, clock: Hand) -> None:
    with pytest.raises(TerminalError, match="nobody"):
        resume(happenings.owner, "nobody", at=clock.now())
    happenings.owner.execute("insert into ops.subscriber_cursors (subscriber, position) values ('hook', 0)")
    with pytest.raises(TerminalError, match="no dead letter"):
        redrive(happenings.owner, "hook", 7, at=clock.now())
