"""The register of EDI: what came in, what is sent, and what partners say of it."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
SQL = Path(__file__).parents[1] / "sql" / "0013_edi.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(SQL.read_text().replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        "drop table ops.edi_acknowledgments; drop table ops.edi_outbound; drop table ops.edi_controls; "
        "drop function ops.guard_edi_outbound(); drop function ops.guard_edi_control(); "
        "drop table ops.edi_sets; drop table ops.edi_interchanges; drop table ops.edi_moves; "
        "drop sequence ops.edi_set_ids; drop sequence ops.edi_interchange_ids; "
        "drop function ops.guard_edi_interchange()"
    )
