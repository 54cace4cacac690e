"""Run a racing day through real Airflow, dbt, Great Expectations, Postgres, HTTP and SFTP, and score it.

Exit code 0 only when nothing is wrong and unflagged, nothing was posted twice, and every key that is not held
equals canonical in the ERP and the shop.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncline.home import state_home

if TYPE_CHECKING:
    from rich.console import Console

    from syncline.runtime.demo import Verdict
    from syncline.runtime.progress import Progress

app = typer.Typer()
SHOWN_MAX = 20
PLAIN_EVERY_S = 10.0


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Of the simulated day: same seed, same day.")] = 7,
    hours: Annotated[float, typer.Option(help="Virtual hours of business.", min=0.1, max=24)] = 4.0,
    rate: Annotated[float, typer.Option(help="Virtual seconds in a real second.", min=1, max=3600)] = 120.0,
    faults: Annotated[
        str,
        typer.Option(help="none | default, then ,name=rate …; or a file (see: syncline twin faults)"),
    ] = "default",
    port: Annotated[int, typer.Option(help="Of Airflow's UI; 0 is any free one.", min=0, max=65535)] = 0,
) -> None:
    """Run a racing day and score it."""
    import time

    from rich.console import Console

    from syncline.runtime import demo as day_demo
    from syncline.runtime import partners, world
    from syncline.runtime.credentials import ADMIN
    from syncline.twin.fault_settings import read_faults
    from syncline.warehouse.connect import connect_dsn

    read_faults(faults)  # a typing error is told before anything starts
    if Path(faults).is_file():
        faults = str(Path(faults).resolve())  # the twin is a child, perhaps with another working folder
    console = Console()
    started = time.monotonic()

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:5.0f} s[/dim]  {line}", highlight=False, soft_wrap=True)

    day = partners.Day(seed=seed, hours=hours, rate=rate, faults=faults)
    with world.running(state_home().resolve(), say, port=port, day=day) as running:
        installation, twin = running.installation, running.partners
        assert twin is not None
        say(f"Airflow at {installation.address}, login {ADMIN} / {installation.credentials.airflow_admin}")
        with connect_dsn(installation.server.dsn(installation.warehouse), name="demo") as conn:
            with _Display(console) as display:
                day_demo.watch(running, twin, conn, display.show, day_s=day.lead_s + hours * 3600 / rate)
            say("quiet and drained; building the marts")
            state = running.airflow.run("marts", day_demo.MARTS_S)
            verdict = day_demo.judge(conn, twin)
    if state != "success":
        verdict.reasons.append(f"the marts run ended {state}")
    _print(console, verdict)
    say("done" if not verdict.reasons else "[red]not good:[/red] " + "; ".join(verdict.reasons))
    raise typer.Exit(1 if verdict.reasons else 0)


class _Display:
    """A live line on a terminal; elsewhere a plain line every few seconds."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._console = console
        self._next_s = 0.0

    def __enter__(self) -> _Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, status: dict[str, Any], now: Progress) -> None:
        import time

        line = (
            f"{status['now'][11:19]} {status['phase']:<8} events {sum(status['events'].values()):>4}"
            f" facts {now.facts:>5} batches {now.batches:>2} applied {now.applied:>4} open {now.open:>3}"
            f" held {now.held:>2} exceptions {now.exceptions:>2}"
        )
        if self._live:
            self._live.update(line)
        elif time.monotonic() >= self._next_s:
            self._console.print(line, highlight=False, soft_wrap=True)
            self._next_s = time.monotonic() + PLAIN_EVERY_S


def _print(console: Console, verdict: Verdict) -> None:
    from syncline.twin.score_table import print_table

    print_table(verdict.scores, [], verdict.status, console)
    read = ", ".join(f"{kind} {times}" for kind, times in verdict.documents.items())
    console.print(f"EDI documents read: {read or 'none'}; {verdict.answered} acknowledgments sent", highlight=False)
    agreement = verdict.agreement
    good = agreement.keys - len(agreement.wrong) - len(agreement.held)
    console.print(f"{good} of {agreement.keys} keys of ERP and shop equal canonical, {len(agreement.held)} are held:")
    for (target, item, location), reason in sorted(agreement.held.items()):
        console.print(f"  held: {target} {item} at {location}: {reason}", highlight=False)
    for each in agreement.wrong[:SHOWN_MAX]:
        place = f"{each.target} {each.item} at {each.location}"
        console.print(f"  [red]differs[/red]: {place}: canonical {each.wanted}, shown {each.shown}", highlight=False)
