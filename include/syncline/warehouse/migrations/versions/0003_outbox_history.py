"""Keep every move of a correction."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
SQL = Path(__file__).parents[1] / "sql" / "0003_outbox_history.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop trigger record_insert on ops.outbox; drop trigger record_move on ops.outbox; "
        "drop function ops.record_outbox_move(); drop table ops.outbox_history"
    )
