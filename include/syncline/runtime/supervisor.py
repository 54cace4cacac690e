"""Start children with log files, wait until they are ready, and stop all of them whatever happens."""

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
from syncline.runtime.processes import GRACE_S, POLL_S, forget, record, stop_group

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ChildFailed(SynclineError):
    """A child ended by itself or did not become ready."""


@dataclass
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

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
    """

    home: Path
    grace_s: float = GRACE_S
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

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> Child:
        """Start ``argv`` with exactly ``env``; output goes to ``logs/<name>.log`` (emptied first)."""
        log = self.home / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(argv),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self.children.append(child)
        record(self.home, name, process.pid)
        return child

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
            stop_group(child.process.pid, self.grace_s, child.process)
            forget(self.home, child.name)
        self.children.clear()


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
