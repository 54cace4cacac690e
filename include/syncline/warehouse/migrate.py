"""Bring a warehouse database to the newest schema."""

from __future__ import annotations

from pathlib import Path


def migrate(owner_dsn: str) -> str:
    """Run all migrations on the database of ``owner_dsn``; return the revision it stands at. Idempotent."""
    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    engine = sa.create_engine(owner_dsn.replace("postgresql://", "postgresql+psycopg2://", 1), poolclass=sa.NullPool)
    with engine.begin() as connection:
        # Two set-ups at once: the second waits and finds nothing to do. The roles are shared by the whole server.
        connection.exec_driver_sql("select pg_advisory_xact_lock(7240001)")
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return (
            MigrationContext.configure(
                connection, opts={"version_table": "alembic_version", "version_table_schema": "public"}
            ).get_current_revision()
            or ""
        )
