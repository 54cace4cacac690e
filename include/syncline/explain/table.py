"""A story as tables of at most 120 columns, times in the zone of the site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from syncline.explain.facts import Told
from syncline.explain.numbers import Movement
from syncline.explain.pushes import Correction
from syncline.explain.story import Story
from syncline.explain.times import Times
from syncline.explain.words import signed

WIDTH_MIN, WIDTH_MAX = 100, 120


def console() -> Console:
    """As wide as the terminal between 100 and 120 columns: narrower tables break numbers, wider ones are not read."""
    here = Console()
    return Console(width=min(max(here.width if here.is_terminal else WIDTH_MAX, WIDTH_MIN), WIDTH_MAX))


def bounds(quantity: int, lo: int | None, hi: int | None) -> str:
    """``95 exactly``, ``100, somewhere in 97 … 100``, or what there is without a base."""
    if lo is None or hi is None:
        return f"{quantity} from movements alone: nobody has said yet how much there is"
    return f"{quantity} exactly" if lo == hi else f"{quantity}, somewhere in {lo} … {hi} (ambiguous)"


def render(story: Story) -> Group:
    """The parts of the story that have something to tell, the number first."""
    latest = story.told[story.numbers.on_top[-1].fact_id] if story.numbers.on_top else story.base
    day = story.as_of or (latest.said_from if latest else story.published_at)
    times = Times(story.key.timezone).of_day(day)
    parts: list[RenderableType] = [_head(story, times), _sum(story, times)]
    for title, table in (
        (_absorbed_title(story), _absorbed(story, times)),
        (_losers_title(story), _losers(story, times)),
        (f"Statements compared, the latest of {story.verdicts_count}", _verdicts(story, times)),
        ("Decisions of people", _choices(story, times)),
        ("Targets", _corrections(story, times)),
    ):
        if table.row_count:
            parts += [Text(f"\n{title}", style="bold"), table]
    parts += _troubles(story, times)
    return Group(*parts)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in columns:
        is_number = column in {"adds", "total", "says"}
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    return table


def _row(table: Table, cells: Iterable[str]) -> None:
    table.add_row(*(escape(cell) for cell in cells))


def _head(story: Story, times: Times) -> Text:
    balance = story.numbers.balance
    without = f"; without a date, of {times.day}" if times.day else ""
    lines = [f"{story.key}   (times in {story.key.timezone}{without})"]
    if story.as_of:
        lines.append(f"as of {times.moment(story.as_of)}, with what is known today")
    if story.batch_id is None or story.published_at is None:
        lines.append("no batch was released yet")
    else:
        lines.append(f"published by batch {story.batch_id} at {times.moment(story.published_at)}")
    if balance is None:
        lines.append("no number: nothing but evidence speaks of it")
    else:
        lines.append(bounds(balance.quantity, balance.lo, balance.hi))
    if not story.adds_up:
        lines.append("DEFECT: base and movements do not make this number; run `syncline rebuild` and report it")
    if story.waiting:
        lines.append("the next batch thinks about this key again")
    return Text("\n".join(lines), style="bold")


def _sum(story: Story, times: Times) -> Table:
    table = _table("time", "what", "adds", "total", "received", "document, position, reading")
    start = 0
    if story.base is not None:
        start = story.base.quantity or 0
        _row(table, _fact_row(story.base, f"base: {story.base.source}", "", str(start), times))
    shown = story.numbers.on_top
    if shown and (hidden := shown[0].count - len(shown)):
        before = shown[0].running - shown[0].delta
        _row(table, ("", f"{hidden} earlier movements", signed(before), str(start + before), "", ""))
    for each in shown:
        told = story.told[each.fact_id]
        what = told.source + (f", revision {told.revision}" if told.revision > 1 else "")
        _row(table, _fact_row(told, what, signed(each.delta), str(start + each.running), times))
    return table


def _fact_row(told: Told, what: str, adds: str, total: str, times: Times) -> tuple[str, ...]:
    return told.when(times), what, adds, total, times.moment(told.received_at), _source_of(told)


def _source_of(told: Told) -> str:
    return f"{told.place()}, {told.reading}" if told.reading else told.place()


def _absorbed_title(story: Story) -> str:
    found = story.numbers.absorbed
    if not found:
        return ""
    count, total = found[0].count, signed(found[0].total)
    movements = "1 movement" if count == 1 else f"{count} movements"
    latest = "" if count == len(found) else f"the latest {len(found)} of "
    return f"Already in the base: {latest}{movements}, {total} in all"


def _absorbed(story: Story, times: Times) -> Table:
    table = _table("time", "what", "says", "received", "document, position, reading")
    each: Movement
    for each in story.numbers.absorbed:
        told = story.told[each.fact_id]
        _row(
            table,
            (told.when(times), told.source, signed(each.delta), times.moment(told.received_at), _source_of(told)),
        )
    return table


def _losers_title(story: Story) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in story.losers_count.items())
    return f"Did not count: {counts}; the latest first"


def _losers(story: Story, times: Times) -> Table:
    table = _table("time", "what", "says", "why, and who decided", "document, position, reading")
    for each in story.losers:
        told = story.told[each.fact_id]
        _row(
            table,
            (told.when(times), told.source, told.says(), each.why + _decider(story, told, times), _source_of(told)),
        )
    return table


def _decider(story: Story, told: Told, times: Times) -> str:
    if not told.decided_by or told.decided_by == told.fact_id:
        return ""
    by = story.told.get(told.decided_by)
    return f"; by {by.source} {by.says()} of {by.when(times)}" if by else f"; by fact {told.decided_by[:12]}"


def _verdicts(story: Story, times: Times) -> Table:
    table = _table("time", "what", "says", "verdict", "compared with", "document, position, reading")
    for each in story.verdicts:
        told = story.told[each.fact_id]
        other = story.told.get(each.compared_to or "")
        _row(
            table,
            (
                told.when(times), told.source, told.says(), each.words(),
                f"{other.source} {other.says()} of {other.when(times)}" if other else "",
                _source_of(told),
            ),
        )  # fmt: skip
    return table


def _choices(story: Story, times: Times) -> Table:
    table = _table("time", "who", "decided", "why")
    for each in story.choices:
        names = [each.fact_id] if each.fact_id else each.answers
        facts = ", ".join(_short(story, name, times) for name in names)
        _row(table, (times.moment(each.decided_at), each.decided_by, f"{each.kind}: {facts}", each.why))
    return table


def _short(story: Story, fact_id: str, times: Times) -> str:
    told = story.told.get(fact_id)
    return f"{told.source} {told.says()} of {told.when(times)}" if told else fact_id[:12]


def _corrections(story: Story, times: Times) -> Table:
    table = _table("target", "shows", "should show", "newest correction", "state", "since")
    for each in story.corrections:
        shows = "not read yet" if each.shows is None else str(each.shows)
        should = "" if each.should_show is None else str(each.should_show)
        _row(table, (each.target, shows, should, _sent(each), _state(each, times), _when(each.changed_at, times)))
    return table


def _sent(each: Correction) -> str:
    if each.correction_id is None:
        return "none"
    return f"{each.from_number} → {each.to_number} ({each.correction_id[:12]})"


def _state(each: Correction, times: Times) -> str:
    said = " ".join(word for word in (each.state, f"({each.reason})" if each.reason else "") if word)
    if each.hold is None or each.held_until is None:
        return said
    return f"{said}; key on hold by {each.held_by} until {times.moment(each.held_until)}: {each.hold}".removeprefix(
        "; "
    )


def _when(instant: datetime | None, times: Times) -> str:
    return times.moment(instant) if instant else ""


def _troubles(story: Story, times: Times) -> Iterator[RenderableType]:
    if not story.troubles:
        return
    yield Text("\nOpen exceptions", style="bold")
    for each in story.troubles:
        yield Text(f"{each.rule}, since {times.moment(each.opened_at)}: {each.detail}\n  Next: {each.next_step}")
