"""Documents of tries, and numbers that are read by key."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"
SQL = Path(__file__).parents[1] / "sql" / "0015_push.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    before = SQL.with_name("0002_outbox_states.sql").read_text()
    guard = before[before.index("create function ops.guard_outbox") : before.index("create trigger guard")]
    op.get_bind().exec_driver_sql(guard.replace("create function", "create or replace function").replace("%", "%%"))
    op.execute(
        "delete from ops.outbox_moves where (from_state, to_state) = ('pending', 'unknown'); "
        "alter table ops.outbox_moves add column untried boolean not null default false; "
        "update ops.outbox_moves set untried = tried = 'never'; alter table ops.outbox_moves drop column tried; "
        "alter table ops.target_readings drop column unexplained; drop table ops.target_keys; "
        "alter table ops.outbox drop column document_id; alter table ops.push_attempts drop column job; "
        "alter table ops.push_attempts drop column document_id; drop table ops.push_documents"
    )
