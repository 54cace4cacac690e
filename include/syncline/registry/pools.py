"""Airflow pools and slots that the registry asks for: one slow partner never takes what another one needs.

Every partner has a pool of one slot, so that it is asked by one task at a time, whoever started that task (clock,
asset, a person who clears ten old runs). All of them together fit into the executor beside our own lanes.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncline.registry.models import Registry

DBT_POOL = "dbt_write"
QUESTIONS_POOL = "breaker_questions"
RECONCILE_POOL = "reconcile"
# resolve, marts, tell_loops, release_held, compensate, reconcile, audit, and one for whatever a person starts by hand.
OWN_LANES = 8


@dataclass(frozen=True)
class Pool:
    """One of Airflow's pools: at most ``slots`` tasks of it run at a time."""

    slots: int
    description: str


def source_pool(name: str) -> str:
    return f"source_{name}"


def target_pool(name: str) -> str:
    return f"target_{name}"


def subscriber_pool(name: str) -> str:
    return f"subscriber_{name}"


def pools(registry: Registry) -> dict[str, Pool]:
    """Every pool that the DAGs of ``registry`` name; a task whose pool does not exist is never started."""
    found = {
        DBT_POOL: Pool(1, "dbt writes one batch at a time"),
        QUESTIONS_POOL: Pool(1, "many runs of release_held may be active, one of their tasks works"),
        RECONCILE_POOL: Pool(1, "one location is reconciled at a time; 0 slots pause it"),
    }
    for source in registry.sources:
        if source.enabled:
            found[source_pool(source.name)] = Pool(1, f"one reader of {source.name}; 0 slots pause it")
    for target in registry.targets:
        if target.enabled:
            found[target_pool(target.name)] = Pool(1, f"one writer to {target.name}; 0 slots pause it")
    for subscriber in registry.subscribers:
        if subscriber.enabled:
            about = f"one sender to {subscriber.name}; 0 slots pause it"
            found[subscriber_pool(subscriber.name)] = Pool(1, about)
    return found


def lanes(registry: Registry) -> int:
    """Tasks that may run at once: with every partner hanging, resolve, marts and a release still find a slot."""
    partners = sum(source.enabled for source in registry.sources) + sum(target.enabled for target in registry.targets)
    return partners + sum(subscriber.enabled for subscriber in registry.subscribers) + OWN_LANES
