"""A simulated week as tables: balances beside the baselines, then verdicts by type of site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncline.twin.score_table import print_table

if TYPE_CHECKING:
    from rich.console import Console

    from syncline.twin.week import Week

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
    for score in week.verdicts:
        values = [getattr(score, name) for _, name in COLUMNS]
        table.add_row(score.site_type, *("–" if value is None else str(value) for value in values))
    console.print(table)
    console.print(f"{week.facts} facts in {week.batches} batches, {week.dbt_s} s of dbt; seed {week.seed}")
