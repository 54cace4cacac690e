"""Judge the candidates of a batch and write the verdict down."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from syncline.errors import BatchHeld, TerminalError
from syncline.exceptions import open_exception, resolve_exception
from syncline.gate.suite import QUERY, load_suite
from syncline.home import project_root

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import psycopg

    from syncline.gate.expectations import Result

SCHEMA, TABLE = "canonical", "candidate_corrections"
RULE = "gate.critical"
NOTE_MAX = 500
log = logging.getLogger(__name__)


@dataclass
class GateVerdict:
    """What the gate said. ``failed``: rule name -> failing rows. ``held_rows``: rows kept back. Seconds are real."""

    batch_id: int
    checked: int
    failed: dict[str, int] = field(default_factory=dict)
    held_rows: int = 0
    seconds: float = 0.0
    already: bool = False


def check(
    dsn: str, conn: psycopg.Connection, batch_id: int, targets: Sequence[str], suite_path: Path | None = None
) -> GateVerdict:
    """Check ``canonical.candidate_corrections``; a batch may be checked any number of times until it is released.

    Args:
        dsn: for Great Expectations; role publisher (it reads candidates, readings and tolerances).
        conn: role publisher, autocommit: writes the verdict.
        targets: names of the registry's targets; a candidate for another one holds the batch.

    Raises:
        BatchHeld: a critical rule failed or could not be evaluated; the batch is ``held`` with a note.
        TerminalError: no such batch. ConfigurationError: the suite is wrong.
    """
    row = conn.execute("select state, as_of from ops.batches where batch_id = %s", (batch_id,)).fetchone()
    if row is None:
        raise TerminalError(
            f"Batch {batch_id} does not exist.", next_step="Run resolve: it opens the batch.", batch_id=batch_id
        )
    state, as_of = row  # the batch's instant dates what is opened and resolved here: a second check says the same
    if state == "released":
        return _stored(conn, batch_id)
    suite = load_suite(suite_path or project_root() / "expectations" / f"{TABLE}.yml")

    from syncline.gate.expectations import run_rules

    started = time.monotonic()
    results = run_rules(dsn, SCHEMA, TABLE, suite.filled({"batch_id": batch_id, "targets": sorted(targets)}))
    verdict = GateVerdict(batch_id, len(results), {r.rule.name: r.failed_rows for r in results if not r.success})
    critical = [r for r in results if not r.success and (r.rule.severity == "critical" or r.crashed)]
    with conn.transaction():
        _store(conn, batch_id, suite.suite, results)
        conn.execute("delete from ops.gate_held where batch_id = %s", (batch_id,))
        if critical:
            _hold_batch(conn, batch_id, critical, as_of)
        else:
            verdict.held_rows = _hold_rows(conn, batch_id, results)
            conn.execute(
                "update ops.batches set state = 'built', note = null where batch_id = %s and state = 'held'",
                (batch_id,),
            )
            resolve_exception(conn, RULE, f"batch {batch_id}", at=as_of)
    verdict.seconds = round(time.monotonic() - started, 3)
    log.info(
        "gate: batch %s, %s rules, %s rows held, %.2f s", batch_id, verdict.checked, verdict.held_rows, verdict.seconds
    )
    if critical:
        raise BatchHeld(
            f"Batch {batch_id} is held: {_say(critical)}.",
            next_step=f"Read ops.gate_results of batch {batch_id}, remove the cause, clear the build and gate tasks.",
            batch_id=batch_id,
            expectations=[r.rule.name for r in critical],
        )
    return verdict


def _stored(conn: psycopg.Connection, batch_id: int) -> GateVerdict:
    """The verdict of a released batch: its candidates may be gone, so nothing is judged again."""
    rows = conn.execute(
        "select expectation, success, failed_rows from ops.gate_results where batch_id = %s", (batch_id,)
    ).fetchall()
    held = conn.execute("select count(*) from ops.gate_held where batch_id = %s", (batch_id,)).fetchone()
    failed = {name: failed_rows for name, success, failed_rows in rows if not success}
    return GateVerdict(batch_id, len(rows), failed, held[0] if held else 0, already=True)


def _store(conn: psycopg.Connection, batch_id: int, suite: str, results: Sequence[Result]) -> None:
    conn.execute("delete from ops.gate_results where batch_id = %s and suite = %s", (batch_id, suite))
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into ops.gate_results (batch_id, suite, expectation, severity, success, failed_rows, detail) "
            "values (%s, %s, %s, %s, %s, %s, %s)",
            [
                (batch_id, suite, r.rule.name, r.rule.severity, r.success, r.failed_rows, Jsonb(r.detail))
                for r in results
            ],
        )


def _hold_rows(conn: psycopg.Connection, batch_id: int, results: Sequence[Result]) -> int:
    """Hold every row a ``holds`` rule finds: the same query, without the cap on reported rows."""
    held = 0
    for result in results:
        if result.success or not result.rule.holds:
            continue
        query = str(result.rule.arguments[QUERY]).format(batch=f"{SCHEMA}.{TABLE}")
        held += conn.execute(
            "insert into ops.gate_held select distinct %s::bigint, q.target, q.item, q.location, %s "
            f"from ({query.replace('%', '%%')}) q on conflict do nothing",  # the query is ours, from the repository
            (batch_id, result.rule.holds),
        ).rowcount
    return held


def _hold_batch(conn: psycopg.Connection, batch_id: int, critical: Sequence[Result], at: datetime) -> None:
    conn.execute(
        "update ops.batches set state = 'held', note = %s where batch_id = %s", (_say(critical)[:NOTE_MAX], batch_id)
    )
    open_exception(
        conn, RULE, f"batch {batch_id}", detail=f"Batch {batch_id} is not released: {_say(critical)}.",
        next_step="Remove the cause, then clear the build and gate tasks of the run.", at=at, batch_id=batch_id,
    )  # fmt: skip


def _say(critical: Sequence[Result]) -> str:
    return "; ".join(
        f"{r.rule.name} could not be evaluated ({r.detail.get('error', '')[:120]})"
        if r.crashed
        else f"{r.rule.name} fails" + (f" for {r.failed_rows} rows" if r.failed_rows else "")
        for r in critical
    )
