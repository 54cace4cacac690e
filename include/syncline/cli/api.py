"""The API: serve it beside Airflow, make keys for it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, invoke_without_command=True)


@app.callback()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8090,
) -> None:
    """Serve the API. Keys and warehouse are read from AIRFLOW_CONN_SYNCLINE_API and AIRFLOW_CONN_WAREHOUSE_*.

    Example: syncline api --port 8090
    """
    if context.invoked_subcommand is not None:
        return
    import uvicorn

    from syncline.api.serving import configured_app, configured_keys

    keys = configured_keys()
    typer.echo(f"http://{host}:{port}/v1/exceptions, {len(keys)} keys; Ctrl-C ends it.")
    uvicorn.run(configured_app(), host=host, port=port, log_level="warning", access_log=False, server_header=False)


@app.command()
def key(
    name: Annotated[str, typer.Option(help="Who gets it: letters, digits, dots, dashes.")],
    scope: Annotated[list[str], typer.Option(help="exceptions:read, exceptions:work, exceptions:decide; repeatable.")],
) -> None:
    """Make a key. Its text is shown once; what the connection holds is a hash of it.

    Example: syncline api key --name helpdesk --scope exceptions:read --scope exceptions:work
    """
    from syncline.api.keys import declared, keys_of, new_key
    from syncline.connections import Connection

    text, digest = new_key()
    said = declared(name, digest, scope)
    keys_of(Connection("syncline_api", "http", extra={"keys": [said]}))  # as it is read back, or refused
    typer.echo(f"The key, for {name} only: {text}")
    typer.echo("Add to `keys` in the extra of AIRFLOW_CONN_SYNCLINE_API:")
    typer.echo(json.dumps(said))
