"""List, check and pull the sources of the registry."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from syncline.registry import load_registry

if TYPE_CHECKING:
    import psycopg

    from syncline.registry import Source

app = typer.Typer(no_args_is_help=True, help="List, check and pull the sources of the registry.")


@app.command("list")
def list_sources() -> None:
    """Every source of the registry with its kind and rhythm."""
    table = Table("source", "kind", "connection", "site or inbox", "every", "state")
    for source in load_registry().sources:
        place = source.site or source.file_rules.inbox
        state = "on" if source.enabled else "off"
        table.add_row(source.name, source.kind, source.conn_id, place, f"{source.poll_every_s} s", state)
    Console().print(table)


@app.command("pools")
def list_pools() -> None:
    """The pools of the DAGs as JSON, for `airflow pools import` of an Airflow that `syncline up` does not run."""
    from dataclasses import asdict

    from syncline.registry import pools

    needed = {name: {**asdict(pool), "include_deferred": False} for name, pool in pools(load_registry()).items()}
    typer.echo(json.dumps(needed, indent=2))


@app.command()
def check(name: Annotated[str | None, typer.Argument(help="One source; left out: all enabled ones.")] = None) -> None:
    """Reach each source with its connection and read one page or one listing; nothing is landed."""
    from syncline.errors import SynclineError

    registry = load_registry()
    failed = False
    for source in [registry.source(name)] if name else [source for source in registry.sources if source.enabled]:
        try:
            told = _look(source)
        except SynclineError as error:
            failed = True
            told = f"FAILED: {error}"
        typer.echo(f"{source.name}: {told}")
    if failed:
        raise typer.Exit(1)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="Name of the source in the registry.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    since: Annotated[datetime | None, typer.Option(help="An API: read again from this instant (UTC) on.")] = None,
) -> None:
    """Pull one source once, as its DAG does."""
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env

    source = load_registry().source(name)
    with warehouse("loader") as conn:
        summary = _pull(conn, source, clock_from_env().now(), since and since.replace(tzinfo=since.tzinfo or UTC))
    if as_json:
        typer.echo(json.dumps(summary))
        return
    load = f"load {summary['load_id']}" if summary["load_id"] is not None else "nothing new"
    typer.echo(
        f"{name}: {load}; {summary['facts']} facts, {summary['faults']} faults, {summary['documents']} documents,"
        f" {summary['known']} known already{'' if summary['is_complete'] else '; more is waiting'}"
    )


def _pull(conn: psycopg.Connection, source: Source, now: datetime, since: datetime | None) -> dict[str, Any]:
    from syncline.connections import connection
    from syncline.errors import ConfigurationError

    if source.kind == "wms_api":
        from syncline.sources import wms_api

        with wms_api.open_client(connection(source.conn_id), source) as client:
            return wms_api.pull(conn, client, source, now, since=since).as_json()
    if since is not None:
        raise ConfigurationError(
            f"{source.name} is no API of events: it has no instant to begin at.",
            next_step="Leave out --since; files are read again from its inbox, orders are told by position.",
        )
    if source.kind == "erp_orders":
        from syncline.sources import erp_orders

        with erp_orders.open_client(connection(source.conn_id), source) as orders:
            return erp_orders.pull(conn, orders, source, now).as_json()
    from syncline.sources import sftp_edi
    from syncline.sources.sftp_edi.client import open_sftp

    opened = open_sftp(connection(source.conn_id), source.timeout_s)
    with sftp_edi.partner_slot(conn, source), opened as sftp:
        return sftp_edi.pull(conn, sftp, source, now, server_now_s=time.time()).as_json()


def _look(source: Source) -> str:
    from syncline.connections import connection

    with ExitStack() as stack:
        if source.kind == "wms_api":
            from syncline.sources import wms_api
            from syncline.sources.wms_api.mapping import Key

            client = stack.enter_context(wms_api.open_client(connection(source.conn_id), source))
            records = client.page(Key(datetime(1970, 1, 1, tzinfo=UTC), "")).records
            more = ", more behind" if records.has_more else ""
            return f"answers; {len(records.events)} events on the first page{more}"
        if source.kind == "erp_orders":
            from syncline.sources import erp_orders

            page = stack.enter_context(erp_orders.open_client(connection(source.conn_id), source)).page(0)
            return f"answers; {len(page.lines)} order lines on the first page{', more behind' * page.has_more}"
        from syncline.sources.sftp_edi.client import open_sftp
        from syncline.sources.sftp_edi.folders import Folders

        sftp = stack.enter_context(open_sftp(connection(source.conn_id), source.timeout_s))
        return f"answers; {len(Folders(sftp, source).inbox().entries)} files wait in {source.file_rules.inbox}"
