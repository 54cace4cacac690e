"""Returns that were authorised, and facts that say that they were counted."""

from pathlib import Path

from alembic import op

revision = "0030"
down_revision = "0029"
SQL = Path(__file__).parents[1] / "sql" / "0030_returns_and_counts.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("alter table raw.facts drop column reason; drop table raw.return_lines")
