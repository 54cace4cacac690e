"""Full states with their lines, and the runs that reconcile by them."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0021"
FOLDER = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql((FOLDER / "0024_reconcile.sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    before = (FOLDER / "0001_raw.sql").read_text()
    begin = before.index("create function raw.ensure_partitions")
    function = before[begin : before.index("end $$;", begin) + len("end $$;")]
    op.get_bind().exec_driver_sql(function.replace("create function", "create or replace function").replace("%", "%%"))
    op.execute("drop table ops.reconciliations; drop table raw.snapshot_lines; drop table raw.snapshots")
