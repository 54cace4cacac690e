"""What a decision concerns as things stand: tellings, balances, corrections that wait, open exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from syncline.decisions.facts import Telling, tellings

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from syncline.decisions.model import Decision

Key = tuple[str, str, str]  # item, location, measure


@dataclass(frozen=True)
class Balance:
    """Today's number of a stock key, with its bounds."""

    item: str
    location: str
    measure: str
    lot: str
    quantity: int
    quantity_lo: int | None
    quantity_hi: int | None


@dataclass(frozen=True)
class Open:
    """A correction of a concerned key that is not closed."""

    correction_id: str
    target: str
    item: str
    location: str
    wanted: int
    shown: int
    state: str
    reason: str | None


@dataclass(frozen=True)
class OpenException:
    """An open exception of a concerned key."""

    exception_id: int
    rule: str
    subject: str


@dataclass(frozen=True)
class View:
    """All of it; every list in the order of its names."""

    tellings: list[Telling]
    balances: list[Balance]
    corrections: list[Open]
    exceptions: list[OpenException]


def view(conn: psycopg.Connection, decision: Decision) -> View:
    """What ``decision`` concerns now (role transformer); nothing is written."""
    named = [decision.fact_id] if decision.fact_id else []
    found = tellings(conn, [*named, *decision.answers])
    w = decision.write_off
    keys = {(t.item, t.location, t.measure) for t in found if t.item and t.location and t.measure}
    if w is not None:
        keys.add((w.item, w.location, w.measure))
    ordered = sorted(keys)
    return View(found, _balances(conn, ordered), _corrections(conn, ordered), _exceptions(conn, ordered))


def _columns(keys: Iterable[Key]) -> dict[str, list[str]]:
    rows = list(keys)
    return {name: [key[index] for key in rows] for index, name in enumerate(("items", "locations", "measures"))}


_KEYS = """
with keys as (select * from unnest(%(items)s::text[], %(locations)s::text[], %(measures)s::text[])
              as k (item, location, measure))
"""


def _balances(conn: psycopg.Connection, keys: list[Key]) -> list[Balance]:
    with conn.cursor(row_factory=class_row(Balance)) as cursor:
        return cursor.execute(
            _KEYS + "select item, location, measure, b.lot, b.quantity, b.quantity_lo, b.quantity_hi "
            "from keys join canonical.balances b using (item, location, measure) order by 1, 2, 3, 4",
            _columns(keys),
        ).fetchall()


def _corrections(conn: psycopg.Connection, keys: list[Key]) -> list[Open]:
    with conn.cursor(row_factory=class_row(Open)) as cursor:
        return cursor.execute(
            _KEYS + "select o.correction_id, o.target, item, location, o.wanted, o.shown, o.state, o.reason "
            "from (select distinct item, location from keys) k join ops.outbox o using (item, location) "
            "where o.state in ('pending', 'held', 'sent', 'unknown', 'rejected') order by 2, 3, 4",
            _columns(keys),
        ).fetchall()


def _exceptions(conn: psycopg.Connection, keys: list[Key]) -> list[OpenException]:
    with conn.cursor(row_factory=class_row(OpenException)) as cursor:
        return cursor.execute(
            _KEYS + "select distinct e.exception_id, e.rule, e.subject from keys k join ops.exceptions e "
            "on e.subject = concat_ws('/', k.item, k.location, k.measure) "
            "or starts_with(e.subject, concat_ws('/', k.item, k.location, k.measure) || '/') "
            "where e.state <> 'resolved' order by 1",
            _columns(keys),
        ).fetchall()
