"""Drop everything derived and derive it again from raw and ops; prints the hashes before and after."""

from __future__ import annotations

import typer

app = typer.Typer(help=__doc__)


@app.command()
def rebuild() -> None:
    """Rebuild staging, intermediate, canonical and marts; exit 1 when a hash differs."""
    from syncline.cli._warehouse import warehouse, warehouse_dsn
    from syncline.resolve import rebuild as rebuild_all
    from syncline.resolve.hashes import derived_hashes

    with warehouse_dsn("transformer") as dsn, warehouse("transformer") as conn:
        before = derived_hashes(conn)
        built = rebuild_all(conn, dsn)
        if built is None:
            typer.echo("Nothing was ever resolved.")
            return
        after = derived_hashes(conn)
    for table, digest in after.items():
        same = before.get(table) in (None, digest)
        typer.echo(f"{'same  ' if same else 'DIFFERS'} {digest[:16]} {table}")
    typer.echo(f"{built.nodes} nodes in {built.seconds} s")
    if any(before.get(table) not in (None, digest) for table, digest in after.items()):
        raise typer.Exit(1)
