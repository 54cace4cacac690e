"""One in-process dbt invocation: a fresh CLI process would spend seconds on imports and parsing alone."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from syncline.errors import TerminalError, WarehouseUnavailable
from syncline.home import project_root, state_home
from syncline.landing.warehouse_errors import says_unavailable
from syncline.resolve import dbt_changes

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Node:
    """One executed dbt node: ``seconds`` of execution, ``status`` as dbt names it, ``next_step`` from its ``meta``."""

    name: str
    status: str
    seconds: float
    message: str
    next_step: str = ""


def run(dsn: str, arguments: Sequence[str], target: Path | None = None) -> list[Node]:
    """Run ``dbt <arguments>`` against ``dsn`` and return its nodes.

    ``target`` holds dbt's log and compiled SQL (default: ``dbt/`` in the state home).

    Raises:
        WarehouseUnavailable: Postgres went away or refused work; the same call may succeed later.
        TerminalError: a model or test failed; names the node.
    """
    target = target or state_home() / "dbt"
    # The profile reads the environment.
    with _environment(dsn):
        manifest = _manifest(dsn, target)
        result = _runner(manifest).invoke([*arguments, *_common(target)])
    nodes = [_node(item) for item in getattr(result.result, "results", None) or []]
    if not result.success:
        _raise(arguments, nodes, result.exception)
    return nodes


def warm(dsn: str, target: Path | None = None) -> None:
    """Parse the project for ``dsn`` in this process, so that the processes forked from it need not.

    Opens no connection. A child that finds other project files or another database parses for itself.
    """
    with _environment(dsn):
        _manifest(dsn, target or state_home() / "dbt")


# Questions about the past alternate between two databases; more are left over from a change of the project.
KEPT_MANIFESTS = 3
_parsed: dict[str, Any] = {}


def _manifest(dsn: str, target: Path) -> Any:
    """The parsed project: of this process or its parent when no file has changed since, else parsed now."""
    fingerprint = _fingerprint(dsn)
    if fingerprint not in _parsed:
        target.mkdir(parents=True, exist_ok=True)
        result = _runner().invoke(["parse", *_common(target)])
        if not result.success:
            _raise(["parse"], [], result.exception)
        _parsed[fingerprint] = result.result
        for oldest in list(_parsed)[:-KEPT_MANIFESTS]:
            del _parsed[oldest]
    return _parsed[fingerprint]


def _runner(manifest: Any = None) -> dbtRunner:
    from dbt.cli.main import dbtRunner

    dbt_changes.apply()
    return dbtRunner(manifest=manifest)


def _fingerprint(dsn: str) -> str:
    """The database (relations carry its name) and name, size and time of every file: cheap to ask before each run."""
    project = project_root() / "dbt_project"
    known = hashlib.sha256(str(psycopg.conninfo.conninfo_to_dict(dsn).get("dbname")).encode())
    for path in sorted(path for path in project.rglob("*") if path.suffix in (".sql", ".yml", ".md")):
        stat = path.stat()
        known.update(f"{path.relative_to(project)}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return known.hexdigest()


def _common(target: Path) -> list[str]:
    project = project_root() / "dbt_project"
    return [
        "--project-dir", str(project),
        "--profiles-dir", str(project),
        "--target-path", str(target),
        "--log-path", str(target / "logs"),
        "--quiet",
        "--no-use-colors",
        "--no-write-json",  # artefacts of every batch would cost more than its models; a failed node is in the error
    ]  # fmt: skip


@contextmanager
def _environment(dsn: str) -> Iterator[None]:
    info = psycopg.conninfo.conninfo_to_dict(dsn)
    values = {
        "SYNCLINE_DBT_HOST": str(info.get("host") or "127.0.0.1"),
        "SYNCLINE_DBT_PORT": str(info.get("port") or 5432),
        "SYNCLINE_DBT_USER": str(info.get("user") or ""),
        "SYNCLINE_DBT_PASSWORD": str(info.get("password") or ""),
        "SYNCLINE_DBT_DATABASE": str(info.get("dbname") or ""),
        "DO_NOT_TRACK": "1",
    }
    before = {name: os.environ.get(name) for name in values}
    limit = sys.getrecursionlimit()
    os.environ.update(values)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _node(item: Any) -> Node:
    meta = getattr(item.node.config, "meta", None) or {}
    return Node(
        str(item.node.name),
        str(item.status),
        float(item.execution_time),
        str(item.message or ""),
        str(meta.get("next_step", "")),
    )


def _raise(arguments: Sequence[str], nodes: list[Node], exception: BaseException | None) -> None:
    bad = [node for node in nodes if node.status in ("error", "fail", "runtime error")]
    # Of several failed nodes the one that lost the warehouse counts: the others may have failed of it.
    bad.sort(key=lambda node: not says_unavailable(node.message))
    text = " ".join((bad[0].message if bad else str(exception or "no result")).split())[:800]
    if says_unavailable(text):
        raise WarehouseUnavailable(
            f"dbt lost the warehouse: {text}",
            next_step="Start Postgres or free its disk; the task is retried, and clearing it is safe.",
            node=bad[0].name if bad else None,
        )
    where = f"{bad[0].name} {bad[0].status}: " if bad else ""
    raise TerminalError(
        f"dbt {arguments[0]} failed: {where}{text}",
        next_step=(bad[0].next_step if bad else "") or "Correct the model or the data it names, then clear the task.",
        node=bad[0].name if bad else None,
    )
