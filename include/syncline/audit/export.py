"""A stretch of the audit log as files that need no database to be checked.

| file | holds |
|---|---|
| ``seals.jsonl`` | every seal in order: statement, signature, public key |
| ``leaves.jsonl`` | every leaf in order: seal, place, stream, key, row, hash |
| ``unsealed.jsonl`` | what no seal covers yet: nothing vouches for it |

The same stretch of the same log gives the same bytes in the first two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncline.audit.anchor import seal_line
from syncline.audit.statement import canonical
from syncline.errors import TerminalError

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    import psycopg

SEALS, LEAVES, UNSEALED = "seals.jsonl", "leaves.jsonl", "unsealed.jsonl"
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Exported:
    """``first`` and ``last``: numbers of seals, None when the stretch has none."""

    seals: int
    leaves: int
    unsealed: int
    first: int | None
    last: int | None


def export(conn: psycopg.Connection, folder: Path, day: date | None = None) -> Exported:
    """Write the log, or the seals of one UTC day of the product's clock, into an empty ``folder``.

    Raises:
        TerminalError: the folder has files; an export never writes over another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise TerminalError(f"{folder} is not empty.", next_step="Name a new folder.")
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        where = "" if day is None else "where (s.sealed_at at time zone 'UTC')::date = %(day)s"
        numbers = _write_seals(conn, folder, where, {"day": day})
        leaves = _write(
            conn, folder / LEAVES,
            "select l.seal_no, l.leaf_no, l.stream, l.key, l.body, encode(l.hash, 'hex') "
            f"from ops.audit_leaves l join ops.audit_seals s using (seal_no) {where} order by l.seal_no, l.leaf_no",
            {"day": day},
        )  # fmt: skip
        unsealed = _write(
            conn, folder / UNSEALED,
            "select 0, entry_no, stream, key, body::text, '' from ops.audit_entries order by entry_no", {},
        )  # fmt: skip
    return Exported(len(numbers), leaves, unsealed, *((numbers[0], numbers[-1]) if numbers else (None, None)))


def leaf_line(seal_no: int, leaf_no: int, stream: str, key: str, body: str, digest: str) -> str:
    """One line of ``leaves.jsonl``."""
    said = {"seal": seal_no, "leaf": leaf_no, "stream": stream, "key": key, "body": body, "hash": digest}
    return canonical(said) + "\n"


def _write_seals(conn: psycopg.Connection, folder: Path, where: str, values: dict[str, Any]) -> list[int]:
    rows = conn.execute(
        "select s.seal_no, s.statement, s.signature, k.public_key from ops.audit_seals s "
        f"join ops.audit_keys k using (key_id) {where} order by s.seal_no".encode(),
        values,
    ).fetchall()
    text = "".join(seal_line(*row[1:]) for row in rows)
    (folder / SEALS).write_text(text, encoding="utf-8")
    return [row[0] for row in rows]


def _write(conn: psycopg.Connection, path: Path, query: str, values: dict[str, Any]) -> int:
    count = 0
    with conn.cursor(name="audit_export") as cursor, path.open("w", encoding="utf-8") as file:
        cursor.itersize = ROWS_AT_ONCE
        for row in cursor.execute(query.encode(), values):
            file.write(leaf_line(*row))
            count += 1
    return count
