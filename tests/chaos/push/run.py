"""One chaos run from beginning to end."""

from __future__ import annotations

import math
import secrets
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from tests.chaos.push import plan
from tests.chaos.push.crew import Crew
from tests.chaos.push.driver import Driver, Left
from tests.chaos.push.judge import Evidence, Verdict, gather, history, judge
from tests.chaos.push.site import KEYS, KINDS, LIFE_S, Site, vendor_site
from tests.chaos.push.twin_site import twin_sites
from tests.databases import make_candidates
from tests.targets.push_traces import UNDECIDED, check

from syncline.errors import WarehouseUnavailable
from syncline.warehouse import embedded
from syncline.warehouse.connect import connect_dsn
from syncline.warehouse.migrate import migrate
from syncline.warehouse.roles import give_logins, role_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

TWIN = ("erp", "shop")
TARGETS = (*TWIN, *KINDS)
STEP_S = 0.5
SINGLE_SHARE = 0.3
AHEAD = 1.1
UNDECIDED_SHARE = 1_000  # of so many traces one may be too long for the model
CALM_S_MAX = 90.0  # faults are over: by then everything is proven or given up, and right
LOST = (psycopg.OperationalError, psycopg.InterfaceError, WarehouseUnavailable)


@dataclass(frozen=True)
class Settings:
    """``corrections``: of all targets together. ``minutes``: after that it is calm, however many there were.

    ``often``: how many times as often as else workers are struck, for a run of few documents. ``life_s``: what vendors'
    stand-ins are declared to have; less than it truly is must end in violations.
    """

    seed: int
    corrections: int
    targets: Sequence[str] = TARGETS
    minutes: float = 15.0
    keys: int = KEYS
    workers: int = 2
    restarts: int = 4
    often: float = 1.0
    life_s: float = LIFE_S


@dataclass
class Outcome:
    """What a run came to. ``count``: blows by (target, kind). ``faults``: by target. ``broken``: workers' own errors.

    ``traced``: corrections whose history was checked; ``traces``: what is wrong with any. ``undecided``: too long for
    the model, so checked against the table of moves alone.
    """

    settings: Settings
    judged: list[tuple[Evidence, Verdict]] = field(default_factory=list)
    count: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: dict[str, Counter[str]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    left: Left = field(default_factory=lambda: Left(0, 0, 0, 0))
    postgres: list[str] = field(default_factory=list)
    chaos_s: float = 0.0
    calm_s: float = 0.0
    traced: dict[str, int] = field(default_factory=dict)
    traces: list[str] = field(default_factory=list)
    undecided: int = 0

    @property
    def corrections(self) -> int:
        return sum(len(evidence.corrections) for evidence, _ in self.judged)

    @property
    def struck(self) -> int:
        """Workers killed, and tasks cleared while they ran."""
        return sum(number for (_, kind), number in self.count.items() if kind in ("kill", "clear"))

    @property
    def violations(self) -> list[str]:
        told = [f"{evidence.name}: {each}" for evidence, verdict in self.judged for each in verdict.violations]
        told += [f"a worker broke: {each}" for each in self.broken] + self.traces
        if self.undecided * UNDECIDED_SHARE > sum(self.traced.values()):
            told.append(f"{self.undecided} traces are not decided: the model checks too little")
        if any(self.left):
            told.append(f"not at rest after {self.calm_s:.0f} s: {self.left}")
        if self.corrections < self.settings.corrections:
            told.append(f"only {self.corrections} of {self.settings.corrections} corrections")
        return told


class Warehouse:
    """The embedded Postgres of a run, and connections that are opened again after it went away."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = embedded.start(home)
        with connect_dsn(self.server.dsn()) as admin:
            # A server that is killed loses nothing by this; only a machine would.
            for off in ("fsync", "full_page_writes"):
                admin.execute(f"alter system set {off} = off".encode())
            admin.execute("select pg_reload_conf()")
            for name in ("chaos", "chaos_erp"):
                admin.execute(f"create database {name}".encode())
        migrate(self.server.dsn("chaos"))
        password = secrets.token_urlsafe(16)
        self.owner = connect_dsn(self.server.dsn("chaos"), name="owner")
        give_logins(self.owner, {"publisher": password})
        self.publisher_dsn = (
            f"postgresql://{role_name('publisher')}:{password}@{self.server.host}:{self.server.port}/chaos"
        )
        self.publisher = connect_dsn(self.publisher_dsn, name="publisher driver")
        make_candidates(self.owner)

    def restart(self, mode: str) -> None:
        """``immediate``: as a crash, recovered from its log; ``fast``: every session is ended."""
        root = (self.home / "pg").resolve()
        options = ["-l", str(root / "postgres.log"), "-o", f"-p {self.server.port}"]
        embedded._run("pg_ctl", ["-w", "-t", "60", "-s", "-D", str(self.server.data), *options, "-m", mode, "restart"])

    def reconnect(self) -> None:
        for connection in (self.owner, self.publisher):
            with suppress(psycopg.Error):
                connection.close()
        self.owner = connect_dsn(self.server.dsn("chaos"), name="owner")
        self.publisher = connect_dsn(self.publisher_dsn, name="publisher driver")

    def close(self) -> None:
        for connection in (self.owner, self.publisher):
            connection.close()
        embedded.stop(self.home)


def run(settings: Settings, home: Path, say: Callable[[str], None]) -> Outcome:
    """Chaos, calm, judgement. ``home``: an empty folder."""
    outcome = Outcome(settings)
    broken = home / "broken.txt"
    with ExitStack() as stack:
        warehouse = Warehouse(home)
        stack.callback(warehouse.close)
        sites = _sites(settings, warehouse, home, stack)
        driver = Driver(sites, settings.seed, quotas(sites, settings.corrections))
        driver.prepare(warehouse.owner)
        crew = Crew(sites, warehouse.publisher_dsn, settings, broken)
        try:
            crew.start()
            _chaos(settings, warehouse, driver, outcome, say)
            crew.calm()
            for site in sites:
                site.calm()
            _calm(warehouse, driver, outcome, say)
        finally:
            crew.stop()
        outcome.count = crew.count
        outcome.broken += crew.errors + ([broken.read_text()] if broken.exists() else [])
        outcome.faults = {site.name: site.faults() for site in sites}
        for site in sites:
            wanted = {key: driver.wanted[site.name, key] for key in site.keys}
            evidence = gather(warehouse.owner, site, wanted, site.numbers(), site.effects())
            outcome.judged.append((evidence, judge(evidence)))
            first = next((key for key in site.keys if evidence.numbers.get(key) != wanted[key]), None)
            if first is not None:
                say(f"{site.name} {first}, newest first:")
                for told in history(warehouse.owner, site.name, first):
                    say(told)
            checked, told = check(warehouse.owner, site.name, site.policy)
            outcome.traced[site.name] = checked
            outcome.traces += [each for each in told if UNDECIDED not in each]
            outcome.undecided += sum(UNDECIDED in each for each in told)
    return outcome


def quotas(sites: list[Site], corrections: int) -> dict[str, int]:
    """Corrections by target. Where a document has one line, fewer of them make as many documents."""
    weights = {site.name: SINGLE_SHARE if site.policy.lines_max == 1 else 1.0 for site in sites}
    whole = sum(weights.values())
    return {name: math.ceil(corrections * AHEAD * weight / whole) for name, weight in weights.items()}


def _sites(settings: Settings, warehouse: Warehouse, home: Path, stack: ExitStack) -> list[Site]:
    twin = tuple(name for name in settings.targets if name in TWIN)
    found: list[Site] = []
    if twin:
        dsn = warehouse.server.dsn("chaos_erp")
        files = home / "files"
        found += stack.enter_context(twin_sites(twin, settings.seed, settings.keys, dsn, files))
    for name in settings.targets:
        if name not in TWIN:
            found.append(stack.enter_context(vendor_site(name, settings.seed, settings.keys, settings.life_s)))
    return found


def _all_met(made: dict[str, int], quota: dict[str, int]) -> bool:
    """The slow ones may be a quarter behind, for the quick ones to be ahead."""
    return all(4 * made.get(name, 0) >= 3 * number for name, number in quota.items())


def _chaos(
    settings: Settings, warehouse: Warehouse, driver: Driver, outcome: Outcome, say: Callable[[str], None]
) -> None:
    restarts = plan.restarts(settings.seed, settings.corrections, settings.restarts)
    began_s = told_s = time.monotonic()
    made = 0
    while time.monotonic() - began_s < settings.minutes * 60:
        step_s = time.monotonic()
        try:
            by_target = driver.made(warehouse.owner)
            made = sum(by_target.values())
            if made >= settings.corrections and _all_met(by_target, driver.quota):
                break
            if restarts and made >= restarts[0][0]:
                _, mode = restarts.pop(0)
                outcome.postgres.append(f"{mode} at {made}")
                warehouse.restart(mode)
            driver.step(warehouse.owner, warehouse.publisher, is_calm=False)
        except LOST:
            warehouse.reconnect()
        if time.monotonic() - told_s > 10:
            told_s = time.monotonic()
            say(f"{told_s - began_s:4.0f} s: {made} corrections {by_target}")
        time.sleep(max(0.0, STEP_S - (time.monotonic() - step_s)))
    outcome.chaos_s = time.monotonic() - began_s


def _calm(warehouse: Warehouse, driver: Driver, outcome: Outcome, say: Callable[[str], None]) -> None:
    """Until all is at rest, and still is after every number that others may have changed was looked at once more."""
    say("calm")
    began_s = time.monotonic()
    is_looked_at = False
    while time.monotonic() - began_s < CALM_S_MAX:
        try:
            driver.step(warehouse.owner, warehouse.publisher, is_calm=True)
            outcome.left = driver.left(warehouse.owner)
            if not any(outcome.left):
                if is_looked_at:
                    break
                warehouse.owner.execute("update ops.target_keys set looked_at = null")  # as if reread_s had passed
                is_looked_at = True
        except LOST:
            warehouse.reconnect()
        time.sleep(STEP_S)
    outcome.calm_s = time.monotonic() - began_s
