"""What we send to a partner: stored as an intent, numbered, put into its outbox. Each step is written before the next.

written  | on the server     | now
---------|-------------------|------------------------------------------------------
pending  |                   | take the next numbers, write the bytes, all in one commit
numbered | nothing           | put the file there
numbered | name.tmp          | put it there again
numbered | the file          | write that it is there
sent     | the file, or gone | nothing: the partner takes it away
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from syncline.edi.acknowledgments import Answer, Numbers, answers_to, written

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.edi import Profile
    from syncline.sources.sftp_edi.folders import Folders
    from syncline.sources.sftp_edi.judge import Judged

NUMBER_MAX = 999_999_999
# Files put into the outbox in one poll; the others have their turn in the next one.
SENT_MAX = 1_000
# Files that a server may refuse before it took any, until the poll takes its word for all of them.
REFUSED_MAX = 3
ACKNOWLEDGMENTS = ("997", "999", "TA1", "CONTRL")
_INTENT = """insert into ops.edi_outbound (source, kind, syntax, interchange_id, expects_answer, is_test, status, said,
    state, created_at) values (%s, %s, %s, %s, false, %s, %s, %s, 'pending', %s)"""
_WAITING = """select outbound_id from ops.edi_outbound
    where source = %s and state = 'pending' and kind = any(%s) order by outbound_id limit %s"""
_COUNTERS = """insert into ops.edi_controls (source, syntax, counter, last_no)
    select %(source)s, o.syntax, counter, 0 from ops.edi_outbound o, unnest(array['group', 'interchange']) as counter
    where o.outbound_id = %(row)s on conflict do nothing"""
_LAST = """select c.counter, c.last_no from ops.edi_controls c join ops.edi_outbound o using (source, syntax)
    where o.outbound_id = %s order by c.counter for update of c"""
_SAID = "select kind, said from ops.edi_outbound where outbound_id = %s and state = 'pending'"
_COUNT = """update ops.edi_controls set last_no = %s
    where source = %s and syntax = %s and counter = %s"""
_NUMBERED = """update ops.edi_outbound set state = 'numbered', interchange_control = %s, group_code = %s,
    group_control = %s, name = %s, content = %s, numbered_at = %s where outbound_id = %s"""
_LEFT = """select outbound_id, name from ops.edi_outbound where source = %s and state = 'numbered'
    order by outbound_id limit %s"""
_SENT = """update ops.edi_outbound set state = 'sent', sent_at = %s,
    due_at = case when expects_answer then %s::timestamptz end where outbound_id = %s and state = 'numbered'"""
_ACKNOWLEDGED = """update ops.edi_interchanges i set state = 'acknowledged', changed_at = %s
    where i.interchange_id = (select interchange_id from ops.edi_outbound where outbound_id = %s)
      and i.state <> 'acknowledged' and not exists (select from ops.edi_outbound o
        where o.interchange_id = i.interchange_id and o.state in ('pending', 'numbered'))"""

Intent = tuple[int, Answer]


def intents(judged: Judged, profile: Profile) -> list[Intent]:
    """What the interchanges of a file are answered, each with its row; nothing where the profile wants none."""
    found: list[Intent] = []
    for inside in judged.interchanges:
        known = frozenset({inside.interchange.control} if inside.is_duplicate else ())
        sets = [each.read for each in inside.sets]
        found += [(inside.row, each) for each in answers_to(inside.interchange, sets, profile, duplicates=known)]
    return found


def store(conn: psycopg.Connection, source: str, found: Iterable[Intent], now: datetime) -> None:
    """Write the intents, in the transaction that lands the file they answer."""
    with conn.cursor() as cursor:
        cursor.executemany(
            _INTENT,
            [
                (source, each.kind, each.syntax, row, each.is_test, each.status, Jsonb(_storable(asdict(each))), now)
                for row, each in found
            ],
        )


def number(conn: psycopg.Connection, source: str, row: int, now: datetime, zone: str | None) -> None:
    """Give the intent ``row`` its control numbers and its bytes; nothing when it has them.

    The counters are locked first, so that of two senders the second waits, and then finds the row numbered:

        sender 1                        sender 2
        locks the counters
                                        waits for them
        row is pending: numbers 7
        commits
                                        row is not pending: takes no number
    """
    with conn.transaction():
        conn.execute(_COUNTERS, {"source": source, "row": row})
        last: dict[str, int] = dict(conn.execute(_LAST, [row]).fetchall())
        found = conn.execute(_SAID, [row]).fetchone()
        if found is None:
            return
        answer = answer_of(found[1])
        interchange, group = (last[each] % NUMBER_MAX + 1 for each in ("interchange", "group"))
        has_group = answer.kind in ("997", "999")
        content = written(answer, Numbers(interchange, group), now.astimezone(ZoneInfo(zone or "UTC")))
        for counter, value in [("interchange", interchange), *([("group", group)] if has_group else [])]:
            conn.execute(_COUNT, [value, source, answer.syntax, counter])
        control = f"{interchange:09d}" if answer.syntax == "x12" else str(interchange)
        name = f"{answer.kind.lower()}_{row:09d}_{control}.edi"
        codes = ("FA", str(group)) if has_group else (None, None)
        conn.execute(_NUMBERED, [control, *codes, name, content, now, row])


class Outbox:
    """Sends what waits for one partner, what earlier runs left first."""

    def __init__(
        self, conn: psycopg.Connection, folders: Folders, source: str, profile: Profile, now: datetime
    ) -> None:
        self._conn, self._folders, self._source, self._now = conn, folders, source, now
        self._zone, self._wait = profile.timezone, timedelta(hours=profile.ack_wait_h)
        self._sent = self._refused = 0

    def send(self, guarded: Callable[..., None]) -> None:
        """Number all that waits, then put it into the outbox, oldest first.

        Args:
            guarded: called with a name, a step and its values: a file that fails must not stop the others.
        """
        waiting = self._conn.execute(_WAITING, [self._source, list(ACKNOWLEDGMENTS), SENT_MAX]).fetchall()
        for (row,) in waiting:
            number(self._conn, self._source, row, self._now, self._zone)
        for row, name in self._conn.execute(_LEFT, [self._source, SENT_MAX]).fetchall():
            if self._sent or self._refused < REFUSED_MAX:
                guarded(name, self._deliver, row, name)

    def _deliver(self, row: int, name: str) -> None:
        found = self._conn.execute("select content from ops.edi_outbound where outbound_id = %s", [row]).fetchone()
        assert found is not None
        self._refused += 1
        self._folders.deliver(name, bytes(found[0]))
        self._refused, self._sent = self._refused - 1, self._sent + 1
        self._note(row)

    def _note(self, row: int) -> None:
        """Write that the file lies in the outbox; with the last one its interchange is acknowledged."""
        with self._conn.transaction():
            self._conn.execute(_SENT, [self._now, self._now + self._wait, row])
            self._conn.execute(_ACKNOWLEDGED, [self._now, row])


def _storable(value: Any) -> Any:
    """``value`` without NUL, which no table holds; the writer would replace it too."""
    if isinstance(value, str):
        return value.replace("\x00", ".")
    if isinstance(value, dict):
        return {key: _storable(each) for key, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, tuple) else value


def answer_of(said: dict[str, Any]) -> Answer:
    """The answer that ``store`` wrote."""
    segments = tuple(
        tuple(each if isinstance(each, str) else tuple(each) for each in segment) for segment in said["segments"]
    )
    return Answer(**{**said, "segments": segments})
