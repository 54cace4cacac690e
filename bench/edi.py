"""How fast EDI becomes facts, in MB of file for a second of CPU, beside bytes and a library in the same run.

``tokenized``: the segments of a generated 846, no more. ``facts``: the same file to facts, read once; an INVRPT of the
same size, too. ``memory``: what reading it adds to the interpreter, in a process of its own. ``split``: `bytes.split`
at the terminator, the limit of the machine. ``pyx12``: its segment reader, where it is installed.

python -m bench.edi [--items N]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import machine
from syncline.edi import SetReading, read_sets
from syncline.edi.blocks import Block
from syncline.edi.tokenizer import blocks
from syncline.twin.edi.large import write_846, write_invrpt

ITEMS = 200_000
REPETITIONS = 3
MB = 1e6


def speeds(folder: Path, items: int) -> dict[str, float]:
    """MB a second by name, and ``memory_mib``; the files are written into ``folder``."""
    paths = {"846": folder / "846.edi", "invrpt": folder / "invrpt.edi"}
    for name, write in (("846", write_846), ("invrpt", write_invrpt)):
        with paths[name].open("wb") as stream:
            write(stream, items)
    content = paths["846"].read_bytes()
    candidates: dict[str, tuple[Path, Callable[[], object]]] = {
        "split": (paths["846"], lambda: content.split(b"~")),
        "tokenized": (paths["846"], lambda: _tokenize(paths["846"])),
        "facts": (paths["846"], lambda: _facts(paths["846"])),
        "invrpt_facts": (paths["invrpt"], lambda: _facts(paths["invrpt"])),
    }
    if importlib.util.find_spec("pyx12") is not None:
        candidates["pyx12"] = (paths["846"], lambda: _pyx12(paths["846"]))
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(REPETITIONS):
        for name, (_, work) in candidates.items():
            seconds[name].append(_cpu(work))
    found = {name: candidates[name][0].stat().st_size / MB / median(each) for name, each in seconds.items()}
    grown = subprocess.run(
        [sys.executable, "-m", "bench.edi", "--grown", str(paths["846"])], capture_output=True, check=True, text=True
    )
    return {**found, "memory_mib": float(grown.stdout)}


def _tokenize(path: Path) -> int:
    segments = 0
    with path.open("rb") as stream:
        for item in blocks(stream):
            segments += sum(map(len, item)) if isinstance(item, Block) else 1
    return segments


def _facts(path: Path) -> int:
    facts = 0
    with path.open("rb") as stream:
        for item in read_sets(stream, source="bench"):
            if isinstance(item, SetReading):
                facts += sum(1 for _ in item.facts)
    return facts


def _pyx12(path: Path) -> int:
    reader = importlib.import_module("pyx12.x12file").X12Reader
    with path.open(encoding="ascii") as stream:
        return sum(1 for _ in reader(stream))


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _grown(path: Path) -> float:
    """MiB that reading adds. What the system remembers of a process (ru_maxrss) begins with its parent's."""
    machine.forget_peak()
    before = machine.peak_mib()
    _facts(path)
    return machine.peak_mib() - before


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--items", type=int, default=ITEMS)
    options.add_argument("--grown", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.grown:
        print(_grown(given.grown))
        return
    with TemporaryDirectory() as folder:
        print(json.dumps({name: round(value, 1) for name, value in speeds(Path(folder), given.items).items()}))


if __name__ == "__main__":
    main()
