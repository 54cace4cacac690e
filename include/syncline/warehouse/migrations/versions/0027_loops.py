"""Terms of order lines, and the notices of closed loops."""

from pathlib import Path

from alembic import op

revision = "0027"
down_revision = "0026"
SQL = Path(__file__).parents[1] / "sql" / "0027_loops.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("drop table ops.loop_notices; drop function ops.tell_loop; drop table raw.order_terms")
