"""Let cells begin at a checkpoint."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
SQL = Path(__file__).parents[1] / "sql" / "0006_checkpoints.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("alter table ops.current_batch drop column checkpoint_facts")
