"""The Postgres warehouse: embedded server, roles, connections, migrations."""
