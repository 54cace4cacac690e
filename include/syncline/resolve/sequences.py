"""Gaps in the numbers of sources that declare to have none: noticed, raised after their window, closed when they fill.

Work grows with the gaps, not with what was told: ``ops.sequences`` holds the numbers as ranges. What the numbers are of
(events without a fact, broken ones) does not matter here: a number that was told is not missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from syncline.exceptions import close_gone, open_from

RULE = "sequence_gap"
WATCH_LOCK = 7240013
# More than that is no gap-free sequence: the oldest are given up, so that one wrong declaration stays a small row.
GAPS_MAX = 1000
# Exceptions of one source at a time, oldest first; marts.fct_sequence_gaps lists all.
RAISED_MAX = 50

# Most looks find nothing missing and nothing to close: they make no tables.
_IS_QUIET = """
select not exists (select from ops.sequence_gaps where state = 'open')
  and not exists (select from ops.exceptions where rule = %(rule)s and state <> 'resolved')
  and not exists (select from ops.sequences s join ops.current_sources c using (source)
    where c.sequence = 'gap_free' and not int8multirange(range_merge(s.seen)) <@ s.seen)
"""
_FIND = """
create temporary table gaps on commit drop as
select g.*, g.place > %(gaps_max)s as is_given_up
from (
  select s.source, lower(r) as first_no, upper(r) - 1 as last_no, c.lag_s + c.hold_s as wait_s,
         row_number() over (partition by s.source order by lower(r) desc) as place
  from ops.sequences s join ops.current_sources c on c.source = s.source and c.sequence = 'gap_free'
  cross join lateral unnest(int8multirange(range_merge(s.seen)) - s.seen) r
) g
"""
_GIVE_UP = """
update ops.sequences s set seen = s.seen + g.filled
from (
  select source, range_agg(int8range(first_no, last_no, '[]')) as filled from gaps where is_given_up group by source
) g
where g.source = s.source
"""
_END = """
create temporary table ended on commit drop as
with ended as (
  update ops.sequence_gaps o set ended_at = %(now)s, state = case
      when exists (select from gaps g where (g.source, g.first_no, g.last_no) = (o.source, o.first_no, o.last_no))
      then 'given up' else 'arrived' end
  where o.state = 'open' and not exists (
    select from gaps g
    where (g.source, g.first_no, g.last_no) = (o.source, o.first_no, o.last_no) and not g.is_given_up)
  returning o.source, o.first_no, o.last_no, o.noticed_at, o.due_at, o.state)
select * from ended
"""
# What is left of a gap that was partly filled is as old as that was.
_BEGIN = """
insert into ops.sequence_gaps (source, first_no, last_no, noticed_at, due_at, state)
select g.source, g.first_no, g.last_no, coalesce(e.noticed_at, %(now)s::timestamptz),
       coalesce(e.due_at, %(now)s::timestamptz + g.wait_s * interval '1 second'), 'open'
from gaps g
left join lateral (
  select min(x.noticed_at) as noticed_at, min(x.due_at) as due_at from ended x
  where x.source = g.source and x.first_no <= g.last_no and x.last_no >= g.first_no
) e on true
where not g.is_given_up
on conflict (source, first_no) where state = 'open' do nothing
"""
_RAISE = """
create temporary table raised_gaps on commit drop as
with due as (
  select o.*, row_number() over (partition by o.source order by o.due_at, o.first_no) as place
  from ops.sequence_gaps o where o.state = 'open' and o.due_at <= %(now)s
), raised as (
  update ops.sequence_gaps o set raised_at = %(now)s from due d
  where d.gap_id = o.gap_id and o.raised_at is null and d.place <= %(raised_max)s
  returning o.source, o.first_no, o.last_no, o.noticed_at
)
select * from raised
"""
_FOUND = """
select %(rule)s as rule, source || '/' || first_no || '-' || last_no as subject,
       source || ' never told ' || case when first_no = last_no then 'number ' || first_no
         else 'the ' || last_no - first_no + 1 || ' numbers ' || first_no || ' to ' || last_no end
         || ': between ' || first_no - 1 || ' and ' || last_no + 1 || ', missing since '
         || to_char(noticed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as detail,
       'Read again from before it: syncline sources pull ' || source || ' --since <instant>; else ask the owner of '
         || source || ' for those events.' as next_step,
       jsonb_build_object('source', source) as about, null::bigint as units, '{}'::text[] as evidence
from raised_gaps
"""
_RESOLVE = """
e.rule = %(rule)s and not exists (
  select from ops.sequence_gaps o
  where o.state in ('open', 'given up') and e.subject = o.source || '/' || o.first_no || '-' || o.last_no)
"""


@dataclass(frozen=True)
class Gaps:
    """What a look found: gaps that stand, of them newly raised as exceptions; exceptions that closed themselves."""

    standing: int
    raised: int
    resolved: int


def watch_sequences(conn: psycopg.Connection, now: datetime) -> Gaps:
    """Compare what was told with what must have been; open and close exceptions ``sequence_gap``. Safe to repeat.

    Args:
        conn: role transformer, autocommit.
        now: run time in the product's clock.
    """
    values = {"now": now, "gaps_max": GAPS_MAX, "raised_max": RAISED_MAX, "rule": RULE}
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", (WATCH_LOCK,))
        if conn.execute(_IS_QUIET, values).fetchone() == (True,):
            return Gaps(0, 0, 0)
        for statement in (_FIND, _GIVE_UP, _END, _BEGIN):
            conn.execute(statement, values)
        conn.execute(_RAISE, values)
        raised = open_from(conn, _FOUND, {"rule": RULE}, at=now)
        resolved = close_gone(conn, _RESOLVE, {"rule": RULE}, at=now)
        row = conn.execute("select count(*) from ops.sequence_gaps where state = 'open'").fetchone()
    assert row is not None
    return Gaps(int(row[0]), raised, resolved)
