"""The reference pages name every code that the product can write, and nothing it cannot read from the environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from syncline.edi.findings import SEVERITIES

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "include" / "syncline"
MODELS = ROOT / "dbt_project" / "models"
CODE = re.compile(r"[a-z]+(_[a-z]+)+")
# Calls whose first argument is a fault code.
SAYS_A_FAULT = {"fault", "_fault"}
TICKED = re.compile(r"`([^`]+)`")


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _codes(tree: ast.AST) -> Iterator[str]:
    """Arguments of fault calls, first members of (code, text …) answers, ``fault_code=``, and SQL that sets one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SAYS_A_FAULT and node.args:
                yield _text(node.args[0])
            yield from (_text(each.value) for each in node.keywords if each.arg == "fault_code")
        elif isinstance(node, (ast.Return, ast.Yield)) and isinstance(node.value, ast.Tuple):
            # (code, text), or (code, text, element) of a declared segment; mappings yield pairs of other things.
            if isinstance(node, ast.Return) or len(node.value.elts) == 3:
                yield _text(node.value.elts[0])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"fault_code = '(\w+)'", node.value)


def fault_codes(folder: str) -> set[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (PRODUCT / folder).rglob("*.py"))
    found = {code for tree in trees for code in _codes(tree)}
    return {code for code in found if CODE.fullmatch(code)}


def literals(model: str) -> set[str]:
    """Words between quotes behind ``then`` and ``else``, or alone in a select, of a model."""
    text = (MODELS / model).read_text(encoding="utf-8")
    text = re.sub(r"--.*", "", re.sub(r"\{[{%#].*?[}%#]\}", "", text, flags=re.DOTALL))
    return set(re.findall(r"(?:then|else)\s+'([a-z_ ]+)'", text)) | set(re.findall(r"'([a-z]+(?:_[a-z]+)+)'", text))


def test_every_finding_of_edi_is_explained_with_its_weight(codes_page: str) -> None:
    section = codes_page.partition("## Findings of EDI files")[2].partition("\n## ")[0]
    told = {
        code: severity.strip()
        for line in section.splitlines()
        if line.count("|") > 3
        for severity in [line.split("|")[2]]
        for code in TICKED.findall(line.split("|")[1])
    }
    assert told == SEVERITIES


@pytest.mark.parametrize("folder", ["sources/wms_api", "sources/sftp_edi"])
def test_every_fault_code_is_explained(folder: str, codes_page: str) -> None:
    found = fault_codes(folder)
    assert len(found) >= 5, "the codes are not found any more: the code has another shape"
    assert found - set(TICKED.findall(codes_page)) == set()


@pytest.mark.parametrize(
    "model",
    [
        "staging/stg_facts.sql",
        "intermediate/int_facts.sql",
        "intermediate/int_tellings.sql",
        "intermediate/int_dispositions.sql",
    ],
)
def test_every_quarantine_code_disposition_and_reason_is_explained(model: str, codes_page: str) -> None:
    found = literals(model)
    assert found, "the literals are not found any more"
    names = {"movement", "balance", "redrives", "raw", "ops"}
    assert {word for word in found - names if word not in set(TICKED.findall(codes_page))} == set()


def test_the_dispositions_are_those_of_the_mart(codes_page: str) -> None:
    marts = yaml.safe_load((MODELS / "marts" / "_marts__models.yml").read_text(encoding="utf-8"))
    model = next(each for each in marts["models"] if each["name"] == "fct_dispositions")
    column = next(each for each in model["columns"] if each["name"] == "disposition")
    accepted = set(column["data_tests"][0]["accepted_values"]["arguments"]["values"])
    section = codes_page.partition("## Dispositions")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == accepted


def test_every_hold_reason_is_explained(codes_page: str) -> None:
    suite = yaml.safe_load((ROOT / "expectations" / "candidate_corrections.yml").read_text(encoding="utf-8"))
    reasons = {rule["holds"] for rule in suite["expectations"] if "holds" in rule}
    candidates = (MODELS / "canonical" / "candidate_corrections.sql").read_text(encoding="utf-8")
    case = re.search(r"case\n((?:\s+when [^\n]+ then '[^\n]+'\n)+)\s+end as hold_reason", candidates)
    assert case, "hold_reason has another shape"
    reasons |= set(re.findall(r"then '([^']+)'", case.group(1)))
    section = codes_page.partition("## Why a correction is held")[2].partition("\n## ")[0]
    assert reasons - set(TICKED.findall(section)) == set()


def test_every_exception_rule_is_explained(codes_page: str) -> None:
    rules: set[str] = set()
    for path in PRODUCT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        rules |= set(re.findall(r"open_exception\(\s*\w+,\s*\"([\w.]+)\"", text))
        rules |= set(re.findall(r"Trouble\(\s*\"(\w+)\"", text))
        rules |= set(re.findall(r"^ +rule, \w+ = \"(\w+)\"", text, re.MULTILINE))
        rules |= set(re.findall(r"^RULE = \"([\w.]+)\"", text, re.MULTILINE))
    assert len(rules) >= 8, "the rules are not found any more"
    section = codes_page.partition("## Exceptions")[2].partition("\n## ")[0]
    assert rules - set(TICKED.findall(section)) == set()


def test_the_environment_page_is_complete_and_names_nothing_else() -> None:
    page = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    files = [*PRODUCT.rglob("*.py"), *(ROOT / "plugins").rglob("*.py"), ROOT / "dbt_project" / "profiles.yml"]
    files.append(ROOT / "dbt_project" / "dbt_project.yml")
    used = {name for path in files for name in re.findall(r"\bSYNCLINE_[A-Z_]+\b", path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"\bSYNCLINE_[A-Z_]+\b", page)) == used


def test_every_break_of_a_proof_is_explained(codes_page: str) -> None:
    section = codes_page.partition("## Full states")[2].partition("\n## ")[0]
    told = {code for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE) for code in TICKED.findall(row)}
    texts = [path.read_text(encoding="utf-8") for path in (PRODUCT / "reconcile").glob("*.py")]
    raised = {code for text in texts for code in re.findall(r'(?:refuse\(\s*|code = |fault_code": )"(\w+)"', text)}
    raised |= {code for text in texts for code in re.findall(r'else "(page_\w+)"', text)}
    assert raised == told
