"""Resolve: take pending loads into a batch, let dbt decide, keep the exceptions in step."""

from syncline.resolve.batches import Batch, open_batch
from syncline.resolve.build import Built, build, build_marts, rebuild

__all__ = ["Batch", "Built", "build", "build_marts", "open_batch", "rebuild"]
