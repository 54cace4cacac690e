"""Stop what runs in this state home, also what a killed run left behind."""

from __future__ import annotations

import typer

from syncline.home import state_home

app = typer.Typer()
PATIENCE_S = 60.0


@app.command()
def down() -> None:
    """Stop everything; safe to repeat."""
    import os
    import signal
    import time

    from syncline.errors import SynclineError
    from syncline.runtime import processes
    from syncline.warehouse import embedded

    home = state_home().resolve()
    pid = processes.holder(home)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + PATIENCE_S
        while processes.holder(home) is not None:
            if time.monotonic() > end:
                raise SynclineError(f"Process {pid} does not stop.", next_step=f"kill -9 {pid}, then `syncline down`.")
            time.sleep(0.2)
    stopped = processes.stop_leftovers(home)
    if embedded.stop(home):
        stopped.append("postgres")
    typer.echo("stopped: " + ", ".join(stopped) if stopped or pid is None else f"stopped: run {pid}")
