"""Everything that explains one number, read in one snapshot."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncline.errors import TerminalError
from syncline.explain.evidence import Choice, Loser, Verdict, choices, losers, verdicts
from syncline.explain.facts import Told, facts
from syncline.explain.keys import StockKey
from syncline.explain.numbers import Numbers, read_numbers
from syncline.explain.pushes import Correction, Trouble, corrections, troubles

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Limits:
    """How many rows of each kind are shown; the rest is counted."""

    on_top: int = 15
    absorbed: int = 5
    losers: int = 10
    verdicts: int = 5


@dataclass(frozen=True)
class Story:
    """A number and its reasons. ``told`` holds every fact that is named, by id; ``as_of`` None is now."""

    key: StockKey
    as_of: datetime | None
    batch_id: int | None
    published_at: datetime | None
    numbers: Numbers
    losers: list[Loser]
    losers_count: dict[str, int]
    verdicts: list[Verdict]
    verdicts_count: int
    choices: list[Choice]
    troubles: list[Trouble]
    corrections: list[Correction]
    waiting: int
    told: dict[str, Told] = field(default_factory=dict)

    @property
    def base(self) -> Told | None:
        balance = self.numbers.balance
        return self.told.get(balance.base_fact or "") if balance else None

    @property
    def adds_up(self) -> bool:
        """Whether base and movements on top make the balance: anything else is a defect (semantics §7.4)."""
        balance = self.numbers.balance
        start = self.base.quantity or 0 if self.base else 0
        return balance is None or start + self.numbers.moved == balance.quantity

    def as_json(self) -> dict[str, Any]:
        """Stable shape: instants in ISO 8601, quantities in base units."""
        balance = self.numbers.balance
        return {
            **asdict(self.key),
            "as_of": self.as_of and self.as_of.astimezone(UTC).isoformat(),
            "batch_id": self.batch_id,
            "published_at": self.published_at and self.published_at.isoformat(),
            "balance": asdict(balance) if balance else None,
            "adds_up": self.adds_up,
            "base": self.base.as_json() if self.base else None,
            **{
                name: {
                    "count": found[0].count if found else 0,
                    "total": found[0].total if found else 0,
                    "shown": [
                        self.told[each.fact_id].as_json() | {"delta": each.delta, "running": each.running}
                        for each in found
                    ],
                }
                for name, found in (("on_top", self.numbers.on_top), ("absorbed", self.numbers.absorbed))
            },
            "losers": {
                "count": self.losers_count,
                "shown": [self.told[each.fact_id].as_json() | {"why": each.why} for each in self.losers],
            },
            "verdicts": {"count": self.verdicts_count, "shown": [each.as_json() for each in self.verdicts]},
            "decisions": [each.as_json() for each in self.choices],
            "exceptions": [each.as_json() for each in self.troubles],
            "corrections": [each.as_json() for each in self.corrections],
            "waiting_facts": self.waiting,
        }


def tell(
    conn: psycopg.Connection,
    key: StockKey,
    *,
    as_of: datetime | None = None,
    numbers: psycopg.Connection | None = None,
    limits: Limits | None = None,
) -> Story:
    """The story of ``key``.

    Args:
        conn: reads everything (role bi).
        as_of: evidence, exceptions and corrections up to this instant only.
        numbers: a connection whose derived schemas hold the numbers to explain (see ``history``); default ``conn``.

    Raises:
        TerminalError: no fact ever spoke of the key.
    """
    limits = limits or Limits()
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        read = read_numbers(
            conn if numbers is None else numbers, key, on_top_max=limits.on_top, absorbed_max=limits.absorbed
        )
        lost, lost_count = losers(conn, key, as_of, limits.losers)
        judged, judged_count = verdicts(conn, key, as_of, limits.verdicts)
        if read.balance is None and not lost and not judged and not read.on_top:
            _refuse_silence(conn, key, as_of)
        batch_id, published_at = conn.execute(
            "select batch_id, coalesce(released_as_of, as_of) from ops.batches "
            "where state = 'released' order by batch_id desc limit 1"
        ).fetchone() or (None, None)
        ids = [read.balance.base_fact] if read.balance else []
        ids += [each.fact_id for each in (*read.on_top, *read.absorbed)]
        ids += [each.fact_id for each in lost]
        ids += [each for verdict in judged for each in (verdict.fact_id, verdict.compared_to)]
        named = facts(conn, ids)
        named |= facts(conn, (told.decided_by for told in named.values() if told.decided_by not in named))
        return Story(
            key, as_of, batch_id, published_at, read, lost, lost_count, judged, judged_count,
            choices(conn, sorted(named), as_of, limits.losers), troubles(conn, key, as_of),
            corrections(conn, key, as_of), _waiting(conn, key), named,
        )  # fmt: skip


def _waiting(conn: psycopg.Connection, key: StockKey) -> int:
    """Requests to think about the key again that no batch has taken yet."""
    row = conn.execute(
        "select count(*) from ops.key_triggers where batch_id is null and (item, location, measure) = (%s, %s, %s)",
        (key.item, key.location, key.measure),
    ).fetchone()
    return row[0] if row else 0


def _refuse_silence(conn: psycopg.Connection, key: StockKey, as_of: datetime | None) -> None:
    measures = conn.execute(
        "select distinct measure from canonical.balances where (item, location) = (%s, %s) order by 1",
        (key.item, key.location),
    ).fetchall()
    places = conn.execute(
        "select distinct location from canonical.balances where (item, measure) = (%s, %s) order by 1 limit 8",
        (key.item, key.measure),
    ).fetchall()
    known = ", ".join(name for (name,) in measures) or "none"
    elsewhere = ", ".join(name for (name,) in places) or "nowhere"
    raise TerminalError(
        f"No fact speaks of {key}" + (f" up to {as_of.isoformat()}." if as_of else "."),
        next_step=f"Measures known of it there: {known}; {key.measure} of {key.item} is known at: {elsewhere}.",
        item=key.item, location=key.location, measure=key.measure,
    )  # fmt: skip
