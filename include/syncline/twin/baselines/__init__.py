"""What a team could build instead of Syncline: four integrators, from careless to careful.

Their rules in prose: docs/reference/baselines.md. They differ in ``accepts`` and ``wake`` alone.
"""

from syncline.twin.baselines.baseline import Baseline
from syncline.twin.baselines.latest_arrival import LatestArrival
from syncline.twin.baselines.nightly_overwrite import NightlyOverwrite
from syncline.twin.baselines.reject_older import RejectOlder
from syncline.twin.baselines.usual_recipe import UsualRecipe

BASELINES: tuple[type[Baseline], ...] = (LatestArrival, RejectOlder, NightlyOverwrite, UsualRecipe)

__all__ = ["BASELINES", "Baseline"]
