"""Nothing that was started outlives its supervisor, with real processes and real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from syncline.errors import ConfigurationError, Interrupted
from syncline.runtime import processes
from syncline.runtime.supervisor import ChildFailed, Supervisor

# A child with a grandchild in a group of its own, as Airflow's tasks are; it writes both pids.
FAMILY = """
import os, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], process_group=0)
open(sys.argv[1] + ".draft", "w").write(f"{os.getpid()} {grandchild.pid}")
os.rename(sys.argv[1] + ".draft", sys.argv[1])
time.sleep(300)
"""
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write(f"{os.getpid()}")
time.sleep(300)
"""
PARENT = """
import sys, time
from pathlib import Path
from syncline.errors import Interrupted
from syncline.runtime.supervisor import Supervisor
home, pids, code = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
try:
    with Supervisor(home, grace_s=3) as supervisor:
        supervisor.start("family", [sys.executable, "-c", code, pids], {})
        time.sleep(300)
except Interrupted as stopped:
    sys.exit(128 + stopped.number)
"""


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pids_in(path: Path) -> list[int]:
    assert eventually(path.exists), "the child never started"
    return [int(pid) for pid in path.read_text().split()]


def start_parent(home: Path, pids: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PARENT, str(home), str(pids), FAMILY], start_new_session=True)


def test_the_end_of_the_block_stops_the_whole_family(tmp_path: Path) -> None:
    with Supervisor(tmp_path, grace_s=3) as supervisor:
        supervisor.start("family", [sys.executable, "-c", FAMILY, str(tmp_path / "pids")], {})
        family = pids_in(tmp_path / "pids")
        assert all(map(is_alive, family))
    assert not any(map(is_alive, family))
    assert list((tmp_path / "run").glob("*.json")) == []


def test_an_error_in_the_block_stops_them_too(tmp_path: Path) -> None:
    def fail() -> None:
        with Supervisor(tmp_path, grace_s=3) as supervisor:
            supervisor.start("family", [sys.executable, "-c", FAMILY, str(tmp_path / "pids")], {})
            assert all(map(is_alive, pids_in(tmp_path / "pids")))
            raise LookupError("the demo broke")

    with pytest.raises(LookupError, match="the demo broke"):
        fail()
    assert not any(map(is_alive, pids_in(tmp_path / "pids")))


def test_who_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    with Supervisor(tmp_path, grace_s=0.5) as supervisor:
        supervisor.start("stubborn", [sys.executable, "-c", STUBBORN, str(tmp_path / "pids")], {})
        (pid,) = pids_in(tmp_path / "pids")
    assert not is_alive(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_parent_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    parent = start_parent(tmp_path, tmp_path / "pids")
    family = pids_in(tmp_path / "pids")
    os.kill(parent.pid, number)
    assert parent.wait(timeout=30) == 128 + number
    assert not any(map(is_alive, family))


def test_what_a_killed_parent_left_is_found_and_stopped(tmp_path: Path) -> None:
    parent = start_parent(tmp_path, tmp_path / "pids")
    family = pids_in(tmp_path / "pids")
    assert eventually((tmp_path / "run" / "family.json").exists)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert all(map(is_alive, family))
    assert processes.stop_leftovers(tmp_path, grace_s=3) == ["family"]
    assert eventually(lambda: not any(map(is_alive, family)))
    assert processes.stop_leftovers(tmp_path) == []


def test_a_dead_leader_does_not_hide_its_orphans(tmp_path: Path) -> None:
    parent = start_parent(tmp_path, tmp_path / "pids")
    leader, orphan = pids_in(tmp_path / "pids")
    assert eventually((tmp_path / "run" / "family.json").exists)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    os.kill(leader, signal.SIGKILL)
    assert eventually(lambda: not is_alive(leader))
    assert is_alive(orphan)
    assert processes.stop_leftovers(tmp_path, grace_s=3) == ["family"]
    assert eventually(lambda: not is_alive(orphan))


def test_a_stranger_with_a_recorded_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    try:
        processes.record(tmp_path, "old", stranger.pid)
        path = tmp_path / "run" / "old.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"created": 1.0}))
        assert processes.stop_leftovers(tmp_path) == []
        assert is_alive(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()


def test_a_child_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("short", [sys.executable, "-c", "import sys; sys.exit('port 8080 is taken')"], {})
        with pytest.raises(ChildFailed, match="short ended with code 1: port 8080 is taken"):
            supervisor.wait_until(lambda: False, "short", timeout_s=20)


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor, pytest.raises(ChildFailed, match="Airflow was not ready after 0 s"):
        supervisor.wait_until(lambda: False, "Airflow", timeout_s=0.2)


def test_a_state_home_has_one_holder(tmp_path: Path) -> None:
    assert processes.holder(tmp_path) is None
    with processes.exclusive(tmp_path):
        assert processes.holder(tmp_path) == os.getpid()
        with pytest.raises(ConfigurationError, match=f"pid {os.getpid()}"), processes.exclusive(tmp_path):
            pytest.fail("two holders at once")
    with processes.exclusive(tmp_path):
        pass


def test_nothing_but_the_top_catches_an_interruption() -> None:
    assert not issubclass(Interrupted, Exception)
