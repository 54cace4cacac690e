"""What each release published, and with which configuration."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
SQL = Path(__file__).parents[1] / "sql" / "0010_published.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("drop table ops.published_balances; alter table ops.batches drop column config_version")
