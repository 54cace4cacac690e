"""Look facts up by a hash of their id."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
SQL = Path(__file__).parents[1] / "sql" / "0004_fact_lookup.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute("drop index raw.facts_fact_id_idx; create index facts_fact_id_idx on raw.facts (fact_id)")
