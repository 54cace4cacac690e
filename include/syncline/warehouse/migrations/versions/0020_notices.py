"""Events and their deliveries to subscribers."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"
SQL = Path(__file__).parents[1] / "sql" / "0020_notices.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop table ops.deliveries; drop table ops.subscriber_cursors; drop function ops.guard_delivery; "
        "drop trigger tell on ops.outbox_history; drop function ops.tell_correction; "
        "drop trigger tell on ops.breaker_trips; drop function ops.tell_trip; "
        "drop trigger tell on ops.exceptions; drop function ops.tell_exception; "
        "drop function ops.add_event; drop function ops.number_events; "
        "drop table ops.event_positions; drop table ops.unnumbered_events; drop table ops.events"
    )
