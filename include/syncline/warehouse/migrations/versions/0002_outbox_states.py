"""Enforce the states of a correction in the database."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
SQL = Path(__file__).parents[1] / "sql" / "0002_outbox_states.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("drop trigger guard on ops.outbox; drop function ops.guard_outbox(); drop table ops.outbox_moves")
