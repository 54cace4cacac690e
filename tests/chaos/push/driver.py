"""The resolution's part: says what the targets should show, and releases the corrections that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.chaos.push import plan

from syncline.clock import Clock
from syncline.outbox.release import release
from syncline.registry import Breakers

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from tests.chaos.push.site import Key, Site

UNBOUND = 10**9
# What a breaker bounds is tested elsewhere: here every key moves all the time.
BREAKERS = Breakers(
    keys_min=UNBOUND, keys_max=UNBOUND, units_max=UNBOUND, value_max=UNBOUND, zero_keys_min=UNBOUND,
    zero_keys_max=UNBOUND, keys_share_pct=100, units_share_pct=100, value_share_pct=100, zero_share_pct=100,
)  # fmt: skip
RESTLESS = 17  # one key in so many is given another number though its correction is still open

WANTED = """
create table public.chaos_wanted (
  target text, item text, location text, kind text not null, wanted bigint not null,
  primary key (target, item, location))
"""
# As dbt builds them: keys that are queued, whose number moved, or whose correction is held.
CANDIDATES = """
insert into canonical.candidate_corrections
select %(batch)s, k.target, k.item, k.location, 'A', k.wanted, r.quantity, r.reading_no, r.version, 0,
       k.wanted - r.quantity, k.kind, null, o.correction_id is not null
from public.chaos_wanted k
left join lateral (select * from ops.target_readings t
  where (t.target, t.item, t.location) = (k.target, k.item, k.location) order by reading_no desc limit 1) r on true
left join ops.outbox o on (o.target, o.item, o.location) = (k.target, k.item, k.location)
  and o.state in ('pending', 'held', 'sent', 'unknown', 'rejected')
where o.state = 'held'
   or exists (select from ops.correction_queue q where (q.target, q.item, q.location) = (k.target, k.item, k.location))
   or k.wanted is distinct from (select wanted from ops.target_versions v
        where (v.target, v.item, v.location) = (k.target, k.item, k.location) order by version desc limit 1)
"""
OPEN = "select target, item, location from ops.outbox where state in ('pending', 'held', 'sent', 'unknown', 'rejected')"
UNRIGHT = """
select count(*) from public.chaos_wanted k
where k.wanted is distinct from (select quantity from ops.target_readings r
  where (r.target, r.item, r.location) = (k.target, k.item, k.location) order by reading_no desc limit 1)
"""


class Left(NamedTuple):
    """What is not done: open corrections, keys queued, keys that do not show what they should, keys not seen since."""

    open: int
    queued: int
    wrong: int
    unseen: int


class Driver:
    """``wanted``: what each key of each target should show now. Connections may be lost: ``connect`` gives new ones."""

    def __init__(self, sites: list[Site], seed: int, quota: dict[str, int]) -> None:
        self._sites, self.quota = sites, quota
        self._numbers: dict[tuple[str, Key], Iterator[int]] = {
            (site.name, key): plan.wanted(seed, site.name, key) for site in sites for key in site.keys
        }
        self.wanted: dict[tuple[str, Key], int] = {place: next(rows) for place, rows in self._numbers.items()}
        self._turn = 0

    def prepare(self, owner: psycopg.Connection) -> None:
        owner.execute(WANTED)
        kinds = {site.name: site.policy.can.writes for site in self._sites}
        with owner.cursor() as cursor:
            cursor.executemany(
                "insert into public.chaos_wanted values (%s, %s, %s, %s, %s)",
                [(name, *key, kinds[name], number) for (name, key), number in self.wanted.items()],
            )

    def step(self, owner: psycopg.Connection, publisher: psycopg.Connection, *, is_calm: bool) -> None:
        """Move numbers, unless all is to come to rest, then open a batch and release it."""
        if not is_calm:
            self._move(owner)
        batch = owner.execute(
            "insert into ops.batches (as_of, state) values (%s, 'built') returning batch_id", (Clock().now(),)
        ).fetchone()
        assert batch is not None
        with owner.transaction():
            owner.execute("truncate canonical.candidate_corrections")
            owner.execute(CANDIDATES, {"batch": batch[0]})
        owner.execute("insert into ops.gate_results values (%s, 'test', 'test', 'info', true, 0, '{}')", (batch[0],))
        release(publisher, batch[0], Clock().now(), {site.name: BREAKERS for site in self._sites})

    def _move(self, owner: psycopg.Connection) -> None:
        """The next number for keys that rest, and for some that do not."""
        self._turn += 1
        made = self.made(owner)
        busy = {(target, (item, location)) for target, item, location in owner.execute(OPEN).fetchall()}
        moved = []
        for site in self._sites:
            left = self.quota[site.name] - made.get(site.name, 0)
            for at, key in enumerate(site.keys):
                place = (site.name, key)
                if left <= 0 or (place in busy and (at + self._turn) % RESTLESS):
                    continue
                left -= 1
                self.wanted[place] = next(self._numbers[place])
                moved.append((self.wanted[place], site.name, *key))
        with owner.cursor() as cursor:
            cursor.executemany(
                "update public.chaos_wanted set wanted = %s where (target, item, location) = (%s, %s, %s)", moved
            )

    def made(self, owner: psycopg.Connection) -> dict[str, int]:
        """Corrections that were sent, by target."""
        return dict(owner.execute("select target, count(*) from ops.outbox where tries > 0 group by 1").fetchall())

    def left(self, owner: psycopg.Connection) -> Left:
        opened = owner.execute(f"select count(*) from ({OPEN}) o").fetchone()  # type: ignore[arg-type]
        queued = owner.execute("select count(*) from ops.correction_queue").fetchone()
        wrong = owner.execute(UNRIGHT).fetchone()
        unseen = owner.execute("select count(*) from ops.target_keys where looked_at is null").fetchone()
        assert opened
        assert queued
        assert wrong
        assert unseen
        return Left(opened[0], queued[0], wrong[0], unseen[0])
