"""The history of verdicts that did not fit."""

from pathlib import Path

from alembic import op

revision = "0025"
down_revision = "0024"
SQL = Path(__file__).parents[1] / "sql" / "0025_causes.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("drop table ops.verdict_history")
