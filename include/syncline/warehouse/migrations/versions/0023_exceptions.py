"""The exceptions desk: owners, states, every change, and what an exception is about."""

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = "0022"
SQL = Path(__file__).parents[1] / "sql" / "0023_exceptions.sql"
NOTICES = Path(__file__).parents[1] / "sql" / "0020_notices.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    """What was acknowledged, snoozed or reopened is open again."""
    said = NOTICES.read_text()
    begin, end = said.index("create function ops.tell_exception"), said.index("-- How far a subscriber is.")
    op.execute(
        "drop view if exists marts.fct_exceptions; "
        "drop trigger tell on ops.exception_changes; drop function ops.tell_exception; "
        "drop function ops.open_exception; drop function ops.change_exception; drop function ops.exception_rule; "
        "drop function ops.exception_owner; drop trigger guard on ops.exceptions; "
        "drop trigger no_delete on ops.exceptions; drop function ops.guard_exception; "
        "drop table ops.exception_evidence, ops.exception_changes, ops.exception_moves; "
        "alter table ops.exceptions drop constraint resolved_has_its_instant, "
        "drop constraint snoozed_has_its_end; "
        "alter table ops.exceptions drop constraint exceptions_state_check; drop index ops.one_open_exception; "
        "update ops.exceptions set state = 'open' where state in ('acknowledged', 'snoozed', 'reopened'); "
        "drop index ops.latest_exception; drop index ops.exceptions_of_a_key; drop index ops.snoozed_exceptions; "
        "alter table ops.exceptions drop column version, drop column source, drop column target, drop column item, "
        "drop column location, drop column measure, drop column lot, drop column team, drop column owner, "
        "drop column channel, drop column severity, drop column action, drop column due_at, drop column period_s, "
        "drop column reopened_at, drop column snoozed_until, drop column resolution, drop column asked, "
        "drop column impact_units, drop column impact_minor, drop column orders; "
        "alter table ops.exceptions add constraint exceptions_state_check check (state in ('open', 'resolved')); "
        "create unique index one_open_exception on ops.exceptions (rule, subject) where state = 'open'; "
        "grant insert, update on ops.exceptions to syncline_loader, syncline_transformer, syncline_publisher; "
        "drop view ops.current_exception_rules, ops.current_owners; drop table ops.exception_rules, ops.owners; "
        "create trigger audit after insert or update on ops.exceptions for each row "
        "execute function ops.audit_row('exception_id')"
    )
    op.get_bind().exec_driver_sql(said[begin:end].replace("%", "%%"))
