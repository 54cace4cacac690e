"""Golden scenarios: small YAML networks pushed through the real warehouse and the real dbt project."""

from syncline.scenario.outcome import Outcome, read_outcomes
from syncline.scenario.read import Scenario, read_scenarios
from syncline.scenario.run import Options, run_scenarios

__all__ = ["Options", "Outcome", "Scenario", "read_outcomes", "read_scenarios", "run_scenarios"]
