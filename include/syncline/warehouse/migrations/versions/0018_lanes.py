"""Which correction goes first, and indexes for claims that cost the same however many wait."""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"
SQL = Path(__file__).parents[1] / "sql" / "0018_lanes.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop index ops.outbox_due, ops.outbox_again, ops.outbox_under_way, ops.outbox_waiting, ops.outbox_closed; "
        "drop trigger rank on ops.outbox; drop trigger keep_rank on ops.outbox; drop function ops.rank_outbox(); "
        "alter table ops.outbox drop column priority; alter table ops.outbox drop column send_by"
    )
