"""How much of a partner's limit several workers use together: threads and processes, real Postgres, real HTTP.

python -m bench --only governance
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg

from bench.figures import Figure
from bench.limited import TOKEN, Limited, serving
from bench.network import sku
from bench.resolving import say
from bench.sizes import Size
from bench.warehouse import Bench, told_by_the_floor
from syncline.clock import Clock
from syncline.connections import Connection
from syncline.registry.models import Target
from syncline.targets.cycle import run_push
from syncline.targets.governance.adapter import governed
from syncline.targets.policy import TargetPolicy
from syncline.warehouse.connect import connect_dsn

PER_S = 50.0
CAPACITY = 10.0  # of the partner's bucket: a fifth of a second, so that a lag of ours is a 429 and not lost in it
PROCESSES, THREADS = 2, 4
USED, REFUSED_PCT = 0.9, 1.0
READY_S = 60.0


def entry() -> Target:
    """One line a document, so that requests are what the limit bounds."""
    return Target.model_validate(
        {"name": "erp", "kind": "erp_api", "style": "delta", "sole_writer": True, "life_s": 30, "timeout_s": 4,
         "lines_max": 1, "not_executed": [429],
         "limits": {"per_s": PER_S, "burst": 5, "concurrent": PROCESSES * THREADS}}
    )  # fmt: skip


def governance_figures(bench: Bench, size: Size) -> Iterator[Figure]:
    """The share of the limit that was used while there was work, and requests above it."""
    rounds = []
    for number in range(size.governance_rounds):
        say(f"governance, round {number + 1} of {size.governance_rounds}")
        with bench.database(f"governance_{number}") as name, serving(Limited(PER_S, CAPACITY)) as partner:
            rounds.append(_round(bench, name, partner, size.governance_corrections))
    detail = {name: sum(each[name] for each in rounds) / len(rounds) for name in rounds[0]}
    workers = f"{PROCESSES} processes of {THREADS} workers"
    yield Figure.of(
        "governance", f"share used of a target's {PER_S:g} requests/s, {workers}", [each["used"] for each in rounds],
        "", target=(">=", USED), detail=detail,
    )  # fmt: skip
    yield Figure.of(
        "governance", "requests above the limit (429) of all", [each["refused_pct"] for each in rounds], "%",
        target=("<=", REFUSED_PCT),
    )  # fmt: skip


def fill(owner: psycopg.Connection, corrections: int) -> None:
    """So many corrections of as many items, all due, each a delta of one from a reading of zero."""
    at = datetime.now(UTC)
    owner.execute("insert into ops.batches (as_of, state) values (%s, 'released')", (at,))
    told_by_the_floor(owner)
    with owner.cursor() as cursor:
        cursor.executemany(
            "insert into ops.target_readings (target, item, location, reading_no, quantity, read_at) "
            "values ('erp', %s, 'DC1', 1, 0, %s)",
            [(sku(number), at) for number in range(corrections)],
        )
        cursor.executemany(
            "insert into ops.target_versions (target, item, location, version, wanted, batch_id) "
            "select 'erp', %s, 'DC1', 1, 1, max(batch_id) from ops.batches",
            [(sku(number),) for number in range(corrections)],
        )
        cursor.executemany(
            "insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, "
            "shown, quantity, state, batch_id, created_at, changed_at, fact_id) "
            "select %s, 'erp', %s, 'DC1', 1, 1, 'delta', 1, 0, 1, 'pending', max(batch_id), %s, %s, 'floor' "
            "from ops.batches",
            [(f"{number:064x}", sku(number), at, at) for number in range(corrections)],
        )
    owner.execute("analyze ops.outbox, ops.target_readings")


def _round(bench: Bench, name: str, partner: Limited, corrections: int) -> dict[str, float]:
    with bench.connect(name) as owner:
        fill(owner, corrections)
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(PROCESSES)
    processes = [
        spawn.Process(target=_work, args=(bench.dsn(name, "publisher"), partner.url, ready)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes) or len(partner.effects) != corrections:
        raise RuntimeError(f"{len(partner.effects)} of {corrections} corrections took effect; see the errors above")
    posts = sorted(partner.posts)
    seconds, refused = posts[-1] - posts[0], partner.refused
    asked = len(partner.accepted) + refused.total()
    return {
        "used": sum(posts[0] <= at <= posts[-1] for at in partner.accepted) / seconds / PER_S,
        "refused_pct": 100.0 * refused.total() / asked,
        "seconds_with_a_429": float(len(refused)),
        "seconds": seconds,
        "twice": float(sum(count > 1 for count in partner.effects.values())),
    }


def _work(dsn: str, url: str, ready: threading.Barrier) -> None:
    """One process: each thread pushes with its own connections until nothing is due."""
    target, errors = entry(), list[BaseException]()
    connection = Connection("erp", "http", url, password=TOKEN)

    def push(number: int) -> None:
        worker = f"bench {multiprocessing.current_process().name} {number}"
        with (
            connect_dsn(dsn, name="limits") as limits,
            connect_dsn(dsn, name="publisher") as publisher,
            governed(target, lambda: connection, limits, Clock(), worker) as adapter,
        ):
            run_push(publisher, adapter, TargetPolicy.of(target, adapter.capabilities), Clock(), worker)

    def caught(number: int) -> None:
        try:
            push(number)
        except BaseException as error:  # noqa: BLE001 - a thread's error must end its process
            errors.append(error)

    ready.wait(READY_S)
    threads = [threading.Thread(target=caught, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
