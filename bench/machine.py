"""Where a figure comes from: machine shape, versions, commit. No host names, no paths."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import date
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
