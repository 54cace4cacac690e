"""Gaps of sequences, balances after an event, and causes that wait before they are an exception."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
SQL = Path(__file__).parents[1] / "sql" / "0011_sequences.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "alter table ops.current_batch drop column checked_version; drop table ops.suspicions; "
        "drop table ops.sequence_gaps; drop table ops.sequences; "
        "drop view ops.current_sources cascade; alter table ops.sources drop column hold_s, drop column sequence; "
        "create view ops.current_sources as select * from ops.sources "
        "where version_id = (select max(version_id) from ops.config_versions where kind = 'sources'); "
        "grant select on ops.current_sources "
        "to syncline_transformer, syncline_publisher, syncline_bi, syncline_loader; "
        "alter table raw.facts drop column balance_after cascade"
    )
