"""Where a figure comes from: machine shape, versions, commit. No host names, no paths."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from syncline.home import project_root

GIB = 1 << 30


def run_date(given: str | None) -> str:
    """``given``, else BENCH_DATE, else today; as YYYY-MM-DD."""
    return date.fromisoformat(given or os.environ.get("BENCH_DATE") or date.today().isoformat()).isoformat()


def shape(postgres: int) -> dict[str, Any]:
    """``postgres`` is libpq's number of the server version (180001)."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / GIB),
        "python": platform.python_version(),
        "postgres": f"{postgres // 10000}.{postgres % 10000}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def forget_peak() -> None:
    """Let ``peak_mib`` begin anew, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    """The most memory this process had since ``forget_peak``; elsewhere than on Linux, since it began."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if platform.system() == "Darwin" else 1 << 10)


def commit() -> str:
    """Short commit of the checkout, with ``+`` when files differ from it; ``unknown`` outside a repository."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=10", "--exclude=*"],
        cwd=project_root(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
