"""Questions with two answers are refused before any data is touched."""

from __future__ import annotations

import itertools
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests.config.world import World
from typer.testing import CliRunner

from syncline.cli.check import app as check_app
from syncline.config.check import check
from syncline.config.files import read_folder
from syncline.config.globs import can_meet, specificity
from syncline.config.spans import changed_spans
from syncline.config.tables import TABLES, Rows, parse_row
from syncline.config.versions import changes
from syncline.errors import ConfigurationError
from syncline.home import project_root


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


BAD_LINES: list[tuple[str, str, str]] = [
    ("ownership_rules", "on_hand,DC1,*,dc2_wms,primary,item,,,",
     "ownership_rules.csv lines 2 and 18: on_hand at DC1 class * has two primaries, dc1_wms and dc2_wms"),
    ("ownership_rules", "on_hand,DC9,*,dc9_wms,primary,item,,,",
     "ownership_rules.csv line 18: source 'dc9_wms' is not defined; known are acme_3pl, beta_3pl, dc1_wms, dc2_wms"),
    ("item_crosswalk", "*,SKU-0001,SKU-0002,2026-05-01T00:00:00Z,",
     "('*', 'SKU-0001') has two answers from 2026-05-01T00:00:00+00:00"),
    ("location_crosswalk", "*,DC1,DC2,2026-05-01T00:00:00Z,", "('*', 'DC1') has two answers from"),
    ("status_crosswalk", "*,on_hand,damaged", "('*', 'on_hand') stands twice"),
    ("unit_factors", "SKU-0001,PAL,0.333,1,,",
     "line 162, column factor_num: '0.333' is no whole number above 0: a factor is the fraction factor_num over"),
    ("unit_factors", "SKU-0001,PAL,sqrt(2),1,,", "column factor_num: 'sqrt(2)' is no whole number above 0"),
    ("unit_factors", "SKU-0001,PAL,1,0,,", "column factor_den: '0' is no whole number above 0"),
    ("unit_factors", "SKU-0001,PAL,-3,1,,", "column factor_num: '-3' is no whole number above 0"),
    ("unit_factors", "SKU-0001,PAL,1_0,1,,", "column factor_num: '1_0' is no whole number above 0"),
    ("sources", "odd,wms,api,0,0,,60,with_gaps", "sources.csv line 6, column sequence: 'with_gaps' is not one of"),
    ("target_items", "shop_de,SKU-0001,900\nshop_de,SKU-0002,900",
     "target_items.csv lines 2 and 3: 'SKU-0001' and 'SKU-0002' share the reference '900' of shop_de"),
    ("target_items", "shop_de,SKU-0001,900\nshop_de,SKU-0001,901", "('shop_de', 'SKU-0001') stands twice"),
    ("target_items", "shop_de,SKU-9,900", "target_items.csv line 2: item 'SKU-9' is not defined"),
    ("target_items", "shop_de,SKU-0001,", "target_items.csv line 2, column ref: '' is empty"),
    ("target_items", "shop_de,SKU-0001,9\x0700", "column ref: '9\\x0700' is over 200 characters or has control"),
    ("target_items", "shop_de,SKU-0001," + "9" * 201, "is over 200 characters or has control characters"),
    ("target_locations", "sap,DC1,1710/171A\nsap,DC2,1710/171A",
     "target_locations.csv lines 2 and 3: 'DC1' and 'DC2' share the reference '1710/171A' of sap"),
    ("target_locations", "sap,DC9,1710/171A", "target_locations.csv line 2: location 'DC9' is not defined"),
    ("items", "?SKU,EA,A,1,", "items.csv line 82: item '?SKU' begins with '?', which marks what is unnamed"),
    ("items", "SKU-9,EA,A,1,,more", "items.csv line 82 has more values than columns"),
]  # fmt: skip


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    return Path(shutil.copytree(project_root() / "dbt_project" / "seeds", tmp_path / "seeds"))


def append(folder: Path, table: str, line: str) -> None:
    with (folder / f"{table}.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check_app, arguments)


@pytest.mark.parametrize(("table", "line", "fault"), BAD_LINES)
def test_the_command_names_file_line_and_fix(seeds: Path, table: str, line: str, fault: str) -> None:
    assert run("--folder", str(seeds)).exit_code == 0
    append(seeds, table, line)
    result = run("--folder", str(seeds))
    assert result.exit_code == 1
    assert fault in result.output
    assert result.output.startswith(f"{table}.csv line")
    assert "1 fault." in result.output


def test_all_faults_are_told_at_once_also_as_json(seeds: Path) -> None:
    append(seeds, "ownership_rules", "on_hand,DC1,*,dc2_wms,primary,item,,,")
    append(seeds, "status_crosswalk", "*,on_hand,damaged")
    faults = json.loads(run("--folder", str(seeds), "--json").output)["faults"]
    assert [fault.partition(" line")[0] for fault in faults] == ["status_crosswalk.csv", "ownership_rules.csv"]
    append(seeds, "unit_factors", "SKU-0001,PAL,x,y,,")
    append(seeds, "items", "SKU-9,EA,,1")
    faults = json.loads(run("--folder", str(seeds), "--json").output)["faults"]
    assert [fault.partition(" line")[0] for fault in faults] == ["items.csv", "unit_factors.csv"]


def test_files_that_are_no_csv_are_told_without_a_traceback(seeds: Path) -> None:
    (seeds / "items.csv").write_bytes(b"item,base_uom,item_class\n\xff\xfe,EA,A\n")
    (seeds / "sources.csv").unlink()
    result = run("--folder", str(seeds))
    assert result.exit_code == 1
    assert "items.csv cannot be read (UnicodeDecodeError)" in result.output
    assert "sources.csv is missing" in result.output


def test_a_source_of_the_registry_without_a_row_is_a_fault(
    seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = tmp_path / "registry.yml"
    registry.write_text("sources:\n  - {name: gamma_3pl, kind: sftp_edi}\ntargets: []\n")
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(registry))
    result = run("--folder", str(seeds))
    assert result.exit_code == 1
    assert "registry, source gamma_3pl: sources.csv has no row for it" in result.output
    registry.write_text("sources: 3\n")
    result = run("--folder", str(seeds))
    assert result.exit_code == 1
    assert "The registry registry.yml has" in result.output


def test_rows_are_equal_wherever_they_stand(seeds: Path) -> None:
    rows = read_folder(seeds)
    text = (seeds / "items.csv").read_text().splitlines()
    (seeds / "items.csv").write_text("\n".join([text[0], *reversed(text[1:])]) + "\n")
    again = read_folder(seeds)
    assert changes(rows, again) == []


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


def test_a_target_shows_one_number_and_must_be_in_the_registry(seeds: Path) -> None:
    append(seeds, "subscriptions", "erp,available,DC1,*,live,hold")
    append(seeds, "subscriptions", "bazaar,available,DC1,*,live,hold")
    append(seeds, "subscriptions", "bazaar,available,DC2,*,dark,hold")
    result = run("--folder", str(seeds))
    assert "subscriptions.csv line 6, column mode: 'dark' is not one of" in result.output
    (seeds / "subscriptions.csv").write_text(
        "subscriber,event\nerp,books\nerp,available\nbazaar,available\n", encoding="utf-8"
    )
    result = run("--folder", str(seeds))
    assert "subscriptions.csv lines 2 and 3: erp subscribes to books and to available" in result.output
    assert "subscriptions.csv: bazaar is no target of the registry" in result.output
