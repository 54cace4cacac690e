"""Human decisions, and items that are sold no more."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
SQL = Path(__file__).parents[1] / "sql" / "0009_decisions.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    # Views cannot lose a column: they are made anew.
    for table, column in (("items", "discontinued_from"), ("channel_rules", "discontinued")):
        op.execute(f"drop view ops.current_{table}")
        op.execute(f"alter table ops.{table} drop column {column}")
        op.execute(
            f"create view ops.current_{table} as select * from ops.{table} where version_id = "
            f"(select max(version_id) from ops.config_versions where kind = '{table}')"
        )
        op.execute(
            f"grant select on ops.current_{table} "
            "to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader"
        )
    op.execute("drop view ops.current_speakers, ops.current_decisions; drop table ops.batch_decisions, ops.decisions")
