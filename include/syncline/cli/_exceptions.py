"""How exceptions are shown."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from syncline.explain.table import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncline.exceptions.model import Change, Evidence, Kept

SHORT = 16


def dumped(document: Any) -> str:
    """JSON; times are ISO texts."""
    return json.dumps(document, indent=1, default=lambda instant: instant.isoformat())


def print_list(found: Sequence[Kept], as_json: bool, *, is_cut: bool) -> None:
    """One line an exception. ``is_cut``: there are more."""
    if as_json:
        typer.echo(dumped([asdict(each) for each in found]))
        return
    table = Table("no", "rule", "about", "state", "severity", "owner", "age", "due (UTC)", "units", "value", box=None,
                  padding=(0, 2, 0, 0), pad_edge=False)  # fmt: skip
    for each in found:
        late = " late" if each.is_overdue else ""
        table.add_row(
            str(each.exception_id), escape(each.rule), escape(each.subject), each.state, each.severity,
            escape(_owner(each)), age(each.age_s), f"{each.due_at:%m-%d %H:%M}{late}",
            _number(each.impact_units), money(each.impact_minor),
        )  # fmt: skip
    if found:
        console().print(table)
    overdue = sum(each.is_overdue for each in found)
    more = "; there are more: filter, or raise --limit" if is_cut else ""
    typer.echo(f"{len(found)} exceptions, {overdue} late{more}.")


def print_one(kept: Kept, changes: Sequence[Change], evidence: Sequence[Evidence], as_json: bool) -> None:
    """Everything about one."""
    if as_json:
        every = {"changes": [asdict(each) for each in changes], "evidence": [asdict(each) for each in evidence]}
        typer.echo(dumped({**asdict(kept), **every}))
        return
    for name, value in _facts(kept):
        if value:
            typer.echo(f"{name:<12}{value}")
    if evidence:
        table = Table("rests on", "id", "told by", "document", "at", title="Evidence", title_justify="left", box=None,
                      padding=(0, 2, 0, 0), pad_edge=False)  # fmt: skip
        for each in evidence:
            table.add_row(
                each.kind, escape(each.ref), escape(each.source or ""), escape(each.document or ""),
                escape(each.position or ""),
            )  # fmt: skip
        console().print(table)
        typer.echo(f"To the raw bytes: syncline trace exception:{kept.exception_id}")
    table = Table("when (UTC)", "who", "what", "state", "note", title="Changes", title_justify="left", box=None,
                  padding=(0, 2, 0, 0), pad_edge=False)  # fmt: skip
    for change in changes:
        told = ", ".join(f"{name} {value}" for name, value in sorted(change.details.items()) if name not in _LONG)
        note = " · ".join(part for part in (change.note, told) if part)
        table.add_row(
            f"{change.changed_at:%Y-%m-%d %H:%M:%S}", escape(change.changed_by), change.what, change.to_state,
            escape(note),
        )  # fmt: skip
    console().print(table)


def print_changed(kept: Kept, as_json: bool) -> None:
    """What became of one."""
    if as_json:
        typer.echo(dumped(asdict(kept)))
        return
    until = f" until {kept.snoozed_until:%Y-%m-%dT%H:%M:%SZ}" if kept.snoozed_until else ""
    how = f" ({kept.resolution})" if kept.resolution else ""
    typer.echo(f"Exception {kept.exception_id} is {kept.state}{until}{how}; owner {_owner(kept) or 'nobody'}.")


_LONG = ("detail", "next_step")


def _facts(kept: Kept) -> list[tuple[str, str]]:
    place = "/".join(part for part in (kept.target, kept.item, kept.location, kept.measure, kept.lot) if part)
    impact = ", ".join(
        part
        for part in (
            f"{kept.impact_units} units" if kept.impact_units is not None else "",
            f"value {money(kept.impact_minor)}" if kept.impact_minor else "",
            f"{kept.orders} order lines short" if kept.orders is not None else "",
        )
        if part
    )
    until = f" until {kept.snoozed_until:%Y-%m-%dT%H:%M:%SZ}" if kept.snoozed_until else ""
    return [
        ("exception", f"{kept.exception_id}  {kept.rule}  {kept.subject}"),
        ("state", f"{kept.state}{until}, {kept.severity}" + (f", {kept.resolution}" if kept.resolution else "")),
        ("about", " of ".join(part for part in (place, kept.source) if part)),
        ("owner", " ".join(part for part in (_owner(kept), kept.channel and f"<{kept.channel}>") if part)),
        ("opened", f"{kept.opened_at:%Y-%m-%dT%H:%M:%SZ}, {age(kept.age_s)} old"),
        ("due", f"{kept.due_at:%Y-%m-%dT%H:%M:%SZ}" + (", late" if kept.is_overdue else "")),
        ("asked", kept.asked or ""),
        ("impact", impact),
        ("what", kept.detail),
        ("next", kept.next_step),
        ("suggested", kept.action or ""),
    ]


def _owner(kept: Kept) -> str:
    return "/".join(part for part in (kept.team, kept.owner) if part)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def money(minor: int | None) -> str:
    """Minor units with two places, exactly: 490005 is 4900.05."""
    return "" if minor is None else f"{minor // 100}.{minor % 100:02d}"


def age(seconds: int) -> str:
    """``3d 4h``, ``5h 12m``, ``7m``."""
    span = timedelta(seconds=max(0, seconds))
    hours, rest = divmod(span.seconds, 3600)
    if span.days:
        return f"{span.days}d {hours}h"
    return f"{hours}h {rest // 60}m" if hours else f"{rest // 60}m"
