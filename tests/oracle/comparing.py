"""Run scenario dicts through the product and through the oracle, and say where they differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from tests.oracle.rules import Answer

from syncline.scenario import Outcome


def write(folder: Path, cases: list[dict[str, Any]]) -> list[Path]:
    """Scenario files; each time is quoted text."""
    paths = []
    for case in cases:
        path = folder / f"{case['name']}.yaml"
        path.write_text(yaml.safe_dump(case, sort_keys=False, width=200), encoding="utf-8")
        paths.append(path)
    return paths


def differences(outcome: Outcome, wanted: Answer) -> list[str]:
    """Lines of a diff, empty when the warehouse says what the oracle says."""
    return [
        *_by_name("disposition", {k: v["disposition"] for k, v in outcome.dispositions.items()}, wanted.dispositions),
        *_by_name("reason", _reasons(outcome, wanted), dict(wanted.reasons)),
        *_by_name("decision", _answered(outcome), wanted.decided),
        *_by_name("verdict", {k: (v["verdict"], v["variances"]) for k, v in outcome.verdicts.items()}, wanted.verdicts),
        *_by_name(
            "explanation",
            {k: v["explained_by"] for k, v in outcome.verdicts.items() if "explained_by" in v},
            wanted.explained_by,
        ),
        *_by_name("balance", _keyed(outcome.balances), _keyed(wanted.balances)),
        *_by_name("ledger", _booked(outcome.ledger), _booked(wanted.ledger)),
        *_lists(outcome, wanted),
    ]


def _lists(outcome: Outcome, wanted: Answer) -> list[str]:
    """Transfers and books are read only where a scenario expects some."""
    names = ["releases", "serials", *(name for name in ("transfers", "financial") if getattr(outcome, name))]
    got, said = ({name: getattr(each, name) for name in names} for each in (outcome, wanted))
    if outcome.loops is not None:  # two of one subject may stand in either order
        got["loops"], said["loops"] = (sorted(each.loops or [], key=repr) for each in (outcome, wanted))
    return _by_name("list", got, said)


def _reasons(outcome: Outcome, wanted: Answer) -> dict[str, str | None]:
    return {name: outcome.dispositions.get(name, {}).get("reason") for name in wanted.reasons}


def _by_name(what: str, got: dict[Any, Any], wanted: dict[Any, Any]) -> list[str]:
    return [
        f"{what} of {name}: warehouse {got.get(name)}, oracle {wanted.get(name)}"
        for name in sorted(got.keys() | wanted.keys(), key=str)
        if got.get(name) != wanted.get(name)
    ]


def _answered(outcome: Outcome) -> dict[Any, Any]:
    return {name: got["decision"] for name, got in outcome.dispositions.items() if "decision" in got}


def _keyed(balances: list[dict[str, Any]]) -> dict[Any, Any]:
    names = ("item", "location", "measure", "lot")
    values = ("quantity", "lo", "hi", "base_fact")
    return {tuple(row[n] for n in names): tuple(row[v] for v in values) for row in balances}


def _booked(ledger: list[dict[str, Any]]) -> dict[Any, Any]:
    return {row["fact"]: (row["entry"], row["quantity"]) for row in ledger}
