"""Fetch the truth from a running twin and print the score for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncline.errors import PartnerUnavailable

if TYPE_CHECKING:
    from rich.console import Console

    from syncline.connections import Connection
    from syncline.twin.score import Held, Score

TIMEOUT_REAL_S = 600  # the twin runs the baselines for the answer: minutes after half a million events
HELD_SHOWN_MAX = 20
ROWS = (
    ("wrong balances at the end", "wrong_balances"),
    ("… of them not flagged", "wrong_unflagged"),
    ("units of drift at the end", "drift_units"),
    ("ERP numbers that are wrong", "erp_wrong"),
    ("… units", "erp_drift_units"),
    ("… unit-hours over the day", "drift_unit_hours"),
    ("oversold units", "oversold_units"),
    ("double posts", "double_posts"),
    ("ERP lock failures met", "lock_failures"),
    ("event to ERP, p50 (s)", "latency_p50_s"),
    ("event to ERP, p95 (s)", "latency_p95_s"),
    ("events measured", "latency_events"),
)


def fetch_truth(twin: Connection) -> dict[str, Any]:
    """The twin's truth.

    Raises:
        PartnerUnavailable: the twin does not answer.
    """
    import requests

    try:
        answer = requests.get(
            f"{twin.base_url()}/twin/v1/truth",
            headers={"Authorization": f"Bearer {twin.password}"},
            timeout=TIMEOUT_REAL_S,
        )
        answer.raise_for_status()
    except requests.RequestException as error:
        raise PartnerUnavailable(
            f"The twin does not tell its truth ({type(error).__name__}).",
            next_step="Start it with `syncline twin serve`, or pass --truth-file of a run that has ended.",
        ) from error
    value: dict[str, Any] = answer.json()
    return value


def print_table(scores: list[Score], held: list[Held], status: dict[str, Any], console: Console | None = None) -> None:
    """One column for each integrator, then what is still open, then how the day went."""
    from rich.console import Console
    from rich.table import Table

    console = console or Console()
    table = Table(
        title=f"{scores[0].keys} keys, {sum(status['events'].values())} WMS events, {status['orders']} order lines"
    )
    table.add_column("", no_wrap=True)
    for score in scores:
        table.add_column(score.name, justify="right")
    for label, name in ROWS:
        values = [getattr(score, name) for score in scores]
        if any(value is not None for value in values):
            table.add_row(label, *("–" if value is None else str(value) for value in values))
    console.print(table)
    for open_ in held[:HELD_SHOWN_MAX]:
        console.print(f"open: {open_.target} {open_.item} at {open_.location}: {open_.state} {open_.reason}")
    if len(held) > HELD_SHOWN_MAX:
        console.print(f"open: {len(held) - HELD_SHOWN_MAX} more")
    faults = ", ".join(f"{name} {times}" for name, times in status["faults"].items())
    console.print(f"day {status['phase']} at {status['now']}; faults injected: {faults or 'none'}")
