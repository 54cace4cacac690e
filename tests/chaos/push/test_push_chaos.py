"""A small chaos run in every `make test`: the big one is `make chaos`. And books that are wrong: the judge sees it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from tests.chaos.push import plan
from tests.chaos.push.judge import Correction, Evidence, judge
from tests.chaos.push.site import Landed

from syncline.home import project_root
from syncline.twin.vendors.book import Effect

SEED = 7
LATE_SEED = 37  # four requests of the first forty are late at SAP
KEY = ("A-1", "DC1")


def chaos(seed: int, asked: str) -> subprocess.CompletedProcess[str]:
    """As the command, since workers are forked over a socket that has no host."""
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos.push", "--seed", str(seed), *asked.split()],
        cwd=project_root(), env=os.environ | {"COLUMNS": "200"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=240, check=False,
    )  # fmt: skip


def test_no_effect_is_doubled_or_lost_whatever_goes_wrong() -> None:
    # A key, a look-up, and nothing.
    run = chaos(
        SEED, "--corrections 300 --targets shop sap_s4 rest_blind --minutes 1.5 --keys 40 --restarts 1 --often 4"
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    struck = re.search(r"(\d+) workers killed or cleared", run.stdout)
    assert struck is not None, run.stdout
    assert int(struck[1]) >= 3
    assert "immediate at" in run.stdout, "Postgres was not restarted"


@pytest.mark.deep
def test_a_request_that_lives_longer_than_declared_shows_as_a_double_effect() -> None:
    run = chaos(LATE_SEED, "--corrections 500 --targets sap_s4 --minutes 1.5 --keys 80 --restarts 0 --life-s 0")
    assert run.returncode == 1, run.stdout
    assert "double effect" in run.stdout


def test_a_plan_is_the_same_for_its_seed() -> None:
    both = [
        (plan.faults(seed, "erp", frozenset()), list(plan.blows(seed, "erp", others=True, lines=10)),
         plan.restarts(seed, 100, 2))
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert both[0] == both[1] != both[2]


def correction(state: str, reason: str | None = None) -> Correction:
    return Correction("c" * 64, *KEY, "delta", 3, state, reason, (), (), 0.0)


def landed(*deltas: int) -> list[Landed]:
    return [Landed(Effect(*KEY, delta, 10 + delta, "c" * 64), 1.0) for delta in deltas]


RIGHT = Evidence("erp", "correction", True, True, {KEY: 13}, {KEY: 13}, landed(3), [correction("applied")])


def test_the_judge_finds_nothing_wrong_where_nothing_is() -> None:
    assert not judge(RIGHT).violations


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (replace(RIGHT, landed=landed(3, 3)), "double effect"),
        (replace(RIGHT, landed=[]), "lost effect: cccccccccccc A-1: applied, and the books hold no effect"),
        (replace(RIGHT, landed=landed(4)), "hold 4 instead of 3"),
        (replace(RIGHT, corrections=[correction("dead", "stale")]), "dead (stale), and the books hold its effect"),
        (
            replace(RIGHT, corrections=[correction("dead", "unproven")]),
            "dead (unproven), and the books hold its effect",
        ),
        (replace(RIGHT, landed=[Landed(Effect(*KEY, 3, 13, "x" * 64), 1.0)]), "an effect of no correction"),
        (replace(RIGHT, numbers={KEY: 12}), "shows 12, wanted 13"),
        (replace(RIGHT, unknown=50, escalated=1, resolved=Counter(held=1)), "escalated where a proof was to be had"),
    ],
)
def test_the_judge_finds_what_is_wrong(wrong: Evidence, told: str) -> None:
    assert any(told in each for each in judge(wrong).violations)


def test_unproven_claims_nothing_where_no_effect_can_be_known_again() -> None:
    assert not judge(replace(RIGHT, knows=False, corrections=[correction("dead", "unproven")])).violations
