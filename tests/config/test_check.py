"""Questions with two answers are refused before any data is touched."""

from __future__ import annotations

import itertools
import random
import re
from typing import Any

import pytest
from tests.config.world import World

from syncline.config.check import check
from syncline.config.globs import can_meet, specificity
from syncline.config.spans import changed_spans
from syncline.config.tables import TABLES, Rows, parse_row
from syncline.errors import ConfigurationError


def with_rules(*rules: dict[str, str]) -> Rows:
    rows = World(0).rows
    usual = {"measure": "damaged", "location": "*", "role": "primary", "grain": "item", "movements": ""}
    rows["ownership_rules"] = [
        parse_row(TABLES["ownership_rules"], {**usual, **rule}, f"rule {n}") for n, rule in enumerate(rules)
    ]
    return rows


REFUSED: list[tuple[dict[str, str], dict[str, str], str]] = [
    ({"source": "wms", "location": "DC*"}, {"source": "tpl", "location": "*1"}, "DC* and *1 class * has two primaries"),
    ({"source": "wms", "location": "?UB"}, {"source": "tpl", "location": "H*"}, "two primaries, wms and tpl"),
    ({"source": "wms"}, {"source": "tpl"}, "damaged at * class * has two primaries"),
    ({"source": "wms", "location": "C*"}, {"source": "wms", "location": "*I", "role": "secondary"},
     "two answers for wms, primary and secondary"),
    ({"source": "wms", "valid_to": "2026-05-04T12:00:00Z"},
     {"source": "tpl", "valid_from": "2026-05-04T06:59:00-05:00"}, "two primaries"),
]  # fmt: skip
ALLOWED: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"source": "wms", "location": "DC*"}, {"source": "tpl", "location": "H*"}),
    ({"source": "wms", "location": "DC*"}, {"source": "tpl", "location": "DC1"}),
    ({"source": "wms", "location": "C*"}, {"source": "tpl", "location": "*I", "role": "secondary"}),
    ({"source": "wms"}, {"source": "shop"}),  # a channel's rule says nothing
    ({"source": "wms", "location": "C*"}, {"source": "tpl", "location": "*I", "item_class": "fast"}),
    ({"source": "wms", "item_class": "slow"}, {"source": "tpl", "item_class": "fast"}),
    ({"source": "wms", "location": "C*"}, {"source": "tpl", "location": "*I", "measure": "allocated"}),
    ({"source": "wms", "valid_to": "2026-05-04T12:00:00Z"},
     {"source": "tpl", "valid_from": "2026-05-04T07:00:00-05:00"}),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "what"), REFUSED)
def test_two_equally_specific_answers_are_refused(first: dict[str, str], second: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(what)):
        check(with_rules(first, second))


@pytest.mark.parametrize(("first", "second"), ALLOWED)
def test_answers_of_different_levels_places_or_times_are_allowed(first: dict[str, str], second: dict[str, str]) -> None:
    check(with_rules(first, second))


def test_a_row_that_ends_before_it_begins_is_refused() -> None:
    rows = World(0).rows
    rows["item_crosswalk"][0].update(valid_from="2026-05-04T00:00:00+00:00", valid_to="2026-05-03T00:00:00+00:00")
    with pytest.raises(ConfigurationError, match="not after it begins"):
        check(rows)


def test_one_instant_has_one_text() -> None:
    rows = [
        parse_row(TABLES["item_crosswalk"], {"source": "*", "item_ref": "A", "item": "A", "valid_from": text}, "line")
        for text in ("2026-05-04T00:00:00-05:00", "2026-05-04T05:00:00Z")
    ]
    assert rows[0] == rows[1]


def test_patterns_meet_exactly_where_some_name_fits_both() -> None:
    """Against every name of up to five letters: enough for patterns of up to five characters over two letters."""
    names = ["".join(letters) for size in range(6) for letters in itertools.product("ab", repeat=size)]
    chance = random.Random(5)
    patterns = {"".join(chance.choice("ab*?") for _ in range(chance.randint(1, 3))) for _ in range(60)}
    wrong = []
    for first, second in itertools.combinations_with_replacement(sorted(patterns), 2):
        fits = [re.compile(p.replace("*", ".*").replace("?", ".") + r"\Z").match for p in (first, second)]
        if can_meet(first, second) != any(fits[0](name) and fits[1](name) for name in names):
            wrong.append((first, second))
    assert wrong == []


def test_namespaces_never_meet() -> None:
    assert [specificity(p) for p in ("*", "x|*", "C*", "x|C?", "HUB")] == [0, 0, 1, 1, 2]
    assert can_meet("x|C*", "x|*I")
    assert not can_meet("x|*", "y|*")
    assert not can_meet("x|*", "*")


def test_changed_spans_are_where_the_answer_differs() -> None:
    def row(name: str, start: str, end: str) -> dict[str, Any]:
        return {"ref": "A", "item": name, "valid_from": start, "valid_to": end}

    always = [row("X", "-infinity", "infinity")]

    def differ(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[tuple[str, ...], list[tuple[str, str]]]:
        return changed_spans(old, new, ("ref",), lambda r: r["item"])

    assert differ(always, [row("X", "-infinity", "2026-05-04"), row("X", "2026-05-04", "infinity")]) == {}
    assert differ(always, [row("X", "-infinity", "2026-05-04"), row("Y", "2026-05-04", "2026-05-05"),
                           row("X", "2026-05-05", "infinity")]) == {("A",): [("2026-05-04", "2026-05-05")]}  # fmt: skip
    assert differ(always, [row("X", "2026-05-03", "2026-05-05")]) == {
        ("A",): [("-infinity", "2026-05-03"), ("2026-05-05", "infinity")]
    }
    assert differ(always, []) == {("A",): [("-infinity", "infinity")]}
