"""Limits of a target that all its workers share."""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"
SQL = Path(__file__).parents[1] / "sql" / "0017_governance.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop function ops.take_permit; drop function ops.give_back; "
        "drop table ops.target_permits; drop table ops.target_limits"
    )
