"""``python -m tests.chaos.push``: thousands of corrections through every kind of target while everything goes wrong.

Workers are processes, targets answer over HTTP, Postgres is real: one document in five is lost, late, cut, refused by a
lock or throttled; somebody else changes the numbers; workers are killed and cleared; Postgres is restarted. Then all is
calm, and the targets' own books are compared with the outbox. Exit 1 on any double, lost or wrong effect.

The plan (faults by number of the call, blows by number of the document, numbers wanted, restarts) is drawn from the
seed. When a worker gets to run, and so what a kill interrupts, is the operating system's: two runs of a seed meet the
same faults, not the same instants.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from tests.chaos.push.report import table
from tests.chaos.push.run import TARGETS, Settings, run
from tests.chaos.push.site import KEYS, LIFE_S


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.push", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=20_261_102)
    parser.add_argument("--corrections", type=int, default=20_000, help="sent, of all targets together")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--minutes", type=float, default=15.0, help="then it is calm, however many were sent")
    parser.add_argument("--keys", type=int, default=KEYS, help="of each target")
    parser.add_argument("--restarts", type=int, default=4, help="of Postgres, in turn as a crash and as it should be")
    parser.add_argument("--often", type=float, default=1.0, help="workers are struck so many times as often as else")
    parser.add_argument("--life-s", type=float, default=LIFE_S, help="declared of the vendors; 0 is a lie, and shows")
    settings = Settings(**vars(parser.parse_args()))
    print(f"seed {settings.seed}", flush=True)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # the ERP without its Postgres, as planned
    with tempfile.TemporaryDirectory(prefix="syncline-chaos-") as home:
        outcome = run(settings, Path(home), lambda told: print(told, flush=True))
    Console(width=200).print(table(outcome))
    for told in outcome.violations:
        print(told, file=sys.stderr)
    print(
        f"seed {settings.seed}: {outcome.corrections} corrections in {outcome.chaos_s:.0f} s "
        f"and {outcome.calm_s:.0f} s of calm, {outcome.struck} workers killed or cleared, "
        f"Postgres restarted {outcome.postgres}, {sum(outcome.traced.values())} traces "
        f"({outcome.undecided} too long for the model), "
        f"{len(outcome.violations)} violations"
    )
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
