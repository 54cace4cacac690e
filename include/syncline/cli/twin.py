"""``syncline twin``: serve the simulated network, write its configuration, score against its truth."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncline.home import project_root, state_home

if TYPE_CHECKING:
    from syncline.twin.schedule import Day
    from syncline.twin.server import Settings, Twin

app = typer.Typer(
    help="The digital twin: a simulated network with real servers and a known truth.", no_args_is_help=True
)

FAULTS_HELP = "none | default | all, then ,name=rate …; or a .yml, .json or .toml file (see: syncline twin faults)"


def _list_habits(is_wanted: bool) -> None:
    if not is_wanted:
        return
    from syncline.twin.edi.habits import known

    width = max(map(len, known()))
    for name, about in known().items():
        profile = "; needs a profile" if about["needs_profile"] else ""
        typer.echo(f"{name:<{width}}  {about['verdict']:<9}  {about['scope']:<11}  {about['meaning']}{profile}")
    raise typer.Exit


@app.command()
def seeds(folder: Annotated[Path | None, typer.Option(help="Default: the dbt project's seeds.")] = None) -> None:
    """Write the demo network as configuration CSV files."""
    from syncline.twin.seeds import write_seeds

    for path in write_seeds(folder or project_root() / "dbt_project" / "seeds"):
        typer.echo(path.name)


@app.command()
def serve(
    dsn: Annotated[str, typer.Option(envvar="SYNCLINE_TWIN_DSN", help="Postgres database for the ERP's books.")],
    env_file: Annotated[Path, typer.Option(help="Written with the connections of every server; mode 0600.")],
    seed: int = 7,
    hours: Annotated[float, typer.Option(help="Virtual hours of business.")] = 4.0,
    rate: Annotated[float, typer.Option(help="Virtual seconds in a real second.", min=0.1, max=3600)] = 120.0,
    events_per_hour: int = 400,
    cases_per_hour: Annotated[float, typer.Option(help="Shorts, substitutes, returns … that open a loop.")] = 0.0,
    start: Annotated[str, typer.Option(help="Virtual start, ISO 8601 with a zone.")] = "2026-11-02T12:00:00+00:00",
    lead_s: Annotated[float, typer.Option(help="Real seconds from now until the day begins.", min=0)] = 0.0,
    port: Annotated[int, typer.Option(help="HTTP port; 0 is a free one.")] = 0,
    sftp_port: int = 0,
    files: Annotated[Path | None, typer.Option(help="Folder for the partners' roots.")] = None,
    faults: Annotated[str, typer.Option(help=FAULTS_HELP)] = "default",
    truth_file: Annotated[Path | None, typer.Option(help="Write the truth here when stopping.")] = None,
) -> None:
    """Serve WMS, ERP, shop and SFTP until SIGTERM or Ctrl-C; prints one line when ready."""
    import time

    from syncline.clock import Clock
    from syncline.twin.fault_settings import read_faults
    from syncline.twin.schedule import Day
    from syncline.twin.server import Settings

    day = Day(
        seed=seed, start=datetime.fromisoformat(start), hours=hours, events_per_hour=events_per_hour,
        cases_per_hour=cases_per_hour,
    )  # fmt: skip
    clock = Clock(day.start, time.time() + lead_s, rate)
    where = files or state_home() / "twin"
    settings = Settings(dsn, day, read_faults(faults), clock, where, port, sftp_port)
    asyncio.run(_serve(settings, env_file, truth_file))


@app.command()
def score(
    dsn: Annotated[
        str | None, typer.Option(help="Warehouse, a role that reads raw, ops and canonical; default: the owner's.")
    ] = None,
    truth_file: Annotated[Path | None, typer.Option(help="Default: ask the running twin.")] = None,
    days: Annotated[float | None, typer.Option(help="Live this long in a throw-away warehouse and score that.")] = None,
    events: Annotated[int, typer.Option(help="WMS events in all --days.")] = 500_000,
    items: Annotated[int, typer.Option(help="With --days: stocked at each of the three sites.")] = 6_700,
    seed: Annotated[int, typer.Option(help="With --days.")] = 7,
    faults: Annotated[str, typer.Option(help=f"With --days: {FAULTS_HELP}")] = "all",
    files_every_h: Annotated[int, typer.Option(help="With --days: hours between two 846 of a partner.", min=1)] = 12,
    resolve_every_min: Annotated[
        int, typer.Option(help="With --days: minutes between two batches, a multiple of 5.", min=5)
    ] = 360,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure Syncline and the baselines against the truth, of a running twin or of a simulated week.

    With --days the twin's feeds go through the real landing and resolve as fast as these can; nothing is pushed.
    Verdicts and causes are held against the labels of the twin's own log, every warehouse against the usual feeds.
    Examples: syncline twin score --days 7 --events 500000
    syncline twin score --days 7 --events 20000 --items 80 --files-every-h 2 --resolve-every-min 65
    """
    if days is not None:
        from syncline.twin.week import large_day

        _score_week(large_day(seed, days, events, items, files_every_h * 3600), faults, resolve_every_min * 60, as_json)
        return
    import dataclasses
    import json

    import psycopg

    from syncline.connections import connection
    from syncline.twin.score import Truth, open_corrections, score_all
    from syncline.twin.score_table import fetch_truth, print_table

    value = json.loads(truth_file.read_text(encoding="utf-8")) if truth_file else fetch_truth(connection("twin"))
    with psycopg.connect(dsn or connection("warehouse_owner").postgres_dsn(), autocommit=True) as conn:
        scores = score_all(conn, Truth.from_json(value))
        held = open_corrections(conn)
    if as_json:
        rows = {
            "scores": [dataclasses.asdict(each) for each in scores],
            "open": [dataclasses.asdict(each) for each in held],
        }
        typer.echo(json.dumps(rows, indent=2))
    else:
        print_table(scores, held, value["status"])


def _score_week(day: Day, faults: str, resolve_every_s: int, as_json: bool) -> None:
    import json
    from functools import partial

    from syncline.runtime.databases import throw_away
    from syncline.twin.fault_settings import read_faults
    from syncline.twin.week import live_week
    from syncline.twin.week_table import print_week

    named = read_faults(faults)
    with throw_away(state_home().resolve(), "week") as (dsn, conn):
        week = live_week(conn, dsn, day, named, partial(typer.echo, err=True), resolve_every_s)
    if as_json:
        typer.echo(json.dumps(week.as_json(), indent=2, default=str))
    else:
        print_week(week)


@app.command()
def compare(
    seed: Annotated[list[int] | None, typer.Option(help="Of a simulated day; may be given again. Default 7.")] = None,
    hours: Annotated[float, typer.Option(help="Virtual hours of business.")] = 4.0,
    events_per_hour: int = 400,
    faults: Annotated[str, typer.Option(help=FAULTS_HELP)] = "default",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure the baselines alone, without servers: the same seed and faults give the same figures."""
    import dataclasses
    import json

    from syncline.twin.compare import compare as compare_baselines
    from syncline.twin.fault_settings import read_faults
    from syncline.twin.schedule import Day
    from syncline.twin.score_table import print_table

    named, found = read_faults(faults), []
    for each in seed or [7]:
        comparison = compare_baselines(Day(seed=each, hours=hours, events_per_hour=events_per_hour), named)
        found.append(dataclasses.asdict(comparison))
        if not as_json:
            typer.echo(f"seed {each}")
            print_table(comparison.scores, [], comparison.status)
    if as_json:
        typer.echo(json.dumps(found, indent=2))


@app.command("faults")
def list_faults(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the faults that can be named, their defaults and what they do."""
    import json

    from syncline.twin.faults import known

    if as_json:
        rows = {name: {"default": default, "meaning": meaning} for name, (default, meaning) in known().items()}
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max(map(len, known()))
    for name, (default, meaning) in known().items():
        typer.echo(f"{name:<{width}}  {default:>5}  {meaning}")


@app.command("edi")
def write_edi(
    out: Annotated[Path, typer.Option(help="Folder for the files and labels.json.", file_okay=False)],
    seed: Annotated[int, typer.Option(help="The same seed and options give the same bytes.")] = 7,
    documents: Annotated[str, typer.Option(help="Kinds, separated by commas, or all.")] = "all",
    habits: Annotated[str, typer.Option(help="all | none | names, separated by commas (see --list-habits).")] = "none",
    files: Annotated[int, typer.Option(help="How many files; each begins with the next kind.", min=1)] = 16,
    lines: Annotated[int, typer.Option(help="Instead: one 846 and one INVRPT of so many items.", min=0)] = 0,
    list_habits: Annotated[
        bool, typer.Option("--list-habits", is_eager=True, callback=_list_habits, help="List the habits and exit.")
    ] = False,
) -> None:
    """Write EDI files as careless partners write them, with labels of the truth.

    Example: syncline twin edi --documents 846,945,INVRPT --habits wrapped,bom --files 30 --out /tmp/edi
    """
    from syncline.twin.edi.folder import read_choices, write_files, write_large

    if lines:
        written = write_large(out, lines)
    else:
        kinds, chosen = read_choices(documents, habits)
        written = write_files(out, seed, files, kinds, chosen)
    typer.echo(f"{written} files in {out}")


async def _serve(settings: Settings, path: Path, truth_file: Path | None) -> None:
    from syncline.twin.env_file import write_env
    from syncline.twin.server import running

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings) as twin:
        write_env(path, twin.env)
        typer.echo(f"twin ready: http 127.0.0.1:{twin.port}, sftp 127.0.0.1:{twin.sftp_port}, connections in {path}")
        await _until(stop, twin)
        if truth_file is not None:
            truth_file.write_text(twin.truth(), encoding="utf-8")
    path.unlink(missing_ok=True)


async def _until(stop: asyncio.Event, twin: Twin) -> None:
    """Wait for the signal, or for the simulation to break."""
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, twin.simulation], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
