"""A simulated week as tables: balances beside the baselines, verdicts and causes beside the labels, each warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.twin.score_table import print_table
from syncline.twin.verdict_score import overall

if TYPE_CHECKING:
    from rich.console import Console

    from syncline.twin.cause_score import CauseScore
    from syncline.twin.pilot import Mismatch
    from syncline.twin.week import Week

WRONG_SHOWN_MAX = 20
COLUMNS = (
    ("compared", "compared"),
    ("decided", "decided_share"),
    ("flagged", "flagged"),
    ("… rightly", "true_flagged"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("median hi − lo", "width"),
)


def print_week(week: Week, console: Console | None = None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = console or Console()
    print_table(week.scores, [], week.status, console)
    if week.wrong_untold:
        console.print(
            f"{len(week.wrong_untold)} keys are wrong because an event was lost and nothing was said of them since"
        )
    table = Table(title="verdicts against the twin's labels; precision and recall of the decided ones")
    table.add_column("site", no_wrap=True)
    for label, _ in COLUMNS:
        table.add_column(label, justify="right")
    for score in [*week.verdicts, overall(week.verdicts)]:
        values = [getattr(score, name) for _, name in COLUMNS]
        table.add_row(score.site_type, *("–" if value is None else str(value) for value in values))
    console.print(table)
    print_causes(week.causes, console)
    print_mismatches(week.mismatches, console)
    for row in week.pilot:
        console.print(
            f"shadow pilot of an ERP that believed them, {row.location}: {row.keys} keys would be corrected by"
            f" {row.units} units, value {row.value}; largest {row.largest}"
        )
    console.print(f"{week.facts} facts in {week.batches} batches, {week.dbt_s} s of dbt; seed {week.seed}")


def print_causes(causes: CauseScore, console: Console) -> None:
    """Labels down, our causes across; only those that came up."""
    from rich.table import Table

    names = sorted({cause for _, cause in causes.table})
    table = Table(title="causes of closed variances: the twin's label, and what Syncline says")
    table.add_column("label", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    for label in sorted({label for label, _ in causes.table}):
        table.add_row(label, *(str(causes.table.get((label, name), "")) for name in names))
    console.print(table)
    console.print(
        f"{causes.closed} variances closed, {causes.still_open} open; class right: {causes.right} ({causes.accuracy});"
        f" {causes.mixed} with several causes, {causes.unlabelled} that the twin cannot label"
    )
    console.print(
        f"exceptions opened for what was only late: {causes.delays_raised}; open when all was in: {causes.delays_open}"
    )
    for wrong in causes.wrong[:WRONG_SHOWN_MAX]:
        console.print(f"wrong cause: {wrong}")


def print_mismatches(rows: list[Mismatch], console: Console) -> None:
    """Before and after, by warehouse: keys wrong at the end, and the share of key-hours of business in between."""
    from rich.table import Table

    table = Table(title="numbers that are wrong: keys at the end, and % of key-hours")
    table.add_column("warehouse", no_wrap=True)
    names = list(dict.fromkeys(row.name for row in rows))
    for name in names:
        table.add_column(name, justify="right")
    for location in dict.fromkeys(row.location for row in rows):
        here = {row.name: row for row in rows if row.location == location}
        cells = (here[name] for name in names)
        figures = (f"{row.wrong_keys} of {row.keys}, {row.wrong_permille / 10:.1f} %" for row in cells)
        table.add_row(location, *figures)
    console.print(table)
