"""Run everything in the foreground until Ctrl-C: twin, Airflow, Postgres; prints address and login.

With ``--no-twin`` it works on the everyday databases and on the partners of your ``AIRFLOW_CONN_*``.
"""

from __future__ import annotations

from typing import Annotated

import typer

from syncline.home import state_home

app = typer.Typer()


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Of Airflow's UI; 0 is any free one.", min=0, max=65535)] = 8080,
    twin: Annotated[bool, typer.Option(help="Serve the simulated partners, in databases of their own.")] = True,
    seed: Annotated[int, typer.Option(help="Of the simulated day.")] = 7,
    hours: Annotated[float, typer.Option(help="Virtual hours of business.", min=0.1, max=240)] = 12.0,
    rate: Annotated[float, typer.Option(help="Virtual seconds in a real second.", min=0.1, max=3600)] = 60.0,
) -> None:
    """Run everything in the foreground until Ctrl-C."""
    import time

    from syncline.errors import Interrupted
    from syncline.runtime import partners, world
    from syncline.runtime.credentials import ADMIN

    day = partners.Day(seed=seed, hours=hours, rate=rate) if twin else None
    try:
        with world.running(state_home().resolve(), typer.echo, port=port, day=day) as running:
            installation = running.installation
            typer.echo(f"Airflow:   {installation.address}  login {ADMIN} / {installation.credentials.airflow_admin}")
            typer.echo(f"Warehouse: database {installation.warehouse}; logins in {installation.home}/credentials.json")
            typer.echo("Ctrl-C stops everything.")
            while True:
                running.tend()
                time.sleep(1)
    except Interrupted:
        typer.echo("stopped")
