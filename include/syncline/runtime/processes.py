"""Process sessions: recorded, stopped whole, found again after a crash.

Airflow renames its children, so names find nothing. Every child leads a session of its own; whoever is in that
session or group belongs to it. What is started is recorded under ``run/`` with the leader's start time, so that
a later run can stop what a killed one left, and never a stranger that got the same pid.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from syncline.errors import ConfigurationError

GRACE_S = 20.0
POLL_S = 0.1
KILLED_S = 5.0


def stop_group(leader: int, grace_s: float, process: subprocess.Popen[bytes] | None = None) -> None:
    """SIGTERM to the session of ``leader``, then SIGKILL to what is left after ``grace_s``."""
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, KILLED_S)):
        members = _members(leader)
        _signal_all(members if number == signal.SIGKILL else [leader] if leader in members else members, number)
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            if process is not None:
                process.poll()  # reap our own child, or it stays a zombie in its group
            if not _members(leader):
                return
            time.sleep(POLL_S)
            if number == signal.SIGTERM and leader not in _members(leader):
                _signal_all(_members(leader), number)  # the leader went first: ask the orphans too


def kill_group(leader: int, process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to everybody who is left in the session of ``leader``, our own child ``process``, which has died."""
    end = time.monotonic() + KILLED_S
    while (members := _members(leader)) and time.monotonic() < end:
        _signal_all(members, signal.SIGKILL)
        process.poll()
        time.sleep(POLL_S)


def stop_leftovers(home: Path, grace_s: float = GRACE_S) -> list[str]:
    """Stop what an earlier, killed run recorded under ``home/run`` and left running; return the names."""
    found = []
    for path in sorted((home / "run").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if _is_same(record["pid"], record["created"]) and _members(record["pid"]):
            found.append(record["name"])
            stop_group(record["pid"], grace_s)
        path.unlink()
    return found


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Hold the state home: one ``up`` or ``demo`` at a time.

    Raises:
        ConfigurationError: another one holds it; says which pid.
    """
    (home / "run").mkdir(parents=True, exist_ok=True)
    with (home / "run" / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigurationError(
                f"Syncline already runs here (pid {lock.read().strip() or '?'}).",
                next_step="Stop it with Ctrl-C or `syncline down`, or set SYNCLINE_HOME to another folder.",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def holder(home: Path) -> int | None:
    """Pid of the process that holds ``exclusive(home)``, or None."""
    try:
        with (home / "run" / "lock").open("r", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read().strip() or 0) or None
    except FileNotFoundError:
        pass
    return None


def record(home: Path, name: str, pid: int) -> None:
    """Remember a started session leader for ``stop_leftovers``."""
    path = home / "run" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"name": name, "pid": pid, "created": _created(pid)}), encoding="utf-8")


def forget(home: Path, name: str) -> None:
    """Take ``record`` back."""
    (home / "run" / f"{name}.json").unlink(missing_ok=True)


def _created(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _is_same(pid: int, created: float | None) -> bool:
    """Is ``pid`` still the recorded process, or a dead leader whose session may live on?

    A pid cannot be given to a stranger while a session of that number has members; a living process with that
    pid and another start time is a stranger.
    """
    now = _created(pid)
    return now is None or created is None or abs(now - created) < 1.0


def _members(leader: int) -> list[int]:
    """Living (not zombie) processes of the leader's session or group."""
    found = []
    for process in psutil.process_iter(["status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            continue
        try:
            if os.getsid(process.pid) == leader or os.getpgid(process.pid) == leader:
                found.append(process.pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found


def _signal_all(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
