"""Scenario files: reading, and their network as configuration rows.

Many scenarios share one database: every location, item and source is prefixed with the scenario's namespace
(``0007|DC1``), so that no key, event or rule of one can meet another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from syncline.config.tables import MEASURES, PROVISIONAL, TABLES, Row, Rows, parse_row
from syncline.errors import ConfigurationError

FACT_FIELDS = {
    "id", "source", "kind", "item", "location", "measure", "quantity", "uom", "recorded", "received_at", "lot",
    "revision", "cancel", "line_key", "event_key", "sequence", "test", "doc",
    "serves", "final", "due", "owner", "document", "correlation", "reason",
}  # fmt: skip
DOCUMENT_REQUIRED = {"id", "source", "recorded", "received_at"}
DOCUMENT_FIELDS = DOCUMENT_REQUIRED | {"complete", "control", "key", "revision", "doc"}
PUSH_REQUIRED = {"id", "target", "item", "location", "measure", "quantity", "sent_at"}
PUSH_FIELDS = PUSH_REQUIRED | {"settled_at", "doc"}
RETURN_REQUIRED = {"id", "source", "return", "item", "location", "quantity", "authorised_at", "received_at"}
RETURN_FIELDS = RETURN_REQUIRED | {"due", "refunded_at", "revision", "cancel", "doc"}
DECISION_FIELDS = {
    "keep": {"fact"},
    "accept": {"facts"},
    "write_off": {"item", "location", "measure", "quantity", "recorded"},
}
DECISION_REQUIRED = {"id", "kind", "by", "decided_at", "why"}
DECISION_OPTIONAL = {"doc", "lot", "event_key", "uom"}
REQUIRED = ("id", "source", "kind", "item", "location", "measure", "recorded", "received_at")
SEPARATOR = "|"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """SafeLoader (libyaml's where it is built in: ten times as fast) without implicit dates.

    A date is what was written, and its precision is meaning.
    """


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Scenario:
    """One file. ``namespace`` keeps its keys apart from those of others in the same database."""

    name: str
    path: Path
    network: dict[str, Any]
    facts: list[dict[str, Any]]
    expect: dict[str, Any]
    namespace: str
    decisions: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    pushes: list[dict[str, Any]] = field(default_factory=list)
    returns: list[dict[str, Any]] = field(default_factory=list)

    def spaced(self, name: str) -> str:
        return f"{self.namespace}{SEPARATOR}{name}"

    def bare(self, name: str | None) -> str | None:
        """A name without the namespace; what is derived has names inside of it."""
        return None if name is None else name.replace(self.namespace + SEPARATOR, "")


def read_scenarios(paths: Sequence[Path]) -> list[Scenario]:
    """Scenarios of files and folders (every ``*.yaml``/``*.yml`` below), in the order of their paths.

    Raises:
        ConfigurationError: no file, unreadable YAML, or a field that the format does not have; names the file.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files.extend(sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml")))
        elif path.is_file():
            files.append(path)
        else:
            raise ConfigurationError(f"{path} does not exist.", next_step="Name a scenario file or a folder of them.")
    if not files:
        raise ConfigurationError("No scenario file was found.", next_step="Name a *.yaml file or a folder of them.")
    return [_read(path, f"{index:04d}") for index, path in enumerate(files, start=1)]


def _read(path: Path, namespace: str) -> Scenario:
    try:
        text = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
        scenario = Scenario(
            name=str(text["name"]),
            path=path,
            network=text["network"],
            facts=list(text["facts"]),
            expect=text.get("expect") or {},
            namespace=namespace,
            decisions=list(text.get("decisions") or []),
            documents=list(text.get("documents") or []),
            pushes=list(text.get("pushes") or []),
            returns=list(text.get("returns") or []),
        )
        for fact in scenario.facts:
            if missing := [name for name in REQUIRED if name not in fact]:
                raise ValueError(f"fact {fact.get('id', '?')} has no {', '.join(missing)}")
            if unknown := set(fact) - FACT_FIELDS:
                raise ValueError(f"fact {fact['id']} has the unknown field {', '.join(sorted(unknown))}")
        for document in scenario.documents:
            _check_fields("document", document, DOCUMENT_REQUIRED, DOCUMENT_FIELDS)
        for push in scenario.pushes:
            _check_fields("push", push, PUSH_REQUIRED, PUSH_FIELDS)
        for each in scenario.returns:
            _check_fields("return", each, RETURN_REQUIRED, RETURN_FIELDS)
        _check_references(scenario)
        for decision in scenario.decisions:
            _check_decision(decision, {fact["id"] for fact in scenario.facts})
    except (yaml.YAMLError, ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error!r}.", next_step="Correct the file (docs: scenario format).") from None
    return scenario


def _check_fields(what: str, entry: dict[str, Any], required: set[str], known: set[str]) -> None:
    if missing := required - set(entry):
        raise ValueError(f"{what} {entry.get('id', '?')} has no {', '.join(sorted(missing))}")
    if unknown := set(entry) - known:
        raise ValueError(f"{what} {entry['id']} has the unknown field {', '.join(sorted(unknown))}")


def _check_references(scenario: Scenario) -> None:
    documents = {document["id"] for document in scenario.documents}
    pushes = {push["id"] for push in scenario.pushes}
    for fact in scenario.facts:
        if fact.get("document", next(iter(documents), None)) not in documents | {None}:
            raise ValueError(f"fact {fact['id']} is of the unknown document {fact['document']}")
        if "correlation" in fact and fact["correlation"] not in pushes:
            raise ValueError(f"fact {fact['id']} carries the unknown push {fact['correlation']}")


def _check_decision(decision: dict[str, Any], facts: set[Any]) -> None:
    """``id, kind, by, decided_at, why`` and ``fact`` (keep), ``facts`` (accept) or the movement (write_off)."""
    name, kind = decision.get("id", "?"), decision.get("kind")
    if kind not in DECISION_FIELDS:
        raise ValueError(f"decision {name} has no kind of {', '.join(DECISION_FIELDS)}")
    wanted = DECISION_REQUIRED | DECISION_FIELDS[kind]
    if missing := wanted - set(decision):
        raise ValueError(f"decision {name} has no {', '.join(sorted(missing))}")
    if unknown := set(decision) - wanted - DECISION_OPTIONAL:
        raise ValueError(f"decision {name} has the unknown field {', '.join(sorted(unknown))}")
    if name in facts:
        raise ValueError(f"decision {name} has the id of a fact")


def configuration(scenarios: Iterable[Scenario]) -> Rows:
    """The networks as rows of every configuration table."""
    rows: Rows = {name: [] for name in TABLES}
    rows["status_crosswalk"] = [
        {"source": "*", "status_ref": measure, "measure": measure} for measure in (*MEASURES, PROVISIONAL, "available")
    ]
    for scenario in scenarios:
        _add_network(rows, scenario)
    return rows


def _add_network(rows: Rows, scenario: Scenario) -> None:
    def add(table: str, **values: object) -> None:
        row: Row = parse_row(
            TABLES[table], {k: "" if v is None else str(v) for k, v in values.items()}, str(scenario.path)
        )
        rows[table].append(row)

    network, spaced = scenario.network, scenario.spaced
    for location, value in (network.get("locations") or {}).items():
        add("locations", location=spaced(location), timezone=value["timezone"], region=value.get("region", "any"))
        add("location_crosswalk", source="*", location_ref=spaced(location), location=spaced(location))
    for item, value in (network.get("items") or {}).items():
        base_uom = value.get("base_uom", "EA")
        add("items", item=spaced(item), base_uom=base_uom, item_class=value.get("item_class", "any"))
        add("item_crosswalk", source="*", item_ref=spaced(item), item=spaced(item))
        for uom, factors in (value.get("units") or {}).items():
            for factor in _factors(factors):
                add("unit_factors", item=spaced(item), uom=uom, **factor)
    for source, value in (network.get("sources") or {}).items():
        add(
            "sources",
            source=spaced(source),
            system=value.get("system", "wms"),
            feed=value.get("feed", "api"),
            clock_skew_s=value.get("clock_skew_s", 0),
            lag_s=value.get("lag_s", 0),
            timezone=value.get("timezone"),
        )
    for rule in network.get("ownership") or []:
        add(
            "ownership_rules",
            measure=rule["measure"],
            location=spaced(rule.get("location", "*")),
            item_class=rule.get("item_class", "*"),
            source=spaced(rule["source"]),
            role=rule["role"],
            grain=rule.get("grain", "item"),
            movements=rule.get("movements", ""),
            valid_from=_instant(rule.get("valid_from")),
            valid_to=_instant(rule.get("valid_to")),
        )


def _factors(value: object) -> list[dict[str, object]]:
    """``12``, ``"1/3"`` or a list of ``{factor, valid_from}``: each holds until the next one begins."""
    entries = value if isinstance(value, list) else [{"factor": value}]
    starts = [entry.get("valid_from") for entry in entries[1:]]
    spans = []
    for entry, end in zip(entries, [*starts, None], strict=True):
        factor = Fraction(str(entry["factor"]))
        spans.append(
            {
                "factor_num": factor.numerator,
                "factor_den": factor.denominator,
                "valid_from": entry.get("valid_from"),
                "valid_to": entry.get("valid_to") or end,
            }
        )
    return spans


def _instant(value: str | None) -> str | None:
    if value is None:
        return None
    instant = datetime.fromisoformat(value)
    return value if instant.tzinfo else f"{instant.isoformat()}+00:00"
