"""Several workers of one push run: each sends documents of its own lanes; one of them also reads.

    worker 0                         worker 1
    reads the list, settles
    lanes 0, 2, 4 ...: sends         lanes 1, 3, 5 ...: sends, each on its own connection
    waits for worker 1               nothing due, or told to stop: done
    reads, judges what is unknown

An item is in one lane, so no two of them ever have the same item under way, and nobody waits for another's lane.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from syncline.targets.cycle import one_by_one, run_push
from syncline.targets.lanes import Share

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import psycopg

    from syncline.clock import Clock
    from syncline.targets.contract import Adapter
    from syncline.targets.cycle import Sends
    from syncline.targets.policy import TargetPolicy
    from syncline.targets.sending import Sent

    Opened = tuple[psycopg.Connection, Adapter]


def push_with(
    workers: int,
    open_worker: Callable[[], AbstractContextManager[Opened]],
    policy: TargetPolicy | Callable[[Adapter], TargetPolicy],
    clock: Clock,
    name: str,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, int]:
    """Push one target once with ``workers`` threads; the counts of all of them together.

    Args:
        open_worker: one worker's connection (role publisher, autocommit) and adapter, closed with the context.
        policy: of the target, or what makes it from the first adapter.
        name: of the lease holders: worker 0 has it, the others add their number.
        sleep: as for ``run_push``.

    Raises:
        What ``run_push`` raises. An error of one worker ends the run: the others write down what they have under
        way and begin nothing new, then the error of the first worker that had one is raised.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(open_worker()) for _ in range(workers)]
        conn, adapter = opened[0]
        declared = policy(adapter) if callable(policy) else policy
        names = [name, *(f"{name} worker {number}" for number in range(1, workers))]
        sends = [
            one_by_one(conn, adapter, declared, clock, names[number], Share(number, workers))
            for number, (conn, adapter) in enumerate(opened)
        ]
        return run_push(conn, adapter, declared, clock, name, sleep, side_by_side(sends))


def side_by_side(sends: list[Sends]) -> Sends:
    """All of ``sends`` at once, the first in the calling thread."""

    def send(tell: Callable[[Sent], bool]) -> None:
        lock = threading.Lock()
        stop = threading.Event()

        def counted(sent: Sent) -> bool:
            with lock:
                if tell(sent):
                    stop.set()
            return stop.is_set()

        def work(one: Sends) -> BaseException | None:
            try:
                one(counted)
            except BaseException as error:  # noqa: BLE001 - raised below, when all have written down what they had
                stop.set()
                return error
            return None

        with ThreadPoolExecutor(max(1, len(sends) - 1), thread_name_prefix="push") as pool:
            others = [pool.submit(work, one) for one in sends[1:]]
            errors = [work(sends[0]), *(other.result() for other in others)]
        for error in errors:
            if error is not None:
                raise error

    return send
