"""First shape: roles, raw (insert-only, by day), ops (batches, configuration, outbox)."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for part in ("roles", "raw", "ops"):
        # exec_driver_sql: the scripts hold colons and percent signs that are not parameters.
        op.get_bind().exec_driver_sql((SQL / f"0001_{part}.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    raise RuntimeError("raw is evidence: the first migration is not reversible; drop the database instead")
