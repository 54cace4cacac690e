"""Each baseline on a feed that shows its weakness, computed by hand; and the recipe on a day without faults."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.twin.feeds import (
    ACME,
    BETA,
    EDI_ONLY,
    HOUR_S,
    ONE,
    count,
    ends,
    event,
    file,
    found,
    lived,
    ms,
    outcomes,
    sale,
    shipment,
)
from typer.testing import CliRunner

from syncline.cli.twin import app
from syncline.twin.compare import compare
from syncline.twin.faults import Faults
from syncline.twin.schedule import Day

NAIVE, OLDER, NIGHTLY, RECIPE = "latest arrival wins", "reject older", "nightly overwrite", "usual recipe"


def test_all_agree_where_nothing_goes_wrong() -> None:
    cases = event(
        20, "inventory.received", "T-2", {"quantity": 2, "uom": "CA", "condition": "good", "reason": "return"}
    )
    shipped = event(30, "shipment.confirmed", "T-3", {"quantity": 5, "released": 5, "order_line": "O"}, shipment_id="S")
    assert set(ends(lived(count(10, 100), cases, shipped)).values()) == {100 + 24 - 5}


def test_a_stale_file_puts_latest_arrival_wrong() -> None:
    """100 counted, 5 shipped at 2 h; a file as of 1 h says 100, five minutes later."""
    day = lived(count(10, 100), found(2 * HOUR_S, -5), file(2 * HOUR_S + 300, HOUR_S, 100))
    assert ends(day) == {NAIVE: 100, OLDER: 95, NIGHTLY: 95, RECIPE: 95}


def test_a_file_sent_twice_puts_latest_arrival_wrong() -> None:
    day = lived(file(100, 60, 100), found(200, -5), file(300, 60, 100))
    assert ends(day) == {NAIVE: 100, OLDER: 95, NIGHTLY: 45, RECIPE: 95}


def test_a_late_movement_is_lost_by_reject_older() -> None:
    """−5 posted before +3, seen after it."""
    day = lived(count(10, 100), found(60, -5, seen_s=240), found(120, 3))
    assert ends(day) == {NAIVE: 98, OLDER: 103, NIGHTLY: 98, RECIPE: 98}


def test_a_retry_is_posted_twice_by_all_without_idempotency_keys() -> None:
    day = lived(count(10, 100), found(60, -5, "T-1"), found(120, -5, "T-1"))
    assert ends(day) == {NAIVE: 90, OLDER: 90, NIGHTLY: 90, RECIPE: 95}
    posts = {name: outcome.double_posts for name, outcome in outcomes(day).items()}
    assert posts == {NAIVE: 1, OLDER: 1, NIGHTLY: 1, RECIPE: 0}


def test_an_event_listed_twice_is_posted_twice_by_all_without_idempotency_keys() -> None:
    day = lived(count(10, 100), found(60, -5), found(60, -5))
    assert ends(day) == {NAIVE: 90, OLDER: 90, NIGHTLY: 90, RECIPE: 95}


def test_the_night_overwrites_what_happened_since_the_file() -> None:
    """A file as of 1 h says 100, 5 are shipped, the job runs at 2 h."""
    day = lived(count(10, 100), file(HOUR_S + 60, HOUR_S, 100), found(HOUR_S + 600, -5), nights_s=(2 * HOUR_S,))
    assert ends(day) == {NAIVE: 95, OLDER: 95, NIGHTLY: 100, RECIPE: 95}


def test_by_day_the_nightly_job_does_not_know_the_edi_only_site() -> None:
    """50 in the books, a file says 80 at once; the job takes it over at 2 h: (80 − 50) × 2 unit-hours."""
    day = lived(file(0, 0, 80, partner=BETA), truth=[(0, 80)], nights_s=(2 * HOUR_S,), key=EDI_ONLY)
    drift = {name: outcome.drift_unit_ms / 3_600_000 for name, outcome in outcomes(day).items()}
    assert drift == {NAIVE: 0, OLDER: 0, NIGHTLY: 60, RECIPE: 0}
    assert set(ends(day).values()) == {80}


def test_a_late_count_is_lost_by_the_recipe_and_nothing_says_so() -> None:
    """Counted 97 where 100 were booked; seen after a shipment that was posted later. True are 96."""
    day = lived(count(10, 100), count(60, 97, seen_s=240), found(120, -1))
    assert ends(day) == {NAIVE: 97, OLDER: 99, NIGHTLY: 97, RECIPE: 99}
    assert outcomes(day)[RECIPE].flagged == set()


def test_a_movement_that_the_count_holds_already_is_left_out_by_the_recipe() -> None:
    day = lived(count(10, 100), found(60, -5, seen_s=240), count(120, 95))
    assert ends(day) == {NAIVE: 90, OLDER: 95, NIGHTLY: 90, RECIPE: 95}


def test_another_body_under_a_known_key_is_the_one_thing_a_baseline_flags() -> None:
    day = lived(count(10, 100), found(60, -5, "T-1"), found(120, -6, "T-1"))
    assert ends(day)[RECIPE] == 95
    flagged = {name: outcome.flagged for name, outcome in outcomes(day).items()}
    assert flagged == {NAIVE: set(), OLDER: set(), NIGHTLY: set(), RECIPE: {ONE}}


def test_the_recipes_first_balance_is_its_initial_load() -> None:
    """Counted at opening, seen after two movements: one before the count, one after it."""
    day = lived(found(5, -7), count(10, 100, seen_s=200), found(60, -2))
    assert ends(day)[RECIPE] == 98
    assert ends(lived(count(10, 100), count(5, 80, seen_s=60)))[RECIPE] == 100


def test_a_date_without_a_time_is_its_midnight_for_who_compares_times() -> None:
    day = lived(count(10, 100), file(HOUR_S, HOUR_S, 70, has_time=False))
    assert ends(day) == {NAIVE: 70, OLDER: 100, NIGHTLY: 100, RECIPE: 100}


def test_the_hybrid_sites_newer_file_counts_for_the_recipe() -> None:
    day = lived(count(10, 100), file(HOUR_S, 0.9 * HOUR_S, 97, partner=ACME))
    assert ends(day)[RECIPE] == 97


@pytest.mark.parametrize("is_first", [True, False], ids=["945 first", "event first"])
def test_a_shipment_told_by_event_and_945_counts_once_for_who_has_keys(is_first: bool) -> None:
    line = {"quantity": 5, "released": 5, "order_line": "O"}
    told = event(150, "shipment.confirmed", "T-1", line, shipment_id="S", seen_s=200)
    day = lived(count(10, 100), told, shipment(180 if is_first else 300, 150, 5, "T-1"), nights_s=(HOUR_S,))
    assert ends(day) == {NAIVE: 90, OLDER: 90 if is_first else 95, NIGHTLY: 90, RECIPE: 95}


def test_a_document_of_the_edi_only_site_counts_at_once_for_everybody() -> None:
    opening = file(10, 0, 80, partner=BETA)
    day = lived(opening, shipment(300, 120, 5, "T-1", partner=BETA), key=EDI_ONLY)
    assert ends(day) == {NAIVE: 75, OLDER: 75, NIGHTLY: 45, RECIPE: 75}  # its file is for the night


def test_half_and_junk_files_say_nothing_to_anybody() -> None:
    whole = file(100, 60, 70)
    assert isinstance(whole.content, bytes)
    half, junk, empty = (whole._replace(content=content) for content in (whole.content[:900], b"\x00" * 99, b""))
    day = lived(count(10, 100), half, junk, empty, nights_s=(HOUR_S,))
    assert set(ends(day).values()) == {100}


def test_the_shop_gets_what_is_there_less_what_is_not_for_sale() -> None:
    told = [count(10, 100), count(11, 4, measure="damaged"), count(12, 2, measure="quarantined")]
    day = lived(*told, count(13, 10, measure="allocated"), attempts=[sale(60, 1)])
    for outcome in outcomes(day).values():
        assert outcome.shown == [100 - 4 - 2 - 10 - 3]


def test_the_recipe_holds_a_sale_back_until_its_allocation_is_told() -> None:
    """Sold 4 of 97; a receipt of 1 comes before the allocation: the others offer the 4 again."""
    allocation = found(90, 4, "T-9", measure="allocated", reason="order", order_line="O-1/1")
    attempts = [sale(60, 4), sale(70, 0, "O-2/1"), sale(80, 0, "O-3/1"), sale(99, 0, "O-4/1")]
    day = lived(count(10, 100), found(75, 1), allocation, attempts=attempts)
    shown = {name: outcome.shown for name, outcome in outcomes(day).items()}
    assert shown[RECIPE] == [97, 93, 94, 94]
    assert shown[NAIVE] == shown[OLDER] == shown[NIGHTLY] == [97, 93, 98, 94]


def test_the_recipe_takes_a_newer_statement_of_the_edi_only_site_for_the_allocation() -> None:
    told = [file(at_s, at_s, 80, partner=BETA, control=at_s) for at_s in (60, 120, 240)]
    attempts = [sale(70, 4, key=EDI_ONLY), *(sale(at_s, 0, f"{at_s}", key=EDI_ONLY) for at_s in (125, 245))]
    shown = outcomes(lived(*told, attempts=attempts, key=EDI_ONLY))[RECIPE].shown
    assert shown == [77, 73, 77]  # the statement of 120 may not know an order of 70 yet


@pytest.mark.parametrize("seed", range(1, 5))
def test_without_faults_everybody_ends_right_and_nothing_is_posted_twice(seed: int) -> None:
    for score in compare(Day(seed=seed, hours=2.0), Faults.none()).scores:
        assert (score.wrong_keys, score.double_posts) == ([], 0), (score.name, seed)


def test_the_same_seed_gives_the_same_scores_and_faults_change_them() -> None:
    day = Day(seed=3, hours=1.5)
    first, again = compare(day, Faults()), compare(day, Faults())
    assert first == again
    assert [score.name for score in first.scores] == [NAIVE, OLDER, NIGHTLY, RECIPE]
    assert compare(day, Faults.none()).scores != first.scores
    assert ms(0) == day.start_ms


def test_the_reference_page_shows_what_seed_1_gives() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "baselines.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| 1 \| ([a-z ]+?) \| (.+) \|$", page, re.MULTILINE)
    shown = {name: tuple(int(cell) for cell in cells.split("|")) for name, cells in rows}
    assert shown == {
        score.name: (
            score.wrong_unflagged,
            score.drift_units,
            score.drift_unit_hours,
            score.oversold_units,
            score.double_posts,
        )
        for score in compare(Day(seed=1), Faults()).scores
    }


def test_the_command_compares_the_seeds_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "calm.yml").write_text("base: none\n")
    arguments = ["compare", "--seed", "2", "--seed", "5", "--hours", "0.3", "--faults", str(tmp_path / "calm.yml")]
    printed = CliRunner().invoke(app, arguments, env={"COLUMNS": "100"})
    assert printed.exit_code == 0
    assert "seed 2" in printed.output
    assert "seed 5" in printed.output
    assert "units of drift at the end" in printed.output
    assert "event to ERP" not in printed.output  # nobody pushes here
    compared = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert [each["seed"] for each in compared] == [2, 5]
    assert [score["name"] for score in compared[0]["scores"]] == [NAIVE, OLDER, NIGHTLY, RECIPE]
    assert compared[0]["scores"][0]["wrong_keys"] == []
    assert compared[0]["status"]["faults"] == {}
