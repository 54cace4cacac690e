"""What Syncline talks to: typed sources and targets from one YAML file."""

from syncline.registry.load import load_registry, registry_path
from syncline.registry.models import Balances, Breakers, FileRules, Registry, Source, Target
from syncline.registry.pools import (
    DBT_POOL,
    QUESTIONS_POOL,
    RECONCILE_POOL,
    Pool,
    lanes,
    pools,
    source_pool,
    subscriber_pool,
    target_pool,
)
from syncline.registry.subscribers import Subscriber

__all__ = [
    "DBT_POOL", "QUESTIONS_POOL", "RECONCILE_POOL", "Balances", "Breakers", "FileRules", "Pool", "Registry", "Source",
    "Subscriber", "Target", "lanes", "load_registry", "pools", "registry_path", "source_pool", "subscriber_pool",
    "target_pool",
]  # fmt: skip
