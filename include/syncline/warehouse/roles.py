"""The four roles of the warehouse and their logins. The first migration creates the roles without a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

ROLES = ("loader", "transformer", "publisher", "bi")
# A stuck statement must end before its task does; the reader's dashboards get less than the writers.
STATEMENT_TIMEOUT_S = {"loader": 300, "transformer": 600, "publisher": 300, "bi": 60}
# Whole cells are sorted and hashed: the server's 32 MB would spill a rebuild to disk.
WORK_MEM = "128MB"


def role_name(role: str) -> str:
    """``loader`` -> ``syncline_loader``."""
    return f"syncline_{role}"


def give_logins(owner: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """Let every role of ``passwords`` (role -> password) log in. Idempotent; needs a migrated database.

    The server receives a SCRAM verifier, never the password, so no server log can hold it.
    """
    for role, password in passwords.items():
        name = sql.Identifier(role_name(role))
        verifier = owner.pgconn.encrypt_password(password.encode(), role_name(role).encode(), b"scram-sha-256").decode()
        timeout = f"{STATEMENT_TIMEOUT_S[role]}s"
        with owner.transaction():
            # Roles belong to the whole server: two set-ups at once would meet in the same catalogue row.
            owner.execute("select pg_advisory_xact_lock(7240002)")
            owner.execute(sql.SQL("alter role {} login password {}").format(name, sql.Literal(verifier)))
            owner.execute(sql.SQL("alter role {} set statement_timeout = {}").format(name, sql.Literal(timeout)))
            if role == "transformer":
                owner.execute(sql.SQL("alter role {} set work_mem = {}").format(name, sql.Literal(WORK_MEM)))
            if role == "bi":
                owner.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(name))
