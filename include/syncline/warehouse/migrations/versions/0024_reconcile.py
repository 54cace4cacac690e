"""Full states, runs of the reconciliation, tolerances of a variance."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"
SQL = Path(__file__).parents[1] / "sql" / "0024_reconcile.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    # The wider partition function stays harmless only with its table: it goes back to what 0001 made of it.
    body = "select pg_get_functiondef('raw.ensure_partitions(date)'::regprocedure)"
    definition = op.get_bind().exec_driver_sql(body).scalar_one().replace(", 'snapshot_lines']", "]")
    op.get_bind().exec_driver_sql(definition.replace("%", "%%"))
    op.execute(
        "alter table ops.breaker_trips drop constraint batch_of_a_trip; "
        "alter table ops.breaker_trips add constraint breaker_trips_check3 "
        "check (rule = 'silent_source' or batch_id is not null) not valid; "
        "alter table ops.breaker_trips drop constraint breaker_trips_rule_check; "
        "alter table ops.breaker_trips add constraint breaker_trips_rule_check check (rule in "
        "('keys', 'units', 'value', 'mass_zero', 'snapshot_zero', 'silent_source')) not valid; "
        "drop table ops.reconciliation_rows, ops.reconciliations; "
        "drop function ops.is_within, ops.variance_rule; "
        "drop view ops.current_variance_tolerances, ops.current_channel_criticality; "
        "drop table ops.variance_tolerances, ops.channel_criticality; "
        "drop table raw.snapshot_lines, raw.snapshots"
    )
