"""Run a ``World`` through the real warehouse: edit, apply, one batch, and compare with a rebuild and the oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from tests.config.world import Telling, World
from tests.oracle.comparing import differences
from tests.oracle.mapping import as_scenario
from tests.oracle.rules import answer

from syncline import resolve
from syncline.config import apply
from syncline.resolve.hashes import TABLES, derived_hashes
from syncline.scenario import Outcome

START = datetime(2026, 6, 1, tzinfo=UTC)
COLUMNS = (
    "fact_id, source, received_at, kind, item_ref, location_ref, status_ref, lot, uom, quantity, recorded, line_key, "
    "event_key, revision, cancel, sequence, is_test"
)


class Run:
    """One world in one empty, migrated database (``conn`` and ``dsn``: its owner)."""

    def __init__(self, conn: psycopg.Connection, dsn: str, seed: int, target: Path) -> None:
        self.conn, self.dsn, self.seed, self.target = conn, dsn, seed, target
        self.world = World(seed)
        self.log: list[str] = []
        self.edits = 0
        self.now = START
        apply(conn, self.world.rows, self.now, "test")
        self.batch(edits=0, facts=25)

    def batch(self, edits: int, facts: int) -> None:
        """Facts, edits, one batch; then the state must be what a rebuild makes of it, and what the oracle says."""
        self.now += timedelta(minutes=1)
        self.log += [self.world.edit() for _ in range(edits)]
        self.edits += edits
        told = self.world.tell(facts)
        if told:
            self._load(told)
        apply(self.conn, self.world.rows, self.now, "test")
        batch = resolve.open_batch(self.conn, self.now)
        if batch is not None:  # an edit that no fact is concerned by asks for no batch
            resolve.build(self.conn, self.dsn, batch.batch_id, self.target)
            self.conn.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))
        self._compare()

    def _load(self, told: list[Telling]) -> None:
        with self.conn.transaction():
            row = self.conn.execute("select nextval('raw.load_id_seq')").fetchone()
            assert row is not None
            copy = f"copy raw.facts ({COLUMNS}, load_id, document_id, position, feed, reading) from stdin"
            with self.conn.cursor() as cursor, cursor.copy(copy.encode()) as stream:
                for number, telling in enumerate(told):
                    stream.write_row((*telling.__dict__.values(), row[0], f"d{row[0]}", f"p{number}", "api", "test/1"))
            self.conn.execute(
                "insert into raw.loads (load_id, source, feed, received_at, documents, facts) "
                "values (%s, 'test', 'api', %s, 1, %s)",
                (row[0], self.now, len(told)),
            )

    def _compare(self) -> None:
        incremental, before = derived_hashes(self.conn), self._rows()
        resolve.rebuild(self.conn, self.dsn, self.target)
        rebuilt = derived_hashes(self.conn)
        if incremental != rebuilt:
            raise AssertionError(self._story(f"incremental is not the rebuild:\n{_diff(before, self._rows())}"))
        if found := differences(self._outcome(), answer(as_scenario(self.world.rows, self.world.told))):
            raise AssertionError(self._story("the warehouse is not the oracle:\n" + "\n".join(found)))

    def _story(self, what: str) -> str:
        recent = "\n".join(self.log[-3:])
        place = f"seed {self.seed}, after {self.edits} edits and {len(self.world.told)} facts"
        return f"{place}, {what}\nlast edits:\n{recent}"

    def _rows(self) -> dict[str, dict[Any, Any]]:
        found: dict[str, dict[Any, Any]] = {}
        for schema, table, key in TABLES:
            rows = self.conn.execute(
                f"select concat_ws('/', {key}), to_jsonb(t) - 'batch_id' from {schema}.{table} t".encode()
            ).fetchall()
            found[f"{schema}.{table}"] = dict(rows)
        return found

    def _outcome(self) -> Outcome:
        balances = self.conn.execute(
            "select item, location, measure, nullif(lot, ''), quantity, quantity_lo, quantity_hi, base_fact "
            "from canonical.balances"
        ).fetchall()
        names = ("item", "location", "measure", "lot", "quantity", "lo", "hi", "base_fact")
        dispositions = self.conn.execute("select fact_id, disposition, reason from intermediate.int_dispositions")
        verdicts = self.conn.execute("select fact_id, verdict, variances from canonical.verdicts")
        ledger = self.conn.execute("select fact_id, entry, quantity from canonical.ledger")
        return Outcome(
            name=f"seed {self.seed}",
            balances=[dict(zip(names, row, strict=True)) for row in balances],
            dispositions={fact: {"disposition": d, "reason": reason} for fact, d, reason in dispositions},
            verdicts={fact: {"verdict": v, "variances": sorted(vs)} for fact, v, vs in verdicts},
            ledger=[{"fact": fact, "entry": entry, "quantity": quantity} for fact, entry, quantity in ledger],
            failures=[],
        )


def _diff(incremental: dict[str, dict[Any, Any]], rebuilt: dict[str, dict[Any, Any]]) -> str:
    lines = []
    for table, rows in rebuilt.items():
        for key in sorted(rows.keys() | incremental[table].keys()):
            left, right = incremental[table].get(key), rows.get(key)
            if left != right:
                names = sorted(
                    n for n in {**(left or {}), **(right or {})} if (left or {}).get(n) != (right or {}).get(n)
                )
                shown = {n: ((left or {}).get(n), (right or {}).get(n)) for n in names}
                lines.append(
                    f"  {table} {key}: {'missing' if left is None else 'too much' if right is None else shown}"
                )
    return "\n".join(lines[:30])
