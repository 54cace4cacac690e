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
from syncline.runtime.supervisor import ChildFailed, Restarts, Supervisor

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


QUICK = Restarts(first_s=0.05, longest_s=0.2, steady_s=60, quick_max=3)
# Leaves a line and an orphan in a group of its own at each start, and waits to be killed.
MORTAL = """
import os, subprocess, sys, time
orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], process_group=0)
print("started", flush=True)
open(sys.argv[1], "a").write(f"{os.getpid()} {orphan.pid}\\n")
time.sleep(300)
"""


def lives(path: Path) -> list[list[int]]:
    return [[int(pid) for pid in line.split()] for line in path.read_text().splitlines()] if path.exists() else []


def tended(supervisor: Supervisor, condition: Callable[[], bool]) -> bool:
    def look() -> bool:
        supervisor.tend()
        return condition()

    return eventually(look)


def test_who_was_killed_is_started_again_and_its_orphans_are_gone(tmp_path: Path) -> None:
    said: list[str] = []
    pids = tmp_path / "pids"
    with Supervisor(tmp_path, grace_s=3, say=said.append) as supervisor:
        supervisor.start("mortal", [sys.executable, "-c", MORTAL, str(pids)], {}, QUICK)
        assert tended(supervisor, lambda: len(lives(pids)) == 1)
        leader, orphan = lives(pids)[0]
        os.kill(leader, signal.SIGKILL)
        assert tended(supervisor, lambda: len(lives(pids)) == 2)
        assert not is_alive(leader)
        assert not is_alive(orphan)
        again = lives(pids)[1]
        assert all(map(is_alive, again))
        assert json.loads((tmp_path / "run" / "mortal.json").read_text())["pid"] == again[0]
        assert "mortal ended with code -9" in said[0]
        assert said[0].endswith(": started")
        assert said[1:] == ["mortal starts again in 0 s (1 of 3)", f"mortal runs again, pid {again[0]}"]
        log = (tmp_path / "logs" / "mortal.log").read_text().splitlines()
        assert log == ["started", *(f"syncline: {line}" for line in said), "started"]
    assert not any(map(is_alive, again))


def test_who_dies_again_and_again_ends_everything(tmp_path: Path) -> None:
    said: list[str] = []
    with Supervisor(tmp_path, say=said.append) as supervisor:
        supervisor.start("short", [sys.executable, "-c", "import sys; sys.exit('no database')"], {}, QUICK)
        with pytest.raises(ChildFailed, match=r"short ended with code 1; 4 quick deaths in a row: no database"):
            tended(supervisor, lambda: False)
    assert len([line for line in said if "starts again" in line]) == 3


def test_a_long_life_makes_the_next_death_the_first() -> None:
    assert [Restarts().wait_s(deaths) for deaths in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


def test_deaths_far_apart_are_never_too_many(tmp_path: Path) -> None:
    steady = Restarts(first_s=0.01, steady_s=0.0, quick_max=1)
    pids = tmp_path / "pids"
    with Supervisor(tmp_path, say=lambda line: None) as supervisor:
        supervisor.start("mortal", [sys.executable, "-c", MORTAL, str(pids)], {}, steady)
        for life in range(1, 5):
            assert tended(supervisor, lambda life=life: len(lives(pids)) == life)
            os.kill(lives(pids)[-1][0], signal.SIGKILL)


def test_who_may_not_come_back_ends_everything_at_once(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("twin", [sys.executable, "-c", "import sys; sys.exit('its day is lost')"], {})
        with pytest.raises(ChildFailed, match="twin ended with code 1: its day is lost"):
            tended(supervisor, lambda: False)


def test_who_stands_still_is_stopped_and_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    pids = tmp_path / "pids"
    with Supervisor(tmp_path, grace_s=3, say=said.append) as supervisor:
        supervisor.start("mortal", [sys.executable, "-c", MORTAL, str(pids)], {}, QUICK)
        assert tended(supervisor, lambda: len(lives(pids)) == 1)
        supervisor.restart("mortal", "was silent for 121 s")
        supervisor.restart("mortal", "is asked twice")
        assert not any(map(is_alive, lives(pids)[0]))
        assert tended(supervisor, lambda: len(lives(pids)) == 2)
        assert "mortal was silent for 121 s" in said[0]
        assert len(said) == 3


def test_the_end_leaves_a_stranger_alone_that_has_the_number_of_a_dead_child(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    try:
        with Supervisor(tmp_path, grace_s=1, say=lambda line: None) as supervisor:
            child = supervisor.start("mortal", [sys.executable, "-c", MORTAL, str(pids)], {}, Restarts(first_s=600))
            assert tended(supervisor, lambda: len(lives(pids)) == 1)
            os.kill(child.process.pid, signal.SIGKILL)
            assert tended(supervisor, lambda: child.due_s is not None)
            child.process = stranger
        assert is_alive(stranger.pid)
        assert list((tmp_path / "run").glob("*.json")) == []
    finally:
        stranger.kill()
        stranger.wait()
