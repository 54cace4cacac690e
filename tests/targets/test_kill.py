"""Kill the push with SIGKILL at bad moments and run it again: the target changes once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from syncline.clock import Clock

MakeLoop = Callable[..., Any]
A, B = ("SKU-0001", "DC1"), ("SKU-0002", "DC1")
# A push in a process of its own, in real time. The argument after the target names a function to die in.
PUSH = textwrap.dedent("""
    import importlib, os, sys
    from syncline.clock import Clock
    from syncline.targets import cycle, sending, recovery, changes
    from syncline.targets.policy import TargetPolicy
    from syncline.warehouse.connect import connect_dsn
    target, die_in, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if die_in != "-":
        module, name = die_in.split(".")
        module = {"cycle": cycle, "sending": sending, "changes": changes}[module]
        original = getattr(module, name)
        def dies(*args, **kwargs):
            global calls
            calls -= 1
            if calls < 0:
                os.kill(os.getpid(), 9)
            return original(*args, **kwargs)
        setattr(module, name, dies)
    Client = getattr(importlib.import_module(f"syncline.targets.{target}.client"), f"{target.title()}Client")
    policy = TargetPolicy(target, Client.capabilities, call_s=2.0,
                          lease_s=2.5, run_s=15.0, back_off_s=0.1)
    conn = connect_dsn(os.environ["DSN"], name="publisher")
    print(cycle.run_push(conn, Client(os.environ["URL"], os.environ["TOKEN"], policy), policy, Clock(), "killed"))
""")


@contextmanager
def process(loop: Any, die_in: str = "-", calls: int = 0) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        [sys.executable, "-c", PUSH, loop.policy.target, die_in, str(calls)],
        env=os.environ | {"DSN": loop.dsn, "URL": loop.url, "TOKEN": "test-token"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        assert running.stdout is not None
        running.stdout.close()


def run(loop: Any, die_in: str = "-", calls: int = 0) -> tuple[int, str]:
    with process(loop, die_in, calls) as running:
        output, _ = running.communicate(timeout=30)
        return running.returncode, output


def ready(make_loop: MakeLoop, target: str) -> Any:
    """A released correction for each of two keys; everything in real time from here."""
    loop = make_loop(target, {A: 10, B: 20}, {A: 12, B: 15})
    object.__setattr__(loop, "clock", Clock())
    code, output = run(loop)
    assert code == 0, output
    assert loop.release().pending == 2
    return loop


@pytest.mark.parametrize("target", ["erp", "shop"])
def test_killed_between_send_and_answer(make_loop: MakeLoop, target: str) -> None:
    loop = ready(make_loop, target)
    loop.book.faults, loop.book.slow_s = ["slow"], 1.0
    with process(loop) as running:
        assert loop.book.arrived.wait(10)
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert loop.states() == {"sent": 2}
    time.sleep(0.1)
    code, output = run(loop)
    assert code == 0, output
    assert loop.book.numbers == {A: 12, B: 15}
    assert sorted(loop.book.effects.values()) == [1, 1]
    assert loop.states() == {"applied": 2}
    assert len(loop.book.documents) == 1, "the change list proved it"


# Where it dies: before the claim, after the claim and before the first byte, after the answer and before it is stored,
# while the last page is stored.
MOMENTS = [("sending.claim", 0), ("sending.record", 0), ("sending._settle_line", 1), ("changes._store_readings", 1)]


@pytest.mark.parametrize(("die_in", "calls"), MOMENTS)
def test_killed_anywhere_and_run_again(make_loop: MakeLoop, die_in: str, calls: int) -> None:
    loop = ready(make_loop, "erp")
    code, output = run(loop, die_in, calls)
    assert code == -signal.SIGKILL, output
    for _ in range(2):
        code, output = run(loop)
        assert code == 0, output
    assert loop.book.numbers == {A: 12, B: 15}
    assert sorted(loop.book.effects.values()) == [1, 1]
    assert loop.states() == {"applied": 2}
    assert loop.release().pending == 0
