"""Readings of a document beside its first one."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
SQL = Path(__file__).parents[1] / "sql" / "0008_readings.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop view ops.released_readings; drop table ops.readings; alter table ops.redrives drop column is_switched"
    )
