"""The audit log: export a day, verify it anywhere, prove one row."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncline.home import state_home

if TYPE_CHECKING:
    from syncline.audit.keys import Signer
    from syncline.audit.verify import Verified

app = typer.Typer(no_args_is_help=True, help=__doc__)
AsJson = Annotated[bool, typer.Option("--json", help="For a program.")]
Anchor = Annotated[Path | None, typer.Option(help="A file of anchors, kept outside: trust begins there.")]


@app.command("export")
def export_log(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only the seals of this day, UTC.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write seals and leaves as files that need no database to be checked.

    Example: syncline audit export audit-2026-11-02 --day 2026-11-02
    """
    from syncline.audit.export import export
    from syncline.cli._warehouse import warehouse

    with warehouse("bi") as conn:
        done = export(conn, folder, day.date() if day else None)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    span = f"seals {done.first} to {done.last}" if done.seals else "no seal"
    typer.echo(f"{span}, {done.leaves} rows; {done.unsealed} rows wait for a seal.")


@app.command("verify")
def verify_export(
    folder: Annotated[Path, typer.Argument(help="What `export` wrote.")], anchor: Anchor = None, as_json: AsJson = False
) -> None:
    """Check an export without a database; exit 1 when anything was changed, with file and line.

    Example: syncline audit verify audit-2026-11-02 --anchor anchors.jsonl
    """
    from syncline.audit.verify import verify

    done = verify(folder, anchor)
    if as_json:
        typer.echo(json.dumps({**asdict(done), "is_sound": done.is_sound}))
    else:
        _tell(done, folder)
    if not done.is_sound:
        raise typer.Exit(1)


def _tell(done: Verified, folder: Path) -> None:
    for finding in done.findings[:50]:
        typer.echo(f"{folder / finding.place}: {finding.what}")
    if len(done.findings) > 50:
        typer.echo(f"… and {len(done.findings) - 50} more (--json has them)")
    if done.is_sound:
        typer.echo(f"Seals {done.first} to {done.last}: {done.leaves} rows are as they were sealed.")
    typer.echo(f"Signed by {', '.join(done.keys) or 'nobody'}.")
    if done.anchored is None:
        typer.echo("No anchor covers it: who holds the keys could have made all of it anew. Give --anchor.")
    else:
        typer.echo(f"The anchor covers everything up to seal {done.anchored}.")
    if done.anchored is not None and done.last is not None and done.anchored < done.last:
        typer.echo(f"Seals {done.anchored + 1} to {done.last} are signed, and newer than the anchor.")
    if done.unsealed:
        typer.echo(f"{done.unsealed} rows were not sealed yet: nothing vouches for them.")


@app.command("prove")
def prove_row(
    stream: Annotated[str, typer.Argument(help="dispositions, outbox_history, push_attempts, decisions …")],
    key: Annotated[str, typer.Argument(help="The row's key, e.g. a fact id.")],
    as_json: AsJson = False,
) -> None:
    """Prove one row: the hashes from its leaf to a signed root. Keep the JSON; `check` takes it anywhere.

    Example: syncline audit prove decisions dec-17 --json > proof.json
    """
    from syncline.audit.prove import check_proof, prove
    from syncline.cli._warehouse import warehouse

    with warehouse("bi") as conn:
        proofs = prove(conn, stream, key)
    if as_json:
        typer.echo(json.dumps(proofs, indent=1))
        return
    for proof in proofs:
        proven = check_proof(proof)
        typer.echo(
            f"seal {proven.leaf.seal_no}, leaf {proven.leaf.leaf_no}, {proven.hashes} hashes, {proven.sealed_at}"
        )
        typer.echo(f"  {proven.leaf.body}")


@app.command("check")
def check_proofs(
    file: Annotated[Path, typer.Argument(help="What `prove --json` printed.")], anchor: Anchor = None
) -> None:
    """Check a proof without a database; exit 1 when it does not hold."""
    from syncline.audit.prove import check_proof, read_proofs
    from syncline.errors import TerminalError

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise TerminalError(f"{file} cannot be read.", next_step="Name a file that `prove --json` wrote.") from None
    for proof in read_proofs(text):
        proven = check_proof(proof, anchor)
        where = "anchored" if proven.is_anchored else f"signed by {proven.key_id}, not by an anchor"
        typer.echo(f"{proven.leaf.stream} {proven.leaf.key}: as sealed at {proven.sealed_at} ({where})")


@app.command("seal")
def seal_now() -> None:
    """Seal what happened beside batches, and write the newest seal outside; what the DAG `audit` does every minute."""
    from syncline.audit.keeping import keep
    from syncline.cli._warehouse import warehouse
    from syncline.clock import clock_from_env
    from syncline.connections import connection

    with warehouse("publisher") as conn:
        kept = keep(conn, _signer(), clock_from_env().now(), connection, state_home().resolve())
    typer.echo(f"sealed {kept.leaves} rows; newest seal {kept.seal_no or 'none'}; written to {kept.sink}")


@app.command("key")
def show_key() -> None:
    """Print the public key that signs now; keep it with the anchors."""
    import base64

    signer = _signer()
    typer.echo(f"{signer.key_id} {base64.b64encode(signer.public).decode()}")


def _signer() -> Signer:
    from syncline.audit.keeping import signer_from
    from syncline.connections import connection

    return signer_from(connection, state_home().resolve())
