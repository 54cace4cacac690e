"""Which stock a set tells whole."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"
SQL = Path(__file__).parents[1] / "sql" / "0014_edi_snapshots.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("alter table ops.edi_sets drop column snapshot_of")
