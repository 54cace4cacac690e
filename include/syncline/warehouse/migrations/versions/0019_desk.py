"""Questions about held corrections, and re-driven dead letters."""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"
SQL = Path(__file__).parents[1] / "sql" / "0019_desk.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop table ops.outbox_redrives; drop table ops.hold_question_lines; drop table ops.hold_questions; "
        "drop function ops.guard_question"
    )
