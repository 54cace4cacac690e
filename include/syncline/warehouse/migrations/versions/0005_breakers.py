"""Circuit breakers, unit values, bounds of silence."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
SQL = Path(__file__).parents[1] / "sql" / "0005_breakers.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop table ops.breaker_trips; drop function ops.guard_trip(); drop table ops.source_bounds; "
        "drop view ops.current_items cascade; alter table ops.items drop column unit_value; "
        "create view ops.current_items as select * from ops.items "
        "where version_id = (select max(version_id) from ops.config_versions where kind = 'items'); "
        "grant select on ops.current_items to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader"
    )
