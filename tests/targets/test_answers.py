"""Numbers as vendors write them: whole ones are read, everything else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from syncline.targets.answers import integral


@pytest.mark.parametrize(
    ("written", "number"),
    [(0, 0), (-3, -3), (5.0, 5), ("5", 5), ("5.000", 5), ("-3.0", -3), ("-0.000", 0), (10**12, 10**12)],
)
def test_a_whole_number_is_read(written: Any, number: int) -> None:
    read = integral(written)
    assert read == number
    assert type(read) is int


@pytest.mark.parametrize(
    "written",
    [5.5, "5.5", "5.0001", True, None, [], "", "5.", ".5", "1e3", "+5", " 5", "5\n", "٣", "NaN", float("nan"),
     float("inf"), -float("inf"), 1e300, 10**13, "9" * 15, "9" * 400],
)  # fmt: skip
def test_everything_else_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="whole number"):
        integral(written)
