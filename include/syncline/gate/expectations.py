"""Run rules with Great Expectations, in an ephemeral context, on one Postgres table.

The library takes seconds to import and milliseconds to run: it is imported in the call, never at module level.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.errors import ConfigurationError
from syncline.gate.suite import QUERY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncline.gate.suite import Rule

EXAMPLES_MAX = 5
ERROR_MAX = 500


@dataclass(frozen=True)
class Result:
    """Outcome of one rule. ``crashed``: it could not be evaluated, which says nothing about the data."""

    rule: Rule
    success: bool
    crashed: bool
    failed_rows: int
    detail: dict[str, Any]


def run_rules(dsn: str, schema: str, table: str, rules: Sequence[Rule]) -> list[Result]:
    """Evaluate ``rules`` on ``schema.table``; one result a rule, in order.

    Args:
        dsn: ``postgresql://`` URL of a role that may read the table.

    Raises:
        ConfigurationError: a rule names an expectation or argument that does not exist.
    """
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    import great_expectations.expectations as gxe

    # Sets its own level at import, to tell of a folder that it removes at once.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    # The schema goes through the search path: naming it at the asset is deprecated, and Postgres has no other place.
    url = dsn.replace("postgresql://", "postgresql+psycopg2://", 1)
    url += f"{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
    source = context.data_sources.add_postgres("warehouse", connection_string=url, create_temp_table=False)
    try:
        batch = source.add_table_asset("batch", table_name=table).add_batch_definition_whole_table("all")
        suite = gx.ExpectationSuite(name=table)
        for rule in rules:
            suite.add_expectation(_build(gxe, rule))
        context.suites.add(suite)
        definition = gx.ValidationDefinition(name=table, data=batch, suite=suite)
        context.validation_definitions.add(definition)
        outcome = definition.run(result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES_MAX})
    finally:
        source.get_execution_engine().engine.dispose()
    configs = [(each.expectation_config, each) for each in outcome.results]
    by_name = {config.meta["rule"]: each for config, each in configs if config is not None and config.meta}
    return [_result(rule, by_name[rule.name]) for rule in rules]


def _build(gxe: Any, rule: Rule) -> Any:
    kind = getattr(gxe, rule.type, None)
    if kind is None:
        raise ConfigurationError(
            f"Rule {rule.name}: Great Expectations has no {rule.type}.", next_step="Correct `type` in the suite."
        )
    try:
        return kind(severity=rule.severity, meta={"rule": rule.name}, **rule.arguments)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"Rule {rule.name}: {str(error)[:ERROR_MAX]}", next_step="Correct `arguments` in the suite."
        ) from error


def _result(rule: Rule, told: Any) -> Result:
    crash = _crash(told.exception_info)
    result = told.result or {}
    count = result.get("observed_value") if QUERY in rule.arguments else result.get("unexpected_count")
    failed_rows = int(count) if isinstance(count, int) else 0
    detail: dict[str, Any] = {"failed_rows": failed_rows}
    if crash:
        detail["error"] = crash[:ERROR_MAX]
    if not told.success and isinstance(result.get("partial_unexpected_list"), list):
        detail["examples"] = [str(example)[:200] for example in result["partial_unexpected_list"][:EXAMPLES_MAX]]
    return Result(rule, bool(told.success) and not crash, bool(crash), failed_rows, detail)


def _crash(info: Any) -> str:
    """Message of a raised exception; Great Expectations nests it by metric in some cases."""
    if not isinstance(info, dict):
        return ""
    if info.get("raised_exception"):
        return str(info.get("exception_message") or "raised an exception")
    return next(filter(None, (_crash(member) for member in info.values())), "")
