"""Events, who subscribes to them, and their deliveries."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0015"
FOLDER = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for name in ("0020_subscriptions.sql", "0020_notices.sql"):
        op.get_bind().exec_driver_sql((FOLDER / name).read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop table ops.deliveries; drop table ops.subscriber_cursors; drop function ops.guard_delivery; "
        "drop trigger tell on ops.outbox_history; drop function ops.tell_correction; "
        "drop trigger tell on ops.breaker_trips; drop function ops.tell_trip; "
        "drop trigger tell on ops.exceptions; drop function ops.tell_exception; "
        "drop function ops.add_event; drop function ops.number_events; "
        "drop table ops.event_positions; drop table ops.unnumbered_events; drop table ops.events; "
        "drop table ops.current_subscriptions"
    )
