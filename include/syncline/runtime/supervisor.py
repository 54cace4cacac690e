"""Start children with log files, wait until they are ready, bring back who dies, stop all of them in any case."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType

from syncline.errors import Interrupted, SynclineError
from syncline.runtime.processes import GRACE_S, POLL_S, forget, kill_group, record, stop_group

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ChildFailed(SynclineError):
    """A child ended by itself or did not become ready."""


@dataclass(frozen=True)
class Restarts:
    """How a child that died is started again; all in real seconds.

    Args:
        first_s: from a death to the new start; twice as long after each quick death, ``longest_s`` at most.
        steady_s: a child that lived longer has recovered: its death counts as the first one.
        quick_max: so many quick deaths in a row are answered with a new start, the next one is final.
    """

    first_s: float = 1.0
    longest_s: float = 30.0
    steady_s: float = 120.0
    quick_max: int = 5

    def wait_s(self, deaths: int) -> float:
        return float(min(self.first_s * 2 ** (deaths - 1), self.longest_s))


@dataclass
class Child:
    """A started program. ``due_s`` is when a dead one is started again (monotonic clock), None while it runs."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes]
    restarts: Restarts | None = None
    started_s: float = field(default_factory=time.monotonic)
    deaths: int = 0
    due_s: float | None = None

    def check(self) -> None:
        """Raise ChildFailed when the child is gone; the message ends with the log's last line."""
        code = self.process.poll()
        if code is not None:
            raise ChildFailed(
                f"{self.name} ended with code {code}: {last_line(self.log)}",
                next_step=f"Read {self.log}.",
                name=self.name,
            )


@dataclass
class Supervisor:
    """Context manager: whatever is started inside is stopped at its end, last started first, whatever happens.

    Args:
        home: state home; records go to ``run/``, logs to ``logs/``.
        grace_s: real seconds from SIGTERM to SIGKILL of a group.
        say: told in one line about every child that died and is started again.
    """

    home: Path
    grace_s: float = GRACE_S
    say: Callable[[str], None] = print
    children: list[Child] = field(default_factory=list)
    _signals: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Supervisor:
        self._signals.enter_context(interruptible())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # An impatient second Ctrl-C must not leave half of them running.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        with self._signals:
            self.stop()

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], restarts: Restarts | None = None) -> Child:
        """Start ``argv`` with exactly ``env``; output goes to ``logs/<name>.log`` (emptied first).

        Args:
            restarts: how ``tend`` brings it back; None: its death is the end of everything.
        """
        log = self.home / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        child = Child(name, list(argv), dict(env), log, _spawn(argv, env, log), restarts)
        self.children.append(child)
        record(self.home, name, child.process.pid)
        return child

    def child(self, name: str) -> Child:
        """The child ``name``; LookupError when there is none."""
        return next(child for child in self.children if child.name == name)

    def tend(self) -> None:
        """One look at everybody, to be called every second or so; does not wait.

        A dead child's session is killed and the child is started again when its time has come.

        Raises:
            ChildFailed: a child ended that may not be started again, or died too often in a row.
        """
        now = time.monotonic()
        for child in self.children:
            if child.due_s is not None:
                if now >= child.due_s:
                    self._again(child)
            elif child.process.poll() is not None:
                self._died(child, f"ended with code {child.process.returncode}")

    def restart(self, name: str, reason: str) -> None:
        """Stop the child ``name``, which lives but does not work, and let ``tend`` start it again.

        Raises:
            ChildFailed: it may not be started again, or died too often in a row.
        """
        child = self.child(name)
        if child.due_s is None:
            stop_group(child.process.pid, self.grace_s, child.process)
            self._died(child, reason)

    def _died(self, child: Child, what: str) -> None:
        now = time.monotonic()
        if child.restarts is None:
            child.check()
            return
        lived_s = now - child.started_s
        child.deaths = child.deaths + 1 if lived_s < child.restarts.steady_s else 1
        # What it left behind works for nobody: a restarted scheduler gives the same task to a new worker.
        kill_group(child.process.pid, child.process)
        words = last_line(child.log)
        if child.deaths > child.restarts.quick_max:
            raise ChildFailed(
                f"{child.name} {what}; {child.deaths} quick deaths in a row: {words}",
                next_step=f"Read {child.log}.",
                name=child.name,
            )
        wait_s = child.restarts.wait_s(child.deaths)
        child.due_s = now + wait_s
        self._tell(child, f"{child.name} {what} after {lived_s:.0f} s: {words}")
        self._tell(child, f"{child.name} starts again in {wait_s:.0f} s ({child.deaths} of {child.restarts.quick_max})")

    def _again(self, child: Child) -> None:
        child.process = _spawn(child.argv, child.env, child.log)
        child.started_s, child.due_s = time.monotonic(), None
        record(self.home, child.name, child.process.pid)
        self._tell(child, f"{child.name} runs again, pid {child.process.pid}")

    def _tell(self, child: Child, line: str) -> None:
        self.say(line)
        with child.log.open("ab") as log:
            log.write(f"syncline: {line}\n".encode())

    def wait_until(self, ready: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Poll ``ready`` until it is true.

        Raises:
            ChildFailed: a child ended, or ``timeout_s`` real seconds passed.
        """
        end = time.monotonic() + timeout_s
        while not ready():
            for child in self.children:
                child.check()
            if time.monotonic() > end:
                raise ChildFailed(
                    f"{what} was not ready after {timeout_s:.0f} s.",
                    next_step=f"Read the logs in {self.home / 'logs'}.",
                )
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop every child's group, last started first; idempotent."""
        for child in reversed(self.children):
            if child.due_s is None:  # else it is dead, and its number may be a stranger's by now
                stop_group(child.process.pid, self.grace_s, child.process)
            forget(self.home, child.name)
        self.children.clear()


def _spawn(argv: Sequence[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def last_line(log: Path) -> str:
    """The last line of a log that says something; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    except FileNotFoundError:
        return ""
    return next((line for line in reversed(lines) if line), "")


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside the block SIGINT, SIGTERM and SIGHUP raise ``Interrupted``, so that every ``finally`` runs."""
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)
