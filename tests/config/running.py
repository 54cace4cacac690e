"""Run worlds through the real warehouse: edit, apply, one batch, and compare with the oracle and with a rebuild."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from tests.config.world import Telling, World
from tests.oracle.answer import answer
from tests.oracle.comparing import differences
from tests.oracle.mapping import as_scenario

from syncline import resolve
from syncline.config import apply
from syncline.config.tables import TABLES as CONFIGURATION
from syncline.config.tables import Rows
from syncline.resolve import dbt
from syncline.resolve.hashes import TABLES, derived_hashes
from syncline.scenario import Outcome

MOVEMENTS_MAX = 9
CHECKPOINT_FACTS = 3  # few, so that edits meet cells that begin at one
START = datetime(2026, 6, 1, tzinfo=UTC)
COLUMNS = (
    "fact_id, source, received_at, kind, item_ref, location_ref, status_ref, lot, uom, quantity, recorded, line_key, "
    "event_key, revision, cancel, sequence, is_test"
)


class Run:
    """Worlds in one empty, migrated database (``conn`` and ``dsn``: its owner).

    ``edits`` counts the edits made, ``asked`` how often the oracle gave its answer for a world after a batch, and
    ``kinds`` the edits by table.
    """

    def __init__(self, conn: psycopg.Connection, dsn: str, worlds: list[World], target: Path) -> None:
        self.conn, self.dsn, self.worlds, self.target = conn, dsn, worlds, target
        self.log: dict[str, list[str]] = {world.name: [] for world in worlds}
        self.edits = self.asked = 0
        self.kinds: Counter[str] = Counter()
        self.now = START

    def edit(self, world: World) -> None:
        self.log[world.name].append(world.edit())
        self.kinds[self.log[world.name][-1].partition(":")[0]] += 1
        self.edits += 1

    def batch(self, told: dict[str, int]) -> None:
        """``told`` new facts by world and the rules as they are now, one batch; every answer must be the oracle's."""
        self.now += timedelta(minutes=1)
        self.load([world.spaced(t) for world in self.worlds for t in world.tell(told.get(world.name, 0))])
        apply(self.conn, self._rows_of_all(), self.now, "test")
        batch = resolve.open_batch(self.conn, self.now)
        if batch is not None:  # an edit that no fact is concerned by asks for no batch
            self.decide(batch.batch_id)
            self.conn.execute("update ops.batches set state = 'released' where batch_id = %s", (batch.batch_id,))
        self._ask_the_oracle()

    def compare_with_rebuild(self) -> None:
        """Incremental = full rebuild, by hash; the rows that differ are in the error."""
        incremental, before = derived_hashes(self.conn), self._derived()
        self.decide(None)
        if incremental != derived_hashes(self.conn):
            lines = _diff(before, self._derived())
            names = [world.name for world in self.worlds if any(f" {world.name}|" in line for line in lines)]
            raise AssertionError(self._story("incremental is not the rebuild", names, lines))

    def _rows_of_all(self) -> Rows:
        rows: Rows = {name: [] for name in CONFIGURATION}
        for world in self.worlds:
            for name, some in world.spaced_rows().items():
                rows[name] += some
        return rows

    def decide(self, batch_id: int | None) -> None:
        """The models of the lane without their data tests, which would be most of the time; None: all anew."""
        if batch_id is not None:
            self.conn.execute(
                "insert into ops.current_batch (batch_id, as_of, checkpoint_facts) values (%s, %s, %s) "
                "on conflict (only_row) do update set batch_id = excluded.batch_id, as_of = excluded.as_of",
                (batch_id, self.now, CHECKPOINT_FACTS),
            )
        anew = ["--full-refresh"] if batch_id is None else []
        dbt.run(self.dsn, ["run", *anew, "--select", "tag:resolve"], self.target)

    def load(self, told: list[Telling]) -> None:
        if not told:
            return
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

    def _ask_the_oracle(self) -> None:
        """It tries every subset of a key's movements: where that is too much, only the rebuild is asked."""
        large = {
            name
            for (name,) in self.conn.execute(
                "select distinct split_part(item, '|', 1) from intermediate.int_movements where not is_chain "
                "group by item, location, measure, key_lot having count(*) > %s",
                (MOVEMENTS_MAX,),
            )
        }
        outcomes = self._outcomes()
        for world in self.worlds:
            if world.name in large:
                continue
            self.asked += 1
            if found := differences(outcomes[world.name], answer(as_scenario(world.rows, world.told))):
                raise AssertionError(self._story("the warehouse is not the oracle", [world.name], found))

    def _story(self, what: str, names: list[str], lines: list[str]) -> str:
        edits = [f"last edits of world (seed) {name}: " + "\n  ".join(self.log[name][-3:]) for name in names]
        return "\n".join([f"after {self.edits} edits {what}:", *lines[:30], *edits])

    def _derived(self) -> dict[str, dict[Any, Any]]:
        found: dict[str, dict[Any, Any]] = {}
        for schema, table, key in TABLES:
            rows = self.conn.execute(
                f"select concat_ws('/', {key}), to_jsonb(t) - 'batch_id' from {schema}.{table} t".encode()
            ).fetchall()
            found[f"{schema}.{table}"] = dict(rows)
        return found

    def _outcomes(self) -> dict[str, Outcome]:
        found = {world.name: Outcome(world.name, [], {}, {}, [], []) for world in self.worlds}

        def rows(query: str) -> Any:
            for first, *rest in self.conn.execute(query.encode()).fetchall():
                name, _, bare = first.partition("|")
                yield found[name], bare, rest

        for out, item, (location, measure, lot, quantity, lo, hi, base) in rows(
            "select item, split_part(location, '|', 2), measure, nullif(lot, ''), quantity, quantity_lo, quantity_hi, "
            "split_part(base_fact, '|', 2) from canonical.balances"
        ):
            out.balances.append(
                {"item": item, "location": location, "measure": measure, "lot": lot, "quantity": quantity,
                 "lo": lo, "hi": hi, "base_fact": base}
            )  # fmt: skip
        for out, fact, (disposition, reason) in rows(
            "select fact_id, disposition, reason from intermediate.int_dispositions"
        ):
            out.dispositions[fact] = {"disposition": disposition, "reason": reason}
        for out, fact, (verdict, variances, explained_by) in rows(
            "select fact_id, verdict, variances, explained_by from canonical.verdicts"
        ):
            out.verdicts[fact] = {"verdict": verdict, "variances": sorted(variances)}
            if explained_by is not None:
                out.verdicts[fact]["explained_by"] = [name.partition("|")[2] for name in explained_by]
        for out, fact, (entry, quantity) in rows("select fact_id, entry, quantity from canonical.ledger"):
            out.ledger.append({"fact": fact, "entry": entry, "quantity": quantity})
        return found


def _diff(incremental: dict[str, dict[Any, Any]], rebuilt: dict[str, dict[Any, Any]]) -> list[str]:
    lines = []
    for table, rows in rebuilt.items():
        for key in sorted(rows.keys() | incremental[table].keys()):
            left, right = incremental[table].get(key), rows.get(key)
            if left is None or right is None:
                lines.append(f"  {table} {key}: {'missing' if left is None else 'too much'}")
            elif left != right:
                shown = {name: (left[name], right[name]) for name in left if left[name] != right[name]}
                lines.append(f"  {table} {key}: {shown}")
    return lines
