"""Seal what happened since the seal before: leaves, root, chain, signature, in one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.audit import merkle
from syncline.audit.statement import GENESIS, Leaf, Seal
from syncline.errors import TerminalError

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.audit.keys import Signer

LOCK = "select pg_advisory_xact_lock(hashtext('syncline audit'))"
TAKE = """with taken as (delete from ops.audit_entries returning entry_no, stream, key, body)
    select stream, key, body::text from taken order by entry_no"""
COPY = "copy ops.audit_leaves (seal_no, leaf_no, stream, key, body, hash) from stdin (format binary)"


@dataclass(frozen=True)
class Sealed:
    """A seal as it stands. ``is_new``: this call made it."""

    seal: Seal
    is_new: bool


def seal_batch(conn: psycopg.Connection, batch_id: int, signer: Signer, at: datetime) -> Sealed:
    """Close the log of a released batch; again is the same seal.

    Args:
        conn: autocommit connection of the publisher.
        at: the instant of the seal, in the product's clock.
    Raises:
        TerminalError: the batch is not released.
    """
    with conn.transaction():
        conn.execute(LOCK)
        if known := _seal_of(conn, batch_id):
            return Sealed(known, is_new=False)
        state = conn.execute("select state from ops.batches where batch_id = %s", [batch_id]).fetchone()
        if state is None or state[0] != "released":
            raise TerminalError(
                f"Batch {batch_id} is not released: there is nothing to close.", next_step="Release it first."
            )
        return Sealed(_write(conn, conn.execute(TAKE).fetchall(), batch_id, signer, at), is_new=True)


def seal_rest(conn: psycopg.Connection, signer: Signer, at: datetime) -> Sealed | None:
    """Seal what happened beside batches (pushes, answers, approvals); None when there is nothing."""
    with conn.transaction():
        conn.execute(LOCK)
        rows = conn.execute(TAKE).fetchall()
        return Sealed(_write(conn, rows, None, signer, at), is_new=True) if rows else None


def _write(
    conn: psycopg.Connection, rows: list[tuple[str, str, str]], batch_id: int | None, signer: Signer, at: datetime
) -> Seal:
    last = last_seal(conn)
    number = last.seal_no + 1 if last else 1
    leaves = [Leaf(number, place, *row) for place, row in enumerate(rows)]
    hashes = [merkle.leaf_hash(leaf.content()) for leaf in leaves]
    seal = Seal(
        seal_no=number,
        batch_id=batch_id,
        sealed_at=at.isoformat(),
        leaves=len(leaves),
        root=merkle.root(hashes).hex(),
        previous=last.hash() if last else GENESIS,
        key_id=signer.key_id,
    )
    conn.execute(
        "insert into ops.audit_keys (key_id, public_key, known_from) values (%s, %s, %s) on conflict do nothing",
        (signer.key_id, signer.public, at),
    )
    statement = seal.statement()
    conn.execute(
        "insert into ops.audit_seals (seal_no, batch_id, sealed_at, leaves, root, previous, key_id, statement, "
        "signature) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            number, batch_id, at, len(leaves), seal.root, seal.previous, seal.key_id, statement.decode(),
            signer.sign(statement),
        ),
    )  # fmt: skip
    with conn.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.set_types(("int8", "int8", "text", "text", "text", "bytea"))
        for leaf, digest in zip(leaves, hashes, strict=True):
            copy.write_row((leaf.seal_no, leaf.leaf_no, leaf.stream, leaf.key, leaf.body, digest))
    return seal


SEAL = "select seal_no, batch_id, statement from ops.audit_seals"


def last_seal(conn: psycopg.Connection) -> Seal | None:
    """The newest seal."""
    row = conn.execute(f"{SEAL} order by seal_no desc limit 1").fetchone()
    return read_seal(row[2]) if row else None


def _seal_of(conn: psycopg.Connection, batch_id: int) -> Seal | None:
    row = conn.execute(f"{SEAL} where batch_id = %s", [batch_id]).fetchone()
    return read_seal(row[2]) if row else None


def read_seal(statement: str) -> Seal:
    """A seal from what was signed."""
    said = json.loads(statement)
    return Seal(**{name: said[name] for name in Seal.__dataclass_fields__})
