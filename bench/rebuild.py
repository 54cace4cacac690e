"""Generate N facts in a throw-away Postgres, rebuild everything derived from them, print seconds for each model.

python -m bench.rebuild --facts 1000000 [--batch 10000] [--items N] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.facts import history, micro_batch
from bench.machine import forget_peak, peak_mib
from bench.warehouse import Bench, throw_away
from syncline.resolve import build, dbt, open_batch, rebuild

SHOWN = 15
# What a rebuild is measured beside: each fact once, as first received, and the movements summed in the partners' own
# names. No names mapped, no times, roles, balances, bounds or verdicts.
BY_HAND = """
create table public.by_hand as
select item_ref, location_ref, status_ref, sum(quantity::numeric) filter (where kind = 'movement') as moved
from (
  select distinct on (f.fact_id) f.*
  from raw.facts f
  order by f.fact_id, f.received_at, f.document_id, f.position
) as once
where fault_code is null
group by item_ref, location_ref, status_ref
"""


@dataclass(frozen=True)
class Timed:
    """Wall seconds of a build and of each dbt node in it; ``by_hand``: of SQL that only deduplicates and sums.

    ``grown_mib``: how much memory this process, dbt in it, took meanwhile beside what it had.
    """

    seconds: float
    nodes: dict[str, float]
    by_hand: float = 0.0
    grown_mib: float = 0.0

    @property
    def node_seconds(self) -> float:
        """Of all dbt nodes together; two run at a time."""
        return sum(self.nodes.values())

    def slowest(self, count: int) -> dict[str, float]:
        return dict(sorted(self.nodes.items(), key=lambda pair: -pair[1])[:count])


@contextmanager
def node_seconds() -> Iterator[dict[str, float]]:
    """Seconds of every dbt node that runs inside the block (``Built`` keeps the three slowest only)."""
    seconds: dict[str, float] = {}
    run = dbt.run

    def recording(*arguments: object, **named: object) -> list[dbt.Node]:
        nodes = run(*arguments, **named)  # type: ignore[arg-type]
        seconds.update({node.name: node.seconds for node in nodes})
        return nodes

    dbt.run = recording
    try:
        yield seconds
    finally:
        dbt.run = run


def timed_rebuild(bench: Bench, database: str) -> Timed:
    """``resolve.rebuild`` as the transformer: drop everything derived, derive it again."""
    with bench.connect(database, "transformer") as conn, node_seconds() as nodes:
        conn.execute("set statement_timeout = 0")
        forget_peak()
        memory = peak_mib()
        started = time.perf_counter()
        assert rebuild(conn, bench.dsn(database, "transformer"), bench.home / "dbt") is not None
        return Timed(time.perf_counter() - started, dict(nodes), grown_mib=peak_mib() - memory)


def timed_batch(bench: Bench, database: str) -> Timed:
    """Open a batch of everything pending and build it, as the lane does; it ends as released, nothing is pushed."""
    with bench.connect(database, "transformer") as conn, node_seconds() as nodes:
        row = conn.execute("select max(as_of) + interval '1 second' from ops.batches").fetchone()
        assert row is not None
        batch = open_batch(conn, row[0])
        assert batch is not None
        started = time.perf_counter()
        build(conn, bench.dsn(database, "transformer"), batch.batch_id, bench.home / "dbt")
        seconds = time.perf_counter() - started
    with bench.connect(database) as owner:
        released(owner)
    return Timed(seconds, dict(nodes))


def timed_by_hand(bench: Bench, database: str) -> float:
    """Seconds of hand-written SQL that only deduplicates the same facts and sums them."""
    with bench.connect(database) as owner:
        owner.execute("set statement_timeout = 0")
        started = time.perf_counter()
        owner.execute(BY_HAND)
        seconds = time.perf_counter() - started
        owner.execute("drop table public.by_hand")
    return seconds


def released(owner: psycopg.Connection) -> None:
    """End the batch in flight without gate, outbox and targets."""
    owner.execute("update ops.batches set state = 'released' where state <> 'released'")


def allow_long(bench: Bench, database: str) -> None:
    """A bench on a slow machine may take longer than a task may: dbt's own sessions get no time limit here."""
    with bench.connect(database) as owner:
        owner.execute(f'alter role syncline_transformer in database "{database}" set statement_timeout = 0')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--items", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=0, help="then a micro-batch of so many facts")
    parser.add_argument("--keep", type=Path, help="state folder that stays (database `bench`), instead of a temporary")
    given = parser.parse_args()
    with throw_away(given.keep) as bench:
        bench.drop("bench")
        bench.create("bench")
        allow_long(bench, "bench")
        started = time.perf_counter()
        with bench.connect("bench") as owner:
            history(owner, given.facts, given.seed, given.items)
        print(f"{given.facts} facts generated in {time.perf_counter() - started:.1f} s", file=sys.stderr)
        done = timed_rebuild(bench, "bench")
        rate, memory = given.facts / done.seconds, f"{done.grown_mib:.0f} MiB in Python"
        print(f"rebuild: {rate:,.0f} facts/s, {done.seconds:.1f} s, {memory}")
        by_hand = timed_by_hand(bench, "bench")
        print(f"deduplicated and summed by hand: {by_hand:.1f} s, {done.seconds / by_hand:.1f} times faster")
        _print(done)
        with bench.connect("bench") as owner:
            released(owner)
            if given.batch:
                micro_batch(owner, given.batch, given.seed + 1)
        if given.batch:
            done = timed_batch(bench, "bench")
            print(f"micro-batch of {given.batch}: {done.seconds:.2f} s, dbt nodes {done.node_seconds:.2f} s")
            _print(done)


def _print(done: Timed) -> None:
    for name, seconds in done.slowest(SHOWN).items():
        print(f"  {seconds:8.2f} s  {name}")


if __name__ == "__main__":
    main()
