"""Create what everything else needs: embedded Postgres, databases, migrations, roles, Airflow's metadata.

Idempotent. Leaves no process behind: the embedded server is stopped again unless it was running before.
"""

from __future__ import annotations

import typer

from syncline.home import state_home

app = typer.Typer()


@app.command()
def setup() -> None:
    """Create what everything else needs; safe to repeat."""
    from syncline.runtime.installation import prepare

    prepare(state_home().resolve(), lambda line: typer.echo(f"  {line}"))
