"""A suite as data: read from YAML and checked before anything touches the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from syncline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

QUERY = "unexpected_rows_query"


class Rule(BaseModel):
    """One expectation. ``holds``: reason given to each failing row, which then waits while the others flow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,59}$")]
    type: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{1,79}$")]
    severity: Literal["critical", "warning", "info"]
    arguments: dict[str, Any] = {}
    holds: Annotated[str, Field(min_length=1, max_length=60)] | None = None

    @model_validator(mode="after")
    def _holds_rows(self) -> Rule:
        # Great Expectations caps the rows it reports: only a query can be run again for all of them.
        if self.holds and (self.type != "UnexpectedRowsExpectation" or self.severity != "warning"):
            raise ValueError(f"{self.name}: `holds` needs type UnexpectedRowsExpectation and severity warning")
        if self.type == "UnexpectedRowsExpectation" and "{batch}" not in str(self.arguments.get(QUERY)):
            raise ValueError(f"{self.name}: the query must read {{batch}}")
        return self


class Suite(BaseModel):
    """Rules of one table; names are used once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,59}$")]
    expectations: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Suite:
        names = [rule.name for rule in self.expectations]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"used twice: {', '.join(twice)}")
        return self

    def filled(self, values: Mapping[str, int | list[str]]) -> tuple[Rule, ...]:
        """The rules with ``$name`` replaced, as an argument of its own; a number also inside of queries."""
        return tuple(
            rule.model_copy(update={"arguments": _replaced(rule.arguments, values)}) for rule in self.expectations
        )


def load_suite(path: Path) -> Suite:
    """Read a suite.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or an entry is wrong; names entry and fault.
    """
    try:
        return Suite.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(
            f"Suite {path.name} cannot be read: {str(error)[:600]}",
            next_step=f"Correct expectations/{path.name}.",
            suite=path.name,
        ) from error


def _replaced(value: Any, values: Mapping[str, int | list[str]]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(member, values) for name, member in value.items()}
    if isinstance(value, list):
        return [_replaced(member, values) for member in value]
    if not isinstance(value, str):
        return value
    if value.startswith("$") and value[1:] in values:
        return values[value[1:]]
    for name, filling in values.items():
        if isinstance(filling, int):
            value = value.replace(f"${name}", str(filling))
    return value
