"""Built files on disk, with ``labels.json`` beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from syncline.twin.edi.files import BuiltFile, build_files
from syncline.twin.edi.habits import Habits
from syncline.twin.edi.large import write_846, write_invrpt
from syncline.twin.edi.model import KINDS

LABELS = "labels.json"


def read_choices(documents: str, habits: str) -> tuple[tuple[str, ...], Habits]:
    """Kinds and habits as a command line names them: ``all``, ``none``, or names with commas between.

    Raises:
        ConfigurationError: an unknown habit; of kinds ``build`` says so.
    """
    kinds = KINDS if documents == "all" else tuple(name.strip() for name in documents.split(",") if name.strip())
    if habits == "all":
        return kinds, Habits.all()
    names = [] if habits == "none" else [name.strip() for name in habits.split(",") if name.strip()]
    return kinds, Habits.some(*names)


def write_files(out: Path, seed: int, files: int, kinds: Sequence[str], habits: Habits) -> int:
    """Files ``0`` to ``files - 1`` of ``seed`` and their labels into ``out``; how many files."""
    built = list(build_files(seed, files, kinds, habits))
    out.mkdir(parents=True, exist_ok=True)
    for each in built:
        (out / each.name).write_bytes(each.content)
    labels = {"seed": seed, "files": [as_json(each) for each in built]}
    (out / LABELS).write_text(json.dumps(labels, indent=1) + "\n", encoding="utf-8")
    return len(built)


def as_json(built: BuiltFile) -> dict[str, Any]:
    """What ``labels.json`` says of one file."""
    return {
        "name": built.name,
        "bytes": len(built.content),
        "sets": [{**asdict(each), "facts": [fact._asdict() for fact in each.facts]} for each in built.sets],
        "labels": [{**asdict(label), "where": label.where} for label in built.labels],
    }


def write_large(out: Path, lines: int) -> int:
    """One 846 and one INVRPT of ``lines`` items into ``out``; how many files."""
    writers: dict[str, Callable[[BinaryIO, int], int]] = {"846": write_846, "INVRPT": write_invrpt}
    out.mkdir(parents=True, exist_ok=True)
    for kind, writer in writers.items():
        with (out / f"{kind}_large_{lines}.edi").open("wb") as stream:
            writer(stream, lines)
    return len(writers)
