"""Run the twin at a steady rate through a whole installation, sample it every ten seconds, judge and draw it.

python -m bench.soak --plot docs/reference/soak.svg     # 20 minutes at 500 events a second
python -m bench.soak --minutes 2 --rate 100 --out /tmp/trial.jsonl
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import machine
from bench.soak.record import Recorder
from bench.soak.run import Load, soak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=Load.minutes, help="real minutes of business")
    parser.add_argument("--rate", type=float, default=Load.rate, help="events a real second, over both WMS")
    parser.add_argument("--speed", type=float, default=Load.speed, help="virtual seconds in a real one")
    parser.add_argument("--planned", type=float, default=Load.planned_per_event, help="planned events for a told one")
    parser.add_argument("--lead", type=float, default=Load.lead_s, help="real seconds before business begins")
    parser.add_argument("--seed", type=int, default=Load.seed)
    parser.add_argument("--faults", default=Load.faults)
    parser.add_argument("--date", help="of the record; default BENCH_DATE, then today")
    parser.add_argument("--out", type=Path, help="record; default: bench/soak/<date>-<minutes>min-<rate>.jsonl")
    parser.add_argument("--plot", type=Path, help="also draw the record into this SVG")
    given = parser.parse_args()
    load = Load(given.minutes, given.rate, given.speed, given.planned, given.lead, given.seed, given.faults)
    day = machine.run_date(given.date)
    out = given.out or Path(__file__).parent / f"{day}-{given.minutes:g}min-{given.rate:g}.jsonl"
    recorder = Recorder(out)
    soak(load, recorder, day)
    business = [sample for sample in recorder.samples if sample["phase"] == "business"]
    if business:
        reached = business[-1]["events"] / max(1.0, business[-1]["t_s"])
        print(f"{business[-1]['events']} events in {business[-1]['t_s']:.0f} s: {reached:.0f} a second")
    verdicts = recorder.verdicts()
    for verdict in verdicts:
        mark = "good" if verdict.is_good else "BAD "
        print(f"{mark} {verdict.what}: mean {verdict.mean}, growth {verdict.growth}, bound {verdict.bound}")
    print(f"record: {out}")
    if given.plot:
        from bench.soak.plot import draw

        draw(out, given.plot)
    sys.exit(0 if all(verdict.is_good for verdict in verdicts) else 1)


if __name__ == "__main__":
    main()
