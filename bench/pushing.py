"""What claiming and settling cost a correction, with few and with many waiting, beside a long history.

The target answers at once and in memory: what is measured is the warehouse's part of a document, from asking for its
lines to having written down what became of them, with its two commits on disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import psycopg

from bench.figures import Figure
from bench.resolving import say
from bench.sizes import Size
from bench.warehouse import Bench
from syncline.clock import Clock
from syncline.targets.changes import read_changes
from syncline.targets.claiming import Claimed, claim
from syncline.targets.contract import Capabilities, DocumentAnswer, LineAnswer, Page
from syncline.targets.policy import TargetPolicy
from syncline.targets.sending import record

TARGET = "erp"
COST_MS = 2.0
LINES = (1, 10, 50)
ROUNDS = 3
MEASURED = 300  # corrections of one measurement
LOCATIONS = 4
AT = datetime(2026, 11, 2, 8, tzinfo=UTC)
CAN = Capabilities("delta", key="line", lists_changes=True, lines_max=50)

# History: closed corrections in turn over the keys, each with its try, document, moves and the reading after it.
HISTORY = f"""
insert into ops.batches (as_of, state) values ('{AT}', 'released');
insert into ops.target_cursors values ('{TARGET}', 0, '{AT}');
create temporary table past on commit drop as
  select md5(n::text) || md5((-n)::text) as id, 'SKU-' || n %% %(keys)s / {LOCATIONS} as item,
         'DC' || n %% {LOCATIONS} as location, n / %(keys)s + 1 as no, n %% 10 = 0 as is_dead,
         '{AT}'::timestamptz - (%(past)s - n) * interval '1 second' as at
  from generate_series(0, %(past)s - 1) as n;
insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, quantity,
    state, batch_id, tries, created_at, changed_at, closed_at, priority, send_by, fact_id)
  select id, '{TARGET}', item, location, no, no, 'delta', 12, 10, 2, case when is_dead then 'dead' else 'applied' end,
         (select max(batch_id) from ops.batches), 1, at, at, at, 5, at, 'floor' from past;
insert into ops.push_documents select id, '{TARGET}', array[id], at from past;
insert into ops.push_attempts (correction_id, try_no, sent_at, deadline_at, answered_at, outcome, document_id)
  select id, 1, at, at, at, case when is_dead then 'refused' else 'applied' end, id from past;
insert into ops.outbox_history (correction_id, from_state, to_state, tries, moved_at)
  select id, 'sent', case when is_dead then 'dead' else 'applied' end, 1, at from past;
insert into ops.target_readings (target, item, location, reading_no, quantity, read_at)
  select '{TARGET}', item, location, no, 10, at from past;
"""
# What waits: one correction of each of the first keys, from its newest reading.
WAITING = f"""
delete from ops.push_attempts a using ops.outbox o where a.correction_id = o.correction_id and o.to_version = 1000000;
delete from ops.outbox_history h using ops.outbox o where h.correction_id = o.correction_id and o.to_version = 1000000;
delete from ops.outbox where to_version = 1000000;
insert into ops.target_readings (target, item, location, reading_no, quantity, read_at)
  select '{TARGET}', 'SKU-' || n / {LOCATIONS}, 'DC' || n %% {LOCATIONS}, 1, 10, '{AT}'
  from generate_series(0, %(waiting)s - 1) as n on conflict do nothing;
insert into ops.outbox (correction_id, target, item, location, to_version, reading_no, kind, wanted, shown, quantity,
    state, batch_id, created_at, changed_at, priority, send_by, fact_id)
  select md5('w' || n) || md5(n || 'w'), r.target, r.item, r.location, 1000000, r.reading_no, 'delta',
         case when n %% 3 = 0 then 8 else 12 end, 10, case when n %% 3 = 0 then -2 else 2 end, 'pending',
         (select max(batch_id) from ops.batches), '{AT}', '{AT}', case when n %% 3 = 0 then 4 else 5 end,
         '{AT}'::timestamptz + case when n %% 3 = 0 then 4 else 5 end * interval '5 minutes', 'floor'
  from generate_series(0, %(waiting)s - 1) as n
  cross join lateral (select * from ops.target_readings t where (t.target, t.item, t.location)
    = ('{TARGET}', 'SKU-' || n / {LOCATIONS}, 'DC' || n %% {LOCATIONS}) order by reading_no desc limit 1) r;
"""


def pushing_figures(bench: Bench, size: Size) -> Iterator[Figure]:
    """Milliseconds a correction for each length of document, few against many waiting, and a reading of nothing."""
    few, many = size.waiting
    name = "pushing"
    with bench.database(name), bench.connect(name) as owner, bench.connect(name, "publisher") as publisher:
        say(f"{name}: {size.closed:,} closed corrections")
        _write(owner, HISTORY, {"past": size.closed, "keys": max(1, min(size.closed, many))}, analyzed=True)
        cost: dict[tuple[int, int], list[float]] = {}
        reading: dict[int, list[float]] = {few: [], many: []}
        for waiting in (few, many):
            for lines in LINES:
                say(f"{name}: {waiting:,} waiting, documents of {lines}")
                _write(owner, WAITING, {"waiting": waiting})
                policy = TargetPolicy(TARGET, CAN, lines_max=lines)
                cost[waiting, lines] = [_cost_ms(publisher, policy) for _ in range(ROUNDS)]
            reading[waiting] = [_reading_ms(publisher) for _ in range(ROUNDS)]
        floor = [_two_commits_ms(publisher) for _ in range(ROUNDS)]
    for lines in LINES:
        what = f"claim and settle a correction, {many:,} waiting, documents of {lines}"
        yield Figure.of("pushing", what, cost[many, lines], "ms", target=("<=", COST_MS))
    for lines in LINES:
        ratios = [slow / fast for slow, fast in zip(cost[many, lines], cost[few, lines], strict=True)]
        detail = {f"{waiting:,} waiting, ms": sorted(cost[waiting, lines])[ROUNDS // 2] for waiting in (few, many)}
        what = f"the same against {few:,} waiting, documents of {lines}"
        yield Figure.of("pushing", what, ratios, "×", detail=detail)
    yield Figure.of("pushing", "two commits of one row each, which every document needs", floor, "ms")
    yield Figure.of("pushing", f"a reading that finds nothing, {many:,} waiting", reading[many], "ms")


def _write(owner: psycopg.Connection, statements: str, values: dict[str, int], *, analyzed: bool = False) -> None:
    """As rows that were checked when they came. Not ``analyzed``: what waits was released a moment ago."""
    with owner.transaction():
        owner.execute("set local session_replication_role = replica")
        for statement in statements.split(";\n"):
            if statement.strip():
                owner.execute(statement.encode(), values)
    owner.execute("vacuum analyze" if analyzed else "vacuum")


def _cost_ms(conn: psycopg.Connection, policy: TargetPolicy) -> float:
    corrections, began = 0, time.perf_counter()
    while corrections < MEASURED // ROUNDS:
        with ExitStack() as lanes:
            claimed = claim(conn, policy, Clock(), "bench", lanes)
            assert claimed is not None
            done = record(conn, policy, Clock(), claimed, _applied(claimed))
            assert done.applied == done.lines
            corrections += done.lines
    return (time.perf_counter() - began) * 1000 / corrections


def _two_commits_ms(conn: psycopg.Connection) -> float:
    began = time.perf_counter()
    for _ in range(2 * MEASURED // ROUNDS):
        conn.execute("update ops.target_cursors set position = position where target = %s", (TARGET,))
    return (time.perf_counter() - began) * 1000 / (MEASURED // ROUNDS)


def _applied(claimed: Claimed) -> DocumentAnswer:
    return DocumentAnswer(200, {line.reference: LineAnswer("applied", "posted") for line in claimed.document.lines})


class _NoNews:
    """A change list in memory, without anything new."""

    capabilities = CAN

    def changes(self, after: int, limit: int) -> Page:
        return Page((), has_more=False)


def _reading_ms(conn: psycopg.Connection) -> float:
    began = time.perf_counter()
    assert read_changes(conn, _NoNews(), TargetPolicy(TARGET, CAN), Clock()).complete  # type: ignore[arg-type]
    return (time.perf_counter() - began) * 1000
