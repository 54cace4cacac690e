"""The committed configuration is the network's, and fits the tables it is applied to."""

from __future__ import annotations

import csv
from pathlib import Path

import psycopg
import pytest

from syncline.registry import load_registry
from syncline.twin.faults import Faults
from syncline.twin.network import ITEMS, MEASURES, PARTNERS, SITES
from syncline.twin.orders import ALLOCATE_AFTER_S
from syncline.twin.seeds import COLUMNS, PARTNER_CLOCK_SKEW_S, RULES_OF_THE_PRODUCT, rows, write_seeds

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "dbt_project" / "seeds"


def test_the_committed_files_are_what_the_network_says(tmp_path: Path) -> None:
    paths = write_seeds(tmp_path)
    assert {path.name for path in paths} == {path.name for path in SEEDS.glob("*.csv")} - {*RULES_OF_THE_PRODUCT}
    for path in paths:
        assert path.read_bytes() == (SEEDS / path.name).read_bytes(), f"run `syncline twin seeds`: {path.name}"


@pytest.mark.parametrize("table", COLUMNS)
def test_columns_are_those_of_the_configuration_table(warehouse: psycopg.Connection, table: str) -> None:
    found = warehouse.execute(
        "select column_name from information_schema.columns where table_schema = 'ops' and table_name = %s"
        " and column_name <> 'version_id' order by ordinal_position",
        (table,),
    ).fetchall()
    assert [name for (name,) in found] == list(COLUMNS[table])
    assert all(len(row) == len(COLUMNS[table]) for row in rows(table))


def test_every_reference_a_source_writes_is_mapped_once() -> None:
    items = {(source, ref): item for source, ref, item, *_ in rows("item_crosswalk")}
    locations = {(source, ref): location for source, ref, location, *_ in rows("location_crosswalk")}
    statuses = {(source, ref): measure for source, ref, measure in rows("status_crosswalk")}
    for partner in PARTNERS:
        assert {items[partner.source, partner.item_ref(item)] for item in ITEMS} == {item.sku for item in ITEMS}
        assert locations[partner.source, partner.warehouse_ref] == partner.location
        assert {statuses[partner.source, code] for code in ("17", "27", "QH", "74")} == set(MEASURES)
        assert not {ref for source, ref in items if source == "*"} & {partner.item_ref(item) for item in ITEMS}
    assert not any(ref.startswith("ALT-") for _, ref in items)


def test_each_site_has_one_primary_for_each_measure() -> None:
    rules = [dict(zip(COLUMNS["ownership_rules"], row, strict=True)) for row in rows("ownership_rules")]
    for site in SITES:
        for measure in MEASURES:
            found = {r["source"]: r["role"] for r in rules if (r["location"], r["measure"]) == (site.location, measure)}
            assert list(found.values()).count("primary") == 1
            assert found[site.wms or site.partner] == "primary"


def test_files_have_no_stray_quotes_or_spaces() -> None:
    for path in SEEDS.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream):
                assert all(cell == cell.strip() for cell in row)


def test_allocation_is_told_inside_a_partners_clock_skew() -> None:
    assert ALLOCATE_AFTER_S[1] < PARTNER_CLOCK_SKEW_S


def test_pullers_overlap_by_more_than_an_event_can_be_late() -> None:
    sources = [source for source in load_registry(ROOT / "dags" / "registry.yml").sources if source.kind == "wms_api"]
    assert len(sources) == 2
    assert all(source.overlap_s > Faults().late_max_s for source in sources)
