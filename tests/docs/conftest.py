"""The pages of the repository: a test that asks for ``page`` runs once for each."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


@pytest.fixture(scope="session")
def pages() -> list[Path]:
    return PAGES


@pytest.fixture(scope="session")
def fences() -> Callable[[Path, str], list[str]]:
    """``fences(page, language)`` -> contents of the code fences of that language."""

    def found(page: Path, language: str) -> list[str]:
        return [body for name, body in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]

    return found


@pytest.fixture(scope="session")
def codes_page() -> str:
    return (ROOT / "docs" / "reference" / "codes.md").read_text(encoding="utf-8")
