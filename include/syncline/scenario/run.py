"""Run scenarios in a throw-away database: load, resolve after each load, compare with what is expected."""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from syncline.config import apply
from syncline.decisions import Decision, store
from syncline.resolve import build, open_batch, rebuild
from syncline.resolve.build import CHECKPOINT_FACTS
from syncline.scenario.decided import Row, as_decisions, operator_rows
from syncline.scenario.read import Scenario, configuration

RUN_TIME = datetime(2100, 1, 1, tzinfo=UTC)  # run time is data; scenarios do not depend on it
FACT_COLUMNS = (
    "fact_id, load_id, document_id, position, source, feed, reading, received_at, kind, item_ref, location_ref, "
    "status_ref, lot, uom, quantity, recorded, line_key, event_key, revision, cancel, sequence, is_test"
)


@dataclass(frozen=True)
class Options:
    """How to disturb the loading; none of it may change the result."""

    shuffle: int | None = None
    batches: int = 1
    duplicate: float = 0.0
    rebuild: bool = False
    checkpoint_facts: int = CHECKPOINT_FACTS


@dataclass(frozen=True)
class Outcome:
    """What came out of one scenario; ``failures`` are lines of a diff against ``expect``.

    ``transfers`` are read only where a scenario expects some, and are no part of the hash.
    """

    name: str
    balances: list[dict[str, Any]]
    dispositions: dict[str, dict[str, str | None]]
    verdicts: dict[str, dict[str, Any]]
    ledger: list[dict[str, Any]]
    failures: list[str]
    transfers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def hash(self) -> str:
        content = [self.balances, self.dispositions, self.verdicts, self.ledger]
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "balances": self.balances,
            "dispositions": self.dispositions,
            "verdicts": self.verdicts,
            "ledger": self.ledger,
            "hash": self.hash,
        }


def run_scenarios(conn: psycopg.Connection, dsn: str, scenarios: list[Scenario], options: Options) -> list[Outcome]:
    """Push ``scenarios`` through the empty, migrated database of ``conn`` (owner) and ``dsn`` (who runs dbt)."""
    apply(conn, configuration(scenarios), RUN_TIME, "scenario")
    with tempfile.TemporaryDirectory(prefix="syncline-dbt-") as target:
        for load in _loads(scenarios, options):
            _load(conn, load)
            batch = open_batch(conn, RUN_TIME)
            if batch is not None:
                build(conn, dsn, batch.batch_id, Path(target), checkpoint_facts=options.checkpoint_facts)
                # Nothing is pushed from here: the batch ends without a gate and without an outbox.
                conn.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))
        if options.rebuild:
            for schema in ("staging", "intermediate", "canonical"):
                _empty(conn, schema)
            rebuild(conn, dsn, Path(target))
    return read_outcomes(conn, scenarios)


def _empty(conn: psycopg.Connection, schema: str) -> None:
    for kind, name in conn.execute(
        "select case relkind when 'v' then 'view' else 'table' end, oid::regclass::text from pg_class "
        "where relnamespace = %s::regnamespace and relkind in ('r', 'v')",
        (schema,),
    ).fetchall():
        conn.execute(f"drop {kind} if exists {name} cascade")


def _loads(scenarios: list[Scenario], options: Options) -> Iterable[list[Row | Decision]]:
    """The facts and decisions of all scenarios as loads: shuffled, partly repeated and split as asked."""
    slices: list[list[Row | Decision]] = [[] for _ in range(options.batches)]
    for scenario in scenarios:
        chance = random.Random(f"{options.shuffle}/{scenario.name}")
        rows: list[Row | Decision] = [_row(scenario, fact) for fact in scenario.facts]
        rows += [row for row in rows if chance.random() < options.duplicate]
        for decision in as_decisions(scenario):
            # Where it belongs in time: after what was received by then.
            seen = sum(datetime.fromisoformat(f["received_at"]) <= decision.at for f in scenario.facts)
            rows.insert(seen, decision)
        if options.shuffle is not None:
            chance.shuffle(rows)
        for index, row in enumerate(rows):
            slices[index * options.batches // len(rows)].append(row)
    return [load for load in slices if load]


def _row(scenario: Scenario, fact: dict[str, Any]) -> Row:
    source = scenario.spaced(fact["source"])
    recorded = fact["recorded"]
    line_key = str(fact.get("line_key", fact["id"]))
    feed = (scenario.network["sources"].get(fact["source"]) or {}).get("feed", "api")
    return (
        scenario.spaced(str(fact["id"])), f"scenario {scenario.name}", str(fact["id"]), source, feed, "scenario 1",
        fact["received_at"], fact["kind"], scenario.spaced(fact["item"]), scenario.spaced(fact["location"]),
        fact["measure"], fact.get("lot"), fact.get("uom"), str(fact.get("quantity", 0)),
        f"{recorded['from']}/{recorded['to']}" if isinstance(recorded, dict) else str(recorded),
        line_key, str(fact.get("event_key", f"{fact['source']}/{line_key}")), int(fact.get("revision", 1)),
        bool(fact.get("cancel", False)), fact.get("sequence"), bool(fact.get("test", False)),
    )  # fmt: skip


def _load(conn: psycopg.Connection, entries: list[Row | Decision]) -> None:
    rows = [entry for entry in entries if not isinstance(entry, Decision)]
    for decision in entries:
        if isinstance(decision, Decision):
            store(conn, decision)
            rows += operator_rows(decision)
    with conn.transaction():
        found = conn.execute("select nextval('raw.load_id_seq')").fetchone()
        assert found is not None
        load_id = found[0]
        with conn.cursor() as cursor, cursor.copy(f"copy raw.facts ({FACT_COLUMNS}) from stdin") as stream:
            for row in rows:
                stream.write_row((row[0], load_id, *row[1:]))
        conn.execute(
            "insert into raw.loads (load_id, source, feed, received_at, documents, facts) "
            "values (%s, 'scenario', 'file', %s, 0, %s)",
            (load_id, RUN_TIME, len(rows)),
        )


def read_outcomes(conn: psycopg.Connection, scenarios: list[Scenario]) -> list[Outcome]:
    """What the derived tables say of each scenario, and where that is not what it expects."""
    found: dict[str, dict[str, list[Row]]] = {
        table: defaultdict(list) for table in ("balances", "dispositions", "verdicts", "ledger", "transfers")
    }
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
    }
    if any("transfers" in scenario.expect for scenario in scenarios):
        queries["transfers"] = (
            "select item, event_key, measure, from_location, to_location, shipped, received, in_transit, state "
            'from marts.fct_transfers order by event_key collate "C", item collate "C", measure collate "C"'
        )
    for table, query in queries.items():
        for row in conn.execute(query):
            found[table][row[0].split("|", 1)[0]].append(row)
    return [
        _outcome(scenario, {table: rows[scenario.namespace] for table, rows in found.items()}) for scenario in scenarios
    ]


def _outcome(scenario: Scenario, found: dict[str, list[Row]]) -> Outcome:
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
        transfers=[
            {
                "event_key": event, "item": bare(item), "measure": measure, "from": bare(origin), "to": bare(end),
                "shipped": shipped, "received": received, "in_transit": in_transit, "state": state,
            }
            for item, event, measure, origin, end, shipped, received, in_transit, state in found["transfers"]
        ],
    )  # fmt: skip
    outcome.failures.extend(_differences(scenario.expect, outcome))
    return outcome


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
    if "transfers" in expect and outcome.transfers != expect["transfers"]:
        yield f"transfers are {outcome.transfers}, expected {expect['transfers']}"
    yield from _verdict_differences(expect, outcome)
    yield from _ledger_differences(expect.get("ledger") or [], outcome.ledger)


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
