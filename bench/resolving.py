"""Full rebuild and micro-batch: facts a second, how both grow with history, and which models it is."""

from __future__ import annotations

import sys
from dataclasses import replace
from statistics import median

from bench.facts import history, micro_batch
from bench.figures import Figure
from bench.rebuild import Timed, allow_long, released, timed_batch, timed_by_hand, timed_rebuild
from bench.sizes import Size
from bench.warehouse import Bench

REBUILD_FACTS_PER_S = 25_000
REBUILD_GROWTH = 1.2
REBUILD_MEMORY_MIB = 64
MICRO_BATCH_RATIO = 1.2
MICRO_BATCH_NODE_S = 5.0
SLOWEST = 3
SHOWN_MODELS = 12


def filled(bench: Bench, name: str, facts: int, seed: int, items: int | None = None) -> Timed:
    """A new database ``name`` with a history, everything rebuilt from it once; how long the rebuild took.

    In a state folder that stays, the history is made once and copied from then on.
    """
    say(f"{name}: {facts:,} facts")
    bench.drop(name)
    source = f"history_{facts}_{seed}_{items or 'all'}" if bench.is_kept else name
    if not bench.has(source):
        bench.create(source)
        with bench.connect(source) as owner:
            history(owner, facts, seed, items)
    if source != name:
        bench.create(name, source)
    allow_long(bench, name)
    say(f"{name}: full rebuild")
    done = timed_rebuild(bench, name)
    say(f"{name}: the same by hand")
    done = replace(done, by_hand=timed_by_hand(bench, name))
    with bench.connect(name) as owner:
        released(owner)
        # What autovacuum does within minutes, so that no repetition meets it.
        owner.execute("vacuum analyze")
    return done


def rebuild_figures(size: Size, done: dict[int, Timed]) -> list[Figure]:
    """Facts a second of the largest rebuild, and how much longer a fact takes there than in the smallest."""
    small, large = min(done), max(done)
    rates = {facts: facts / timed.seconds for facts, timed in done.items()}
    models = {
        name: {f"{facts:,} facts, s": round(timed.nodes.get(name, 0.0), 2) for facts, timed in sorted(done.items())}
        for name in done[large].slowest(SLOWEST)
    }
    return [
        Figure.of(
            "rebuild", f"full rebuild of {large:,} facts, three slowest models", [rates[large]], "facts/s",
            target=(">=", REBUILD_FACTS_PER_S), detail=models,
        ),
        Figure.of(
            "rebuild", f"time for a fact, {large:,} against {small:,} facts", [rates[small] / rates[large]], "×",
            target=("<=", REBUILD_GROWTH),
        ),
        Figure.of(
            "rebuild", f"memory that Python takes for a rebuild of {large:,} facts", [done[large].grown_mib], "MiB",
            target=("<=", REBUILD_MEMORY_MIB),
            detail={f"{facts:,} facts, MiB": round(timed.grown_mib) for facts, timed in sorted(done.items())},
        ),
        Figure.of(
            "rebuild", "full rebuild against SQL by hand that only deduplicates and sums the same facts",
            [timed.seconds / timed.by_hand for timed in done.values()], "×",
            detail={f"by hand, {facts:,} facts, s": round(timed.by_hand, 1) for facts, timed in sorted(done.items())},
        ),
    ]  # fmt: skip


def micro_batches(bench: Bench, databases: tuple[str, str], size: Size, seed: int) -> tuple[list[Timed], list[Timed]]:
    """Batches of the same new facts on two histories, in turns."""
    found: tuple[list[Timed], list[Timed]] = ([], [])
    for repetition in range(size.repetitions):
        for timed, database in zip(found, databases, strict=True):
            with bench.connect(database) as owner:
                micro_batch(owner, size.batch, seed + 1 + repetition)
            say(f"{database}: micro-batch {repetition + 1} of {size.repetitions}")
            timed.append(timed_batch(bench, database))
    return found


def micro_figure(what: str, timed: tuple[list[Timed], list[Timed]], names: tuple[str, str]) -> Figure:
    """The ratio of each pair of batches, with the median seconds of the models that make the difference."""
    pairs = list(zip(*timed, strict=True))
    totals = {name: median(each.seconds for each in side) for name, side in zip(names, timed, strict=True)}
    nodes = {
        node: {
            f"{name}, s": round(median(each.nodes.get(node, 0.0) for each in side), 3)
            for name, side in zip(names, timed, strict=True)
        }
        for node in timed[1][0].nodes
    }
    most = sorted(nodes, key=lambda node: -max(nodes[node].values()))[:SHOWN_MODELS]
    whole = {f"{name}, s": round(seconds, 2) for name, seconds in totals.items()}
    return Figure.of(
        "micro", what, [long.seconds / short.seconds for short, long in pairs], "×",
        target=("<=", MICRO_BATCH_RATIO), detail={"whole build": whole, **{node: nodes[node] for node in most}},
    )  # fmt: skip


def node_figure(timed: list[Timed], size: Size, history: str) -> Figure:
    """Seconds of all dbt nodes of a micro-batch together."""
    what = f"micro-batch of {size.batch:,} on {history}: seconds of its dbt nodes"
    return Figure.of("micro", what, [each.node_seconds for each in timed], "s", target=("<=", MICRO_BATCH_NODE_S))


def say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)
