"""What refuses update and delete refuses truncate too."""

from pathlib import Path

from alembic import op

revision = "0031"
down_revision = "0030"
SQL = Path(__file__).parents[1] / "sql" / "0031_no_truncate.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    text = SQL.read_text()
    undone = text[text.index("do $$") : text.index("end $$;") + len("end $$;")].replace(
        "create trigger no_truncate before truncate on ops.%I execute function raw.refuse_change()",
        "drop trigger no_truncate on ops.%I",
    )
    op.get_bind().exec_driver_sql(undone.replace("%", "%%"))
    op.execute("drop trigger no_delete on ops.push_attempts; drop trigger no_delete on ops.outbox")
