"""A target's own names of items and locations, and requests kept with their latency."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"
SQL = Path(__file__).parents[1] / "sql" / "0021_references.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "alter table ops.push_attempts drop column latency_ms; alter table ops.push_documents drop column request; "
        "drop table ops.push_lines, ops.void_readings, ops.target_names; "
        "drop view ops.current_target_items, ops.current_target_locations; "
        "drop table ops.target_items, ops.target_locations"
    )
