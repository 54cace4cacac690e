"""A warehouse that has exceptions of before gets their history, and gives the states back when it goes down again."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from tests.exceptions.conftest import after

from syncline import warehouse as package
from syncline.exceptions import open_exception

DESK = "0023"


def scripts() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(package.__file__).parent / "migrations"))
    return config


def move(conn: psycopg.Connection, to: str) -> None:
    info = conn.info
    url = f"postgresql+psycopg2://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        config = scripts()
        config.attributes["connection"] = connection
        (command.downgrade if to < DESK else command.upgrade)(config, to)


def test_down_and_up_again(warehouse: psycopg.Connection) -> None:
    for subject in ("stands", "snoozed", "ended"):
        open_exception(warehouse, "x", subject, detail="d", next_step="n", at=after())
    until = "jsonb_build_object('until', '2026-11-03T00:00Z')"
    for subject, what in (("snoozed", "snoozed"), ("ended", "resolved")):
        query = f"select ops.change_exception(exception_id, %s, 'anna', %s, null, {until}) from ops.exceptions "
        warehouse.execute((query + "where subject = %s").encode(), (what, after(1), subject))

    before = ScriptDirectory.from_config(scripts()).get_revision(DESK).down_revision
    assert isinstance(before, str)
    move(warehouse, before)
    rows = "select subject, state, resolved_at from ops.exceptions order by exception_id"
    was = [("stands", "open", None), ("snoozed", "open", None), ("ended", "resolved", after(1))]
    assert warehouse.execute(rows).fetchall() == was
    warehouse.execute(
        "insert into ops.exceptions (rule, subject, state, detail, next_step, opened_at) "
        "values ('x', 'old', 'open', 'd', 'n', %s)",
        (after(2),),
    )
    told = warehouse.execute("select kind, correlation from ops.events where subject = 'exception/x/old'").fetchall()
    assert [kind for kind, _ in told] == ["exception.opened"]

    move(warehouse, DESK)
    assert warehouse.execute(rows).fetchall() == [*was, ("old", "open", None)]
    history = (
        "select e.subject, c.version, c.what, c.changed_at from ops.exception_changes c join ops.exceptions e "
        "using (exception_id) order by e.exception_id, c.version"
    )
    assert warehouse.execute(history).fetchall() == [
        ("stands", 1, "opened", after()),
        ("snoozed", 1, "opened", after()),
        ("ended", 1, "opened", after()),
        ("ended", 2, "resolved", after(1)),
        ("old", 1, "opened", after(2)),
    ]
    # What ended before is reopened inside its period as anything else.
    open_exception(warehouse, "x", "ended", detail="d", next_step="n", at=after(3))
    assert warehouse.execute("select state, version from ops.exceptions where subject = 'ended'").fetchall() == [
        ("reopened", 3)
    ]
