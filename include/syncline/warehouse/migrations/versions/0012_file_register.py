"""Files read where they lie, and indexes for what every poll asks of the register."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
SQL = Path(__file__).parents[1] / "sql" / "0012_file_register.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop index ops.files_taken; drop index ops.files_unfinished; drop index ops.files_untouched; "
        "update ops.files set state = 'archived' where state = 'read'; "
        "alter table ops.files drop constraint files_state_check; "
        "alter table ops.files add constraint files_state_check "
        "check (state in ('seen', 'claimed', 'landed', 'archived', 'refused'))"
    )
