"""The audit log: entries, leaves, signed seals and where they were anchored."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"
SQL = Path(__file__).parents[1] / "sql" / "0022_audit.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "do $$ declare t text; begin foreach t in array array['outbox_history', 'decisions', 'config_versions', "
        "'key_holds', 'outbox_redrives', 'push_attempts', 'hold_questions', 'breaker_trips', 'exceptions'] loop "
        "execute format('drop trigger audit on ops.%I', t); end loop; end $$; "
        "drop function ops.audit_row(); "
        "drop table ops.audit_anchors, ops.audit_leaves, ops.audit_seals, ops.audit_keys, ops.audit_entries"
    )
