"""Compensations by rule, and decisions that are taken back."""

from pathlib import Path

from alembic import op

revision = "0029"
down_revision = "0028"
SQL = Path(__file__).parents[1] / "sql" / "0029_compensation.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    """Decisions that were withdrawn hold again: they are refused where there are any."""
    op.execute(
        "do $$ begin if exists (select from ops.decisions where kind = 'withdraw') then "
        "raise exception 'decisions were withdrawn: before 0029 nothing can say so'; end if; end $$; "
        "drop table ops.compensation_changes, ops.compensations, ops.compensation_moves; "
        "drop function ops.guard_compensation; drop function ops.record_compensation; "
        "drop view ops.current_compensation_rules; drop table ops.compensation_rules; "
        "drop view ops.current_decisions cascade; "
        "alter table ops.decisions drop constraint withdrawn_by_its_kind, drop constraint decisions_kind_check; "
        "alter table ops.decisions drop column withdraws, add constraint decisions_kind_check "
        "check (kind in ('keep', 'write_off', 'accept')); "
        "create view ops.current_decisions as select d.*, b.batch_id from ops.decisions d "
        "join ops.batch_decisions b using (decision_id); "
        "grant select on ops.current_decisions to syncline_transformer, syncline_publisher, syncline_bi"
    )
