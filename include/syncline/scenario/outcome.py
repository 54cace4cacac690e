"""What came out of a scenario, and where that is not what it expects."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncline.scenario.loops import LOOPS, loop_of

if TYPE_CHECKING:
    import psycopg

    from syncline.scenario.decided import Row
    from syncline.scenario.read import Scenario


@dataclass(frozen=True)
class Outcome:
    """What came out of one scenario; ``failures`` are lines of a diff against ``expect``.

    ``transfers``, ``financial`` and ``loops`` are read only where a scenario expects some, and are no part of the hash.
    """

    name: str
    balances: list[dict[str, Any]]
    dispositions: dict[str, dict[str, str | None]]
    verdicts: dict[str, dict[str, Any]]
    ledger: list[dict[str, Any]]
    failures: list[str]
    transfers: list[dict[str, Any]] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    serials: list[dict[str, Any]] = field(default_factory=list)
    financial: list[dict[str, Any]] = field(default_factory=list)
    loops: list[dict[str, Any]] | None = None  # not read
    loop_ids: list[str] = field(default_factory=list)

    @property
    def hash(self) -> str:
        # What a file has none of is no part of its hash: it has the one it had before there was any.
        more = [part for part in (self.releases, self.serials) if part]
        content = [self.balances, self.dispositions, self.verdicts, self.ledger, *more]
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "balances": self.balances,
            "dispositions": self.dispositions,
            "verdicts": self.verdicts,
            "ledger": self.ledger,
            "releases": self.releases,
            "serials": self.serials,
            "hash": self.hash,
        }


# Read only where a scenario expects some.
ASKED = {
    "transfers": "select item, event_key, measure, from_location, to_location, shipped, received, in_transit, state, "
    "written_off, is_overdue from marts.fct_transfers "
    'order by event_key collate "C", item collate "C", measure collate "C"',
    "financial": 'select item, location, quantity from canonical.financial order by item collate "C", '
    'location collate "C"',
    "loops": LOOPS,
}
RELEASE = ("released", "confirmed", "substituted", "outstanding", "back_order", "state")


def read_outcomes(conn: psycopg.Connection, scenarios: list[Scenario]) -> list[Outcome]:
    """What the derived tables say of each scenario, and where that is not what it expects."""
    queries = {
        "balances": "select item, location, measure, lot, quantity, quantity_lo, quantity_hi, base_fact "
        "from canonical.balances "
        'order by item collate "C", location collate "C", measure collate "C", lot collate "C"',
        "dispositions": "select fact_id, disposition, reason, decision_id from intermediate.int_dispositions "
        "order by fact_id",
        "verdicts": "select fact_id, verdict, variances, explained_by from canonical.verdicts order by fact_id",
        "ledger": "select fact_id, entry, quantity from canonical.ledger "
        'order by item collate "C", location collate "C", measure collate "C", lot collate "C", booked_from, '
        'fact_id collate "C"',
        "releases": "select item, release, location, released, confirmed, substituted, outstanding, back_order, state "
        'from canonical.releases order by release collate "C", location collate "C"',
        "serials": 'select item, serial, state, places from canonical.serial_places order by item collate "C", '
        'serial collate "C"',
    }
    queries |= {name: query for name, query in ASKED.items() if any(name in each.expect for each in scenarios)}
    found: dict[str, dict[str, list[Row]]] = {table: defaultdict(list) for table in (*queries, *ASKED)}
    for table, query in queries.items():
        for row in conn.execute(query):
            found[table][row[0].split("|", 1)[0]].append(row)
    return [
        _outcome(scenario, {table: rows[scenario.namespace] for table, rows in found.items()}, "loops" in queries)
        for scenario in scenarios
    ]


def _outcome(scenario: Scenario, found: dict[str, list[Row]], has_loops: bool) -> Outcome:
    bare = scenario.bare
    outcome = Outcome(
        name=scenario.name,
        balances=[
            {
                "item": bare(item), "location": bare(location), "measure": measure, "lot": lot or None,
                "quantity": quantity, "lo": lo, "hi": hi, "base_fact": bare(base),
            }
            for item, location, measure, lot, quantity, lo, hi, base in found["balances"]
        ],
        dispositions={
            # Only what a decision answers says so: files without decisions keep their hash.
            str(bare(f)): {"disposition": d, "reason": reason} | ({"decision": bare(by)} if by else {})
            for f, d, reason, by in found["dispositions"]
        },
        verdicts={str(bare(fact)): _verdict(scenario, *rest) for fact, *rest in found["verdicts"]},
        ledger=[{"fact": bare(f), "entry": entry, "quantity": quantity} for f, entry, quantity in found["ledger"]],
        failures=[],
        transfers=[_transfer(scenario, *row) for row in found["transfers"]],
        releases=[
            {"release": release, "item": bare(item), "location": bare(location)}
            | dict(zip(RELEASE, numbers, strict=True))
            for item, release, location, *numbers in found["releases"]
        ],
        serials=[
            {"item": bare(item), "serial": serial, "state": state, "places": [bare(place) for place in places]}
            for item, serial, state, places in found["serials"]
        ],
        financial=[
            {"item": bare(item), "location": bare(location), "quantity": quantity}
            for item, location, quantity in found["financial"]
        ],
        loops=[loop_of(bare, row) for row in found["loops"]] if has_loops else None,
        loop_ids=[row[1] for row in found["loops"]],
    )  # fmt: skip
    outcome.failures.extend(_differences(scenario.expect, outcome))
    return outcome


def _transfer(
    scenario: Scenario, item: str, event: str, measure: str, origin: str, end: str, *rest: Any
) -> dict[str, Any]:
    """What was written off, and whether it is overdue, is said where it is so."""
    bare = scenario.bare
    shipped, received, in_transit, state, written_off, is_overdue = rest
    found = {
        "event_key": event, "item": bare(item), "measure": measure, "from": bare(origin), "to": bare(end),
        "shipped": shipped, "received": received, "in_transit": in_transit, "state": state,
    }  # fmt: skip
    return found | ({"written_off": written_off} if written_off else {}) | ({"overdue": True} if is_overdue else {})


def _verdict(scenario: Scenario, verdict: str, variances: list[int], explained_by: list[str] | None) -> dict[str, Any]:
    """Only a delay says what explains it."""
    found: dict[str, Any] = {"verdict": verdict, "variances": sorted(variances)}
    return found if explained_by is None else {**found, "explained_by": [scenario.bare(fact) for fact in explained_by]}


def _differences(expect: dict[str, Any], outcome: Outcome) -> Iterable[str]:
    """Only what is named is compared."""
    for wanted in expect.get("balances") or []:
        key = {name: wanted.get(name) for name in ("item", "location", "measure", "lot")}
        row = next((b for b in outcome.balances if {name: b[name] for name in key} == key), None)
        if row is None:
            yield f"balance {key}: no row, expected {wanted}"
            continue
        for name, value in wanted.items():
            if row[name] != value:
                yield f"balance {key['item']} {key['location']}: {name} is {row[name]}, expected {value}"
    for fact, value in (expect.get("dispositions") or {}).items():
        got = outcome.dispositions.get(fact, {"disposition": None, "reason": None})
        if got["disposition"] != value:
            yield f"disposition of {fact} is {got['disposition']} ({got['reason']}), expected {value}"
    for fact, value in (expect.get("decided") or {}).items():
        by = outcome.dispositions.get(fact, {}).get("decision")
        if by != value:
            yield f"{fact} is answered by decision {by}, expected {value}"
    yield from _list_differences(expect, outcome)
    yield from _verdict_differences(expect, outcome)
    yield from _ledger_differences(expect.get("ledger") or [], outcome.ledger)


def _list_differences(expect: dict[str, Any], outcome: Outcome) -> Iterable[str]:
    """Of these a file that names one names all."""
    for part in ("transfers", "releases", "serials", "financial", "loops"):
        if part in expect and (got := getattr(outcome, part)) != expect[part]:
            yield f"{part} are {got}, expected {expect[part]}"


def _verdict_differences(expect: dict[str, Any], outcome: Outcome) -> Iterable[str]:
    for fact, value in (expect.get("verdicts") or {}).items():
        got = outcome.verdicts.get(fact, {}).get("verdict")
        if got != value:
            yield f"verdict on {fact} is {got}, expected {value}"
    for fact, value in (expect.get("variances") or {}).items():
        got_set = outcome.verdicts.get(fact, {}).get("variances")
        if got_set != sorted(value):
            yield f"variances of {fact} are {got_set}, expected {sorted(value)}"
    for fact, value in (expect.get("explained_by") or {}).items():
        explained_by = outcome.verdicts.get(fact, {}).get("explained_by")
        if explained_by != value:
            yield f"{fact} is explained by {explained_by}, expected {value}"


def _ledger_differences(wanted: list[dict[str, Any]], ledger: list[dict[str, Any]]) -> Iterable[str]:
    facts = {entry["fact"] for entry in wanted}
    for entry in wanted:
        if entry not in ledger:
            same = [got for got in ledger if got["fact"] == entry["fact"]]
            yield f"ledger has no {entry}; of this fact it has {same}"
    for entry in ledger:
        if entry["fact"] in facts and entry not in wanted:
            yield f"ledger has {entry}, which is not expected"
