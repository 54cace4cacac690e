"""One clock for all processes, real or virtual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncline.clock import Clock, clock_from_env
from syncline.errors import ConfigurationError

START = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_a_virtual_clock_runs_faster_from_its_start() -> None:
    clock = Clock(START, 1_000.0, 120.0)
    assert clock.at(1_000.0) == START
    assert clock.at(1_030.0) == START + timedelta(hours=1)
    assert clock.real_s(timedelta(hours=1)) == 30.0


def test_every_process_reads_the_same_clock_from_its_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(START, 1_000.5, 60.0)
    monkeypatch.setenv("SYNCLINE_CLOCK", clock.spec())
    assert clock_from_env() == clock


@pytest.mark.parametrize("spec", [None, "", "system"])
def test_production_uses_the_system_clock(monkeypatch: pytest.MonkeyPatch, spec: str | None) -> None:
    monkeypatch.delenv("SYNCLINE_CLOCK", raising=False)
    now = clock_from_env(spec).now()
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "spec", ["noon", "virtual:", "virtual:2026-11-02/0/0", "virtual:x/0/1", "virtual:2026-11-02/0/-1"]
)
def test_a_wrong_spec_is_refused_with_the_right_form(spec: str) -> None:
    with pytest.raises(ConfigurationError, match="virtual:<start ISO time>"):
        clock_from_env(spec)
