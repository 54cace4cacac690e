"""Run scenarios in a throw-away database: load, resolve after each load, compare with what is expected."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from syncline.config import apply
from syncline.decisions import Decision, store
from syncline.resolve import build, open_batch, rebuild
from syncline.resolve.build import CHECKPOINT_FACTS
from syncline.scenario.beside import store_documents, store_pushes, store_returns
from syncline.scenario.decided import Row, as_decisions, operator_rows
from syncline.scenario.outcome import Outcome, read_outcomes
from syncline.scenario.read import Scenario, configuration

RUN_TIME = datetime(2100, 1, 1, tzinfo=UTC)  # run time is data; scenarios do not depend on it
FACT_COLUMNS = (
    "fact_id, load_id, document_id, position, source, feed, reading, received_at, kind, item_ref, location_ref, "
    "status_ref, lot, uom, quantity, recorded, line_key, event_key, revision, cancel, sequence, is_test, "
    "serves, is_final, due, owner, reason, snapshot_id, correction_id"
)
_DOCUMENT = -2  # of a row


@dataclass(frozen=True)
class Options:
    """How to disturb the loading; none of it may change the result."""

    shuffle: int | None = None
    batches: int = 1
    duplicate: float = 0.0
    rebuild: bool = False
    checkpoint_facts: int = CHECKPOINT_FACTS


def run_scenarios(
    conn: psycopg.Connection,
    dsn: str,
    scenarios: list[Scenario],
    options: Options,
    after_batch: Callable[[], object] | None = None,
) -> list[Outcome]:
    """Push ``scenarios`` through the empty, migrated database of ``conn`` (owner) and ``dsn`` (who runs dbt).

    ``after_batch`` is called at the end of each batch, and of the rebuild.
    """
    apply(conn, configuration(scenarios), RUN_TIME, "scenario")
    store_documents(conn, scenarios, RUN_TIME)
    store_pushes(conn, scenarios, RUN_TIME)
    store_returns(conn, scenarios)
    with tempfile.TemporaryDirectory(prefix="syncline-dbt-") as target:
        for load in _loads(scenarios, options):
            _load(conn, load)
            batch = open_batch(conn, RUN_TIME)
            if batch is not None:
                build(conn, dsn, batch.batch_id, Path(target), checkpoint_facts=options.checkpoint_facts)
                # Nothing is pushed from here: the batch ends without a gate and without an outbox.
                conn.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))
                if after_batch is not None:
                    after_batch()
        if options.rebuild:
            for schema in ("staging", "intermediate", "canonical"):
                _empty(conn, schema)
            rebuild(conn, dsn, Path(target))
            if after_batch is not None:
                after_batch()
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
        # A document is received whole: all its lines are in the load of the first of them.
        loads: dict[str, int] = {}
        for index, row in enumerate(rows):
            place = index * options.batches // len(rows)
            if not isinstance(row, Decision) and (document := row[_DOCUMENT]):
                place = loads.setdefault(document, place)
            slices[place].append(row)
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
        fact.get("serves"), fact.get("final"), fact.get("due"), fact.get("owner"), fact.get("reason"),
        *(None if fact.get(name) is None else scenario.spaced(fact[name]) for name in ("document", "correlation")),
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
