"""The truth stays with the twin: no part that resolves, gates or pushes, and no dbt model, can look it up."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "syncline"
# The twin itself; the command line; what starts the demo and scores it.
MAY_KNOW_THE_TWIN = {"syncline.twin", "syncline.cli", "syncline.runtime"}
# Its package, its API, and the schema of its ERP's books.
TWIN = re.compile(r"syncline[./]twin|/twin/v1|\berp\.(balances|changes|idempotency_keys|lock_failures)\b")


def test_the_import_contract_names_every_part_of_the_product() -> None:
    """`make lint` checks the contract; a package that it does not name would be free to cheat."""
    parts = {f"syncline.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    parts |= {f"syncline.{path.stem}" for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contracts = {each["name"]: each for each in linter["contracts"]}
    contract = contracts["The product does not know the twin"]
    assert set(contract["source_modules"]) == parts - MAY_KNOW_THE_TWIN
    assert contract["forbidden_modules"] == ["syncline.twin"]
    assert "ignore_imports" not in contract


def test_the_twins_edi_knows_nothing_of_the_product() -> None:
    """A writer that asks the reader would repeat its mistakes; the errors of the command line are all they share."""
    imported = {
        name
        for path in (PACKAGE / "twin" / "edi").rglob("*.py")
        for name in re.findall(r"^\s*(?:from|import) (syncline[\w.]*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {name for name in imported if not name.startswith("syncline.twin.edi")} == {"syncline.errors"}
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(each for each in linter["contracts"] if each.get("source_modules") == ["syncline.twin.edi"])
    assert {"syncline.edi", "syncline.landing", "dbt"} <= set(contract["forbidden_modules"])


@pytest.mark.parametrize("folder", ["dbt_project", "expectations", "dags", "plugins"])
def test_nothing_beside_the_package_names_the_twin(folder: str) -> None:
    """Import-linter sees Python imports only: SQL, YAML and DAG files are read here."""
    files = [
        path for suffix in ("sql", "yml", "py", "csv") for path in (ROOT / folder).rglob(f"*.{suffix}")
        if not {"target", "logs"} & set(path.relative_to(ROOT).parts)
    ]  # fmt: skip
    assert files
    assert [str(path.relative_to(ROOT)) for path in files if TWIN.search(path.read_text(encoding="utf-8"))] == []
