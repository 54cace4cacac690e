"""A correction may follow what a proven document says by its silence."""

from pathlib import Path

from alembic import op

revision = "0028"
down_revision = "0027"
SQL = Path(__file__).parents[1] / "sql" / "0028_absence_confirms.sql"
BEFORE = Path(__file__).parents[1] / "sql" / "0016_subscriptions.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    text = BEFORE.read_text()
    begin = text.index("create function ops.confirm_books()")
    function = text[begin : text.index("end $$;", begin) + len("end $$;")]
    op.get_bind().exec_driver_sql(function.replace("create function", "create or replace function").replace("%", "%%"))
