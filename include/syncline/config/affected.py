"""Which facts a changed configuration can read or weigh in another way; which cells hang on them.

``remap``: item, location, measure, class, quantity or time of the fact can change, so it is staged again.
Otherwise it is only weighed again: its role, window or grain can change, so the cells it counts in are decided again.

Facts are compared with the spans in which the configuration answers differently, at the time the models judge them by.
A superset is taken in six places, each because telling exactly would mean to read the fact here as dbt does:
a written 24:00 is in every span of its name; an own entry that says what ``*`` says counts as another answer; a unit
is mapped again when it was or becomes the base unit, also where a factor hides that; a factor concerns all days that a
source named, also those after its message was received; a zone that changes concerns a unit with factors whose days
begin or end near the fact; an ownership rule that a more specific one silences concerns the facts it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import psycopg

from syncline.config.globs import as_like, namespace
from syncline.config.spans import bound, changed_spans
from syncline.config.tables import Row, Rows, heeded_rules
from syncline.config.versions import Change

# A time with a zone needs no zone of its source or location.
_ZONED = r"[T ]\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)$"
_IS_ZONELESS = f"""(split_part(s.recorded, '/', 1) !~ '{_ZONED}'
  or (position('/' in s.recorded) > 0 and split_part(s.recorded, '/', 2) !~ '{_ZONED}'))"""

# The wall time as written, to the microsecond, as text that sorts as time does.
_WALL = r"""translate(substring(split_part(s.recorded, '/', 1)
  from '^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?'), ' ', 'T')"""
_FULL_WALL = f"""left({_WALL} || substr('0000-00-00T00:00:00.000000', length({_WALL}) + 1), 26) collate "C" """

_UTC = """to_char({} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')"""

# The fact's interval after its cut at the receipt, as int_facts cuts it (semantics §2).
_CUT_TO = """greatest(least(s.said_to, s.received_at + src.clock_skew_s * interval '1 second'),
  s.said_from + interval '1 microsecond')"""

_NEAR_A_FACTOR_DAY = """exists (
  select from ops.current_unit_factors f cross join lateral (values (f.valid_from), (f.valid_to)) d (day)
  where f.item = s.item and f.uom = s.uom and isfinite(d.day)
    and d.day between (s.said_from at time zone 'UTC')::date - 1 and (s.said_to at time zone 'UTC')::date + 2)"""


def find_facts(conn: psycopg.Connection, old: Rows, new: Rows, changed: Iterable[Change]) -> None:
    """Fill the temporary table ``config_facts`` (fact_id, remap) from ``staging.stg_facts`` as it is staged now.

    ``new`` is already the current version. Facts that no batch has staged yet are not concerned: they will be
    read with it.
    """
    conn.execute("create temporary table config_facts (fact_id text not null, remap boolean not null) on commit drop")
    changed = list(changed)
    _crosswalks(conn, old, new)
    _statuses(conn, changed)
    _units(conn, old, new)
    for table, find in (("sources", _source), ("locations", _location), ("items", _item)):
        for change in changed:
            if change.table == table:
                find(conn, change)
    _in_flight(conn, changed, new)
    _ownership(conn, old, new)
    conn.execute("analyze config_facts")


def _add(conn: psycopg.Connection, remap: bool, condition: str, values: dict[str, Any], joins: str = "") -> None:
    query = f"insert into config_facts select s.fact_id, {remap} from staging.stg_facts s {joins} where {condition}"
    conn.execute(query.encode(), values)


def _columns(rows: Sequence[tuple[str, ...]], names: tuple[str, ...]) -> dict[str, list[str]]:
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}


def _unrolled(
    old: Rows, new: Rows, table: str, key: tuple[str, ...], says: Callable[[Row], Any]
) -> list[tuple[str, ...]]:
    found = changed_spans(old[table], new[table], key, says)
    return [(*group, *span) for group, spans in found.items() for span in spans]


def _crosswalks(conn: psycopg.Connection, old: Rows, new: Rows) -> None:
    names = ("source", "ref", "span_from", "span_to")
    spans = _unrolled(old, new, "item_crosswalk", ("source", "item_ref"), lambda row: row["item"])
    _add(
        conn, True,
        """
        s.said_from >= c.span_from and s.said_from < c.span_to
        and (c.source <> '*' or not exists (
          select from ops.current_item_crosswalk o where o.source = s.source and o.item_ref = s.item_ref
            and s.said_from >= o.valid_from and s.said_from < o.valid_to))
        """,
        _columns(spans, names),
        "join unnest(%(source)s::text[], %(ref)s::text[], %(span_from)s::timestamptz[], %(span_to)s::timestamptz[])"
        " c (source, ref, span_from, span_to) on s.item_ref = c.ref and c.source in ('*', s.source)",
    )  # fmt: skip
    spans = _unrolled(old, new, "location_crosswalk", ("source", "location_ref"), lambda row: row["location"])
    _add(
        conn, True,
        f"""
        ({_WALL} like '%%T24%%' or ({_FULL_WALL} >= c.span_from and {_FULL_WALL} < c.span_to))
        and (c.source <> '*' or not exists (
          select from ops.current_location_crosswalk o where o.source = s.source and o.location_ref = s.location_ref
            and {_FULL_WALL} >= case when isfinite(o.valid_from) then {_UTC.format("o.valid_from")} else '' end
            and {_FULL_WALL} < case when isfinite(o.valid_to) then {_UTC.format("o.valid_to")} else '~' end))
        """,
        _columns([(*row[:2], _wall(row[2]), _wall(row[3])) for row in spans], names),
        "join unnest(%(source)s::text[], %(ref)s::text[], %(span_from)s::text[], %(span_to)s::text[])"
        " c (source, ref, span_from, span_to) on s.location_ref = c.ref and c.source in ('*', s.source)",
    )  # fmt: skip


def _wall(instant: str) -> str:
    """A bound as the wall clock of UTC shows it: how the models judge locations."""
    rank, text = bound(instant)
    if rank != 1:
        return "" if rank == 0 else "~"
    day_and_time = text.removesuffix("+00:00")
    return day_and_time if "." in day_and_time else f"{day_and_time}.000000"


def _statuses(conn: psycopg.Connection, changed: list[Change]) -> None:
    keys = [change.key for change in changed if change.table == "status_crosswalk"]
    _add(
        conn, True,
        "c.source <> '*' or not exists (select from ops.current_status_crosswalk o"
        " where o.source = s.source and o.status_ref = s.status_ref)",
        _columns(keys, ("source", "ref")),
        "join unnest(%(source)s::text[], %(ref)s::text[]) c (source, ref)"
        " on s.status_ref = c.ref and c.source in ('*', s.source)",
    )  # fmt: skip


def _units(conn: psycopg.Connection, old: Rows, new: Rows) -> None:
    # A row that is cut in two leaves two alternatives where a fact crosses the cut, so where it begins counts too.
    spans = _unrolled(
        old, new, "unit_factors", ("item", "uom"),
        lambda row: (Fraction(row["factor_num"], row["factor_den"]), row["valid_from"], row["valid_to"]),
    )  # fmt: skip
    # A zone that changes in the same apply may put a fact on the day before or after.
    zones = [{row["location"]: row["timezone"] for row in rows["locations"]} for rows in (old, new)]
    _add(
        conn, True,
        """
        (s.said_from at time zone l.timezone)::date - %(slack)s < c.span_to
        and ((s.said_to - interval '1 microsecond') at time zone l.timezone)::date + %(slack)s >= c.span_from
        """,
        {**_columns(spans, ("item", "uom", "span_from", "span_to")), "slack": int(zones[0] != zones[1])},
        "join unnest(%(item)s::text[], %(uom)s::text[], %(span_from)s::date[], %(span_to)s::date[])"
        " c (item, uom, span_from, span_to) on s.item = c.item and s.uom = c.uom"
        " join ops.current_locations l on l.location = s.location",
    )  # fmt: skip


def _source(conn: psycopg.Connection, change: Change) -> None:
    values: dict[str, Any] = {"source": change.key[0]}
    old, new = change.old, change.new
    if old is None or new is None or old["system"] != new["system"]:
        _add(conn, True, "s.source = %(source)s", values)
        return
    if old["timezone"] != new["timezone"]:
        _add(conn, True, f"s.source = %(source)s and {_IS_ZONELESS}", values)
    if old["clock_skew_s"] != new["clock_skew_s"]:
        # Which receipts are credible, and where a changing unit factor cuts the interval.
        values["skew"] = new["clock_skew_s"]
        _add(
            conn, True,
            f"""
            s.source = %(source)s and (s.credible_at is distinct from s.heard_at
              or s.credible_at < s.said_from - %(skew)s * interval '1 second' or {_NEAR_A_FACTOR_DAY})
            """,
            values,
        )  # fmt: skip
        _add(conn, False, "s.source = %(source)s and s.quarantine_code is null and not s.is_test", values)
    if old["lag_s"] != new["lag_s"]:
        _add(
            conn, False,
            "s.source = %(source)s and s.kind = 'balance' and s.quarantine_code is null and not s.is_test", values,
        )  # fmt: skip


def _in_flight(conn: psycopg.Connection, changed: list[Change], new: Rows) -> None:
    """Movements of other sources where a source whose lag changed is primary: how long they may explain (ADR 0013).

    A rule that comes or goes in the same apply concerns them by itself.
    """
    late = {
        change.key[0]
        for change in changed
        if change.table == "sources" and change.old and change.new and change.old["lag_s"] != change.new["lag_s"]
    }
    rules = [rule for rule in new["ownership_rules"] if rule["source"] in late and rule["role"] == "primary"]
    rows = [
        (rule["source"], rule["measure"], as_like(rule["location"]), namespace(rule["location"]), rule["item_class"])
        for rule in rules
    ]
    _add(
        conn, False,
        """
        s.kind = 'movement' and s.source <> c.source and s.quarantine_code is null and not s.is_test
        """,
        _columns(rows, ("source", "measure", "place", "space", "item_class")),
        "join unnest(%(source)s::text[], %(measure)s::text[], %(place)s::text[], %(space)s::text[],"
        " %(item_class)s::text[]) c (source, measure, place, space, item_class)"
        " on s.measure = c.measure and c.item_class in ('*', s.item_class) and s.location like c.place"
        " and case when position('|' in s.location) > 0 then split_part(s.location, '|', 1) else '' end = c.space",
    )  # fmt: skip


def _location(conn: psycopg.Connection, change: Change) -> None:
    values = {"location": change.key[0]}
    if change.old is None or change.new is None:
        _add(conn, True, "s.location = %(location)s", values)
    elif change.old["timezone"] != change.new["timezone"]:
        _add(
            conn, True,
            f"""
            s.location = %(location)s and ({_NEAR_A_FACTOR_DAY} or (src.timezone is null and {_IS_ZONELESS}))
            """,
            values,
            "left join ops.current_sources src on src.source = s.source",
        )  # fmt: skip


def _item(conn: psycopg.Connection, change: Change) -> None:
    old, new = change.old, change.new
    if old is None or new is None or old["item_class"] != new["item_class"]:
        _add(conn, True, "s.item = %(item)s", {"item": change.key[0]})
    elif old["base_uom"] != new["base_uom"]:
        units = [old["base_uom"], new["base_uom"]]
        _add(conn, True, "s.item = %(item)s and s.uom = any(%(units)s)", {"item": change.key[0], "units": units})
    elif old["discontinued_from"] != new["discontinued_from"]:
        # What moved since then asks for a person, or does so no more.
        ends = [old["discontinued_from"], new["discontinued_from"]]
        condition = "s.item = %(item)s and s.said_from >= (select min(e) from unnest(%(ends)s::timestamptz[]) e)"
        _add(conn, False, condition, {"item": change.key[0], "ends": ends})


def _ownership(conn: psycopg.Connection, old: Rows, new: Rows) -> None:
    """Facts whose window meets a span in which a rule of their measure, location and class differs.

    Whoever the rule names: a primary silences broader ones, so it changes the role of other sources too.
    """
    was, now = ({"ownership_rules": heeded_rules(rows)} for rows in (old, new))
    spans = _unrolled(
        was, now, "ownership_rules", ("measure", "location", "item_class", "source"),
        lambda row: (row["role"], row["grain"], row["movements"]),
    )  # fmt: skip
    rows = [
        (measure, as_like(place), namespace(place), item_class, start, end)
        for measure, place, item_class, _, start, end in spans
    ]
    _add(
        conn, False,
        f"""
        s.quarantine_code is null and not s.is_test
        and {_CUT_TO} + src.clock_skew_s * interval '1 second' > c.span_from
        and s.said_from - src.clock_skew_s * interval '1 second'
          - case when s.kind = 'balance' then src.lag_s * interval '1 second' else interval '0' end < c.span_to
        """,
        _columns(rows, ("measure", "place", "space", "item_class", "span_from", "span_to")),
        "join unnest(%(measure)s::text[], %(place)s::text[], %(space)s::text[], %(item_class)s::text[],"
        " %(span_from)s::timestamptz[], %(span_to)s::timestamptz[])"
        " c (measure, place, space, item_class, span_from, span_to)"
        " on s.measure = c.measure and c.item_class in ('*', s.item_class) and s.location like c.place"
        " and case when position('|' in s.location) > 0 then split_part(s.location, '|', 1) else '' end = c.space"
        " join ops.current_speakers src on src.source = s.source",
    )  # fmt: skip
