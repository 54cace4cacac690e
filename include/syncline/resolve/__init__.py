"""Resolve: take pending loads into a batch, let dbt decide, keep the exceptions in step."""

from syncline.resolve.batches import Batch, open_batch
from syncline.resolve.build import Built, build, rebuild

__all__ = ["Batch", "Built", "build", "open_batch", "rebuild"]
