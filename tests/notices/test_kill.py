"""Kill a delivery with SIGKILL between sending and writing it down: it is repeated with the same id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.notices.conftest import SECRET, T0, Deliver, Hand, Happenings, Receiver, begin

from syncline.connections import Connection
from syncline.notices.channel import SubscriberPolicy
from syncline.notices.claiming import claim, settle
from syncline.notices.event import Outcome
from syncline.notices.files import DayFiles
from syncline.notices.planning import plan
from syncline.notices.webhook import Webhook

HOOK = SubscriberPolicy("hook", lease_s=15.0)
LAKE = SubscriberPolicy("lake", events_max=3, by_day=True, from_start=True)
# One run in a process of its own that dies where its argument says, with the clock at a given hour.
RUN = textwrap.dedent("""
    import os, sys
    from datetime import datetime
    from syncline.clock import Clock
    from syncline.connections import Connection
    from syncline.notices import delivering
    from syncline.notices.channel import SubscriberPolicy
    from syncline.notices.files import DayFiles
    from syncline.notices.webhook import Webhook
    from syncline.warehouse.connect import connect_dsn
    die_in, calls = sys.argv[1], int(sys.argv[2])
    original = getattr(delivering, die_in)
    def dies(*args, **kwargs):
        global calls
        calls -= 1
        if calls < 0:
            os.kill(os.getpid(), 9)
        return original(*args, **kwargs)
    setattr(delivering, die_in, dies)
    class Still(Clock):
        def now(self):
            return datetime.fromisoformat(os.environ["AT"])
    if "FOLDER" in os.environ:
        channel = DayFiles(Connection("lake", "fs", extra={"path": os.environ["FOLDER"]}))
        policy = SubscriberPolicy("lake", events_max=3, by_day=True, from_start=True)
    else:
        host = "http://127.0.0.1:" + os.environ["PORT"]
        connection = Connection("hook", "http", host, password=os.environ["SECRET"], extra={"path": "/in"})
        channel, policy = Webhook(connection, Clock(), 2.0), SubscriberPolicy("hook", lease_s=15.0)
    delivering.run_deliveries(connect_dsn(os.environ["DSN"]), policy, channel, Still(), "killed")
""")


def killed(dsn: str, at: str, die_in: str, calls: int = 0, **more: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, die_in, str(calls)],
        env=os.environ | {"DSN": dsn, "AT": at, "SECRET": SECRET} | more,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_webhook_gets_it_again_with_the_same_id(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand,
    warehouse_dsn: Callable[[str], str],
) -> None:  # fmt: skip
    happenings.subscribe("hook")
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    happenings.apply("A")
    killed(warehouse_dsn("publisher"), T0.isoformat(), "settle", PORT=str(receiver.port))
    assert len(receiver.requests) == 1
    assert happenings.states("hook") == {"sent": 1, "waiting": 1}

    # Cleared at once: the lease stands, and the next one of its subject does not overtake it.
    assert not any(deliver(HOOK, webhook).values())
    clock.move(16)
    assert deliver(HOOK, webhook)["delivered"] == 2
    assert receiver.requests[0][2] == receiver.requests[1][2]
    assert len(set(receiver.ids)) == 2


def test_a_late_answer_of_a_lost_worker_changes_nothing(
    happenings: Happenings, receiver: Receiver, webhook: Webhook, deliver: Deliver, clock: Hand,
    publisher: psycopg.Connection,
) -> None:  # fmt: skip
    happenings.subscribe("hook")
    begin(deliver, HOOK, webhook)
    happenings.apply("A")
    deliver(HOOK, webhook)
    happenings.apply("A")
    plan(publisher, HOOK, clock.now())
    lost = claim(publisher, HOOK, clock, "same run", again=False)
    assert lost is not None
    clock.move(16)
    repeated = claim(publisher, HOOK, clock, "same run", again=True)
    assert repeated is not None
    assert repeated.bundle_id == lost.bundle_id
    assert not settle(publisher, HOOK, clock, "same run", lost, Outcome("gone", "late"))
    assert settle(publisher, HOOK, clock, "same run", repeated, Outcome("delivered", "ok"))
    assert happenings.states("hook") == {"delivered": 2}


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_files_hold_every_event_once_whenever_the_writer_dies(
    happenings: Happenings, deliver: Deliver, clock: Hand, tmp_path: Path, warehouse_dsn: Callable[[str], str],
    calls: int,
) -> None:  # fmt: skip
    happenings.subscribe("lake")
    for number in range(7):
        happenings.apply(f"item-{number % 2}")
    killed(warehouse_dsn("publisher"), T0.isoformat(), "settle", calls, FOLDER=str(tmp_path))
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*.ndjson")}
    assert len(before) == calls + 1
    clock.move(60)
    deliver(LAKE, DayFiles(Connection("lake", "fs", extra={"path": str(tmp_path)})))
    after = {path.name: path.read_bytes() for path in tmp_path.rglob("*.ndjson")}
    assert before.items() <= after.items()
    told = [json.loads(line)["id"] for _, content in sorted(after.items()) for line in content.splitlines()]
    assert len(told) == len(set(told)) == 7
    assert {path.parent.name for path in tmp_path.rglob("*.ndjson")} == {"day=2026-11-02"}
    assert not list(tmp_path.rglob(".*"))
