"""Facts that name a release, an owner, a due time or their document; grains of serials and owners."""

from pathlib import Path

from alembic import op

revision = "0026"
down_revision = "0025"
SQL = Path(__file__).parents[1] / "sql" / "0026_facts_say_more.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "alter table ops.ownership_rules drop constraint ownership_rules_grain_check; "
        "alter table ops.ownership_rules add constraint ownership_rules_grain_check check (grain in ('item', 'lot')); "
        "alter table raw.facts drop column serves, drop column is_final, drop column due, drop column owner, "
        "drop column snapshot_id; alter table raw.snapshots drop column document_key, drop column revision"
    )
