"""Measure everything in one go, in a throw-away Postgres of its own; progress on stderr, the table at the end.

python -m bench                                   # full size, 44 minutes on 2 cores: adds to history, writes the page
python -m bench --size small                      # two minutes: does every measurement work?
python -m bench --only landing --only micro --json
python -m bench --render                          # write the page anew from the newest full run
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import edi, figures, machine
from bench.figures import Figure
from bench.governance import governance_figures
from bench.idle import idle_figures
from bench.installation import import_figure, installation_figures
from bench.landing import bytes_to_load, file_to_load, rows_to_load
from bench.pushing import pushing_figures
from bench.rebuild import Timed
from bench.reconciling import reconciling_figures
from bench.resolving import filled, micro_batches, micro_figure, node_figure, rebuild_figures, say
from bench.sizes import SIZES, Size
from bench.storm import storm_figures
from bench.warehouse import Bench, throw_away
from syncline.home import project_root

BENCHES = ("edi", "landing", "rebuild", "micro", "deep", "idle", "reconciling", "governance", "pushing", "installation")
ROWS_TO_LOAD, BYTES_TO_LOAD, FILE_TO_LOAD = 0.4, 4.0, 0.5
EDI: dict[str, tuple[str, str, tuple[str, float] | None]] = {
    "split": ("846, `bytes.split` at the terminator: the limit", "MB/s", None),
    "tokenized": ("846 tokenized", "MB/s", (">=", 25.0)),
    "facts": ("846 to facts", "MB/s", (">=", 12.0)),
    "invrpt_facts": ("INVRPT to facts", "MB/s", (">=", 10.0)),
    "pyx12": ("846, pyx12's segment reader", "MB/s", None),
    "memory_mib": ("846 to facts, memory above the interpreter", "MiB", ("<=", 64.0)),
}
PAGE = Path("docs") / "reference" / "performance.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(SIZES), default="full")
    parser.add_argument("--only", action="append", choices=BENCHES, help="may be given more than once; not recorded")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", help="of the record; default BENCH_DATE, then today")
    parser.add_argument("--json", action="store_true", help="figures as one JSON object instead of the table")
    parser.add_argument("--keep", type=Path, help="state folder that stays: its histories serve the next run")
    parser.add_argument("--render", action="store_true", help="measure nothing: write the page from the history")
    given = parser.parse_args()
    if given.render:
        _render()
        return
    wanted = given.only or list(BENCHES)
    size, date = SIZES[given.size], machine.run_date(given.date)
    started = time.perf_counter()
    found = list(_edi(size)) if "edi" in wanted else []
    with throw_away(given.keep) as bench:
        with bench.connect("postgres") as conn:
            shape = machine.shape(conn.info.server_version)
        found += [_file_landing(bench, size, given.seed)] if "edi" in wanted else []
        found += _measure(bench, size, given.seed, wanted)
        found += list(reconciling_figures(bench, size, given.seed)) if "reconciling" in wanted else []
        found += list(governance_figures(bench, size)) if "governance" in wanted else []
        found += [*pushing_figures(bench, size), *storm_figures(bench, given.seed)] if "pushing" in wanted else []
    if "installation" in wanted and size.installation_minutes:
        say("installation")
        found += [import_figure(), *installation_figures(size, given.seed, date)]
    run = {
        "date": date, "commit": machine.commit(), "size": size.name, "seed": given.seed, "machine": shape,
        "is_whole": set(wanted) == set(BENCHES), "seconds": round(time.perf_counter() - started),
    }  # fmt: skip
    if run["is_whole"]:
        figures.append(figures.HISTORY, run, found)
        if size.name == "full":
            _render()
    print(json.dumps({**run, "figures": [asdict(each) for each in found]}) if given.json else figures.table(found))
    missed = [figure.what for figure in found if figure.is_met is False]
    if missed and not given.json:
        print(f"\nmissed targets ({size.name}): " + "; ".join(missed), file=sys.stderr)


def _measure(bench: Bench, size: Size, seed: int, wanted: list[str]) -> Iterator[Figure]:
    if "landing" in wanted:
        yield from _landing(bench, size, seed)
    short, long = "facts_short", "facts_long"
    done: dict[int, Timed] = {}
    if {"micro", "deep", "idle"} & set(wanted):
        filled(bench, short, size.history, seed)
    if {"micro", "rebuild"} & set(wanted):
        if "rebuild" in wanted:
            for facts in size.rebuilds[:-1]:
                done[facts] = filled(bench, "facts_middle", facts, seed)
                bench.drop("facts_middle")
        done[size.history_long] = filled(bench, long, size.history_long, seed)
    if "rebuild" in wanted:
        yield from rebuild_figures(size, done)
    names = (f"{size.history:,} facts", f"{size.history_long:,} facts")
    if "micro" in wanted:
        timed = micro_batches(bench, (short, long), size, seed)
        yield micro_figure(f"micro-batch of {size.batch:,}: {names[1]} of history against {names[0]}", timed, names)
        yield node_figure(timed[1], size, names[1])
    if "idle" in wanted:
        yield from idle_figures(bench, long if done else short, size, seed)
    bench.drop(long)
    if "deep" in wanted and size.deep_facts:
        deep = "facts_deep"
        filled(bench, deep, size.deep_facts, seed, size.deep_items)
        named = (names[0], f"{size.deep_facts:,} facts")
        what = f"the same with keys {size.deep_facts // size.history} × as long, {size.deep_items} SKUs in both"
        yield micro_figure(what, micro_batches(bench, (short, deep), size, seed + 50), named)
        bench.drop(deep)


def _edi(size: Size) -> Iterator[Figure]:
    say(f"EDI files of {size.edi_items:,} items")
    with TemporaryDirectory() as folder:
        found = edi.speeds(Path(folder), size.edi_items)
    for name, (what, unit, target) in EDI.items():
        if name in found:
            yield Figure.of("edi", what, [found[name]], unit, target=target, detail=found)


def _file_landing(bench: Bench, size: Size, seed: int) -> Figure:
    with bench.database("landing"), bench.connect("landing", "loader") as conn:
        rounds = []
        for number in range(size.landing_rounds):
            say(f"{file_to_load.__name__}, round {number + 1} of {size.landing_rounds}")
            rounds.append(file_to_load(conn, seed + number, size.edi_items))
    return _ratio("edi", "846 to closed load: its facts a second by those of an API", rounds, (">=", FILE_TO_LOAD))


def _landing(bench: Bench, size: Size, seed: int) -> Iterator[Figure]:
    targets = {
        "mapped rows to closed load: bare COPY's time by the load's": (rows_to_load, (">=", ROWS_TO_LOAD)),
        "response bytes to closed load: the load's time by json.loads'": (bytes_to_load, ("<=", BYTES_TO_LOAD)),
    }
    with bench.database("landing"), bench.connect("landing", "loader") as conn:
        for what, (measure, target) in targets.items():
            rounds: list[dict[str, float]] = []
            for number in range(size.landing_rounds):
                say(f"{measure.__name__}, round {number + 1} of {size.landing_rounds}")
                rounds.append(measure(conn, seed + number))
            yield _ratio("landing", what, rounds, target)


def _ratio(bench: str, what: str, rounds: list[dict[str, float]], target: tuple[str, float]) -> Figure:
    """One figure of the ``ratio`` of each round; the medians of what else is in them explain it."""
    detail = {name: median(each[name] for each in rounds) for name in rounds[0] if name != "ratio"}
    return Figure.of(bench, what, [each["ratio"] for each in rounds], "×", target=target, detail=detail)


def _render() -> None:
    found = figures.newest(figures.HISTORY, "full")
    if found is None:
        say("no full run is in the history: the page stays")
        return
    figures.render(project_root() / PAGE, *found)


if __name__ == "__main__":
    main()
