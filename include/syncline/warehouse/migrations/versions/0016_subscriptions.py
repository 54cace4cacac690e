"""Subscriptions, traits of targets, and the fact that a correction follows."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"
SQL = Path(__file__).parents[1] / "sql" / "0016_subscriptions.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "alter table ops.correction_queue drop column seen_by; "
        "drop trigger guard_fact on ops.outbox; drop function ops.guard_outbox_fact; "
        "drop trigger confirm_books on ops.outbox; drop function ops.confirm_books; "
        "alter table ops.outbox drop constraint books_follow_the_floor; "
        "alter table ops.outbox drop column correlation_id; "
        "alter table ops.outbox drop column fact_id; alter table ops.outbox drop column event; "
        "drop table ops.target_traits; drop view ops.current_subscriptions; drop table ops.subscriptions"
    )
