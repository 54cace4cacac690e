"""Keep back the corrections of single keys until an instant."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
SQL = Path(__file__).parents[1] / "sql" / "0007_key_holds.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("drop view ops.current_key_holds; drop table ops.key_holds")
