"""The steps of a run, as the DAG and the command line take them. Each may be taken again at any moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncline.errors import (
    ConfigurationError,
    PartnerContractBroken,
    RetryableError,
    SynclineError,
    WarehouseUnavailable,
)
from syncline.exceptions import open_exception
from syncline.reconcile import runs
from syncline.reconcile.books import Books, books_of, chosen
from syncline.reconcile.client import open_client
from syncline.reconcile.comparing import Compared, compare
from syncline.reconcile.promoting import Flood, Promoted, promote
from syncline.reconcile.pulling import RULE, Pulled, pull
from syncline.targets.governance.shared import SharedGovernor

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from syncline.clock import Clock
    from syncline.connections import Connection
    from syncline.reconcile.client import BalancesClient
    from syncline.registry import Registry


@dataclass(frozen=True)
class Surroundings:
    """What a step needs from outside. ``warehouse(role)`` opens a connection; ``worker`` names who asks a target."""

    registry: Registry
    clock: Clock
    warehouse: Callable[[str], AbstractContextManager[psycopg.Connection]]
    connection: Callable[[str], Connection]
    worker: str


def plan_runs(conn: psycopg.Connection, location: str | None, asked_by: str, now: datetime) -> list[runs.Run]:
    """The runs that ``asked_by`` asks for, by location; begun already when it asked before.

    Raises:
        ConfigurationError: there is no such location.
    """
    return [runs.begin(conn, each, asked_by, now) for each in chosen(conn, location)]


def pull_all(around: Surroundings, run_id: int) -> list[Pulled]:
    """Pull every book of the run's location, each by itself: what one does not tell, the others do.

    One that gives no answer is noted with the run and has its exception, as one that proves nothing.

    Raises:
        RetryableError, PartnerContractBroken: no book of the location gave an answer.
        ConfigurationError: a connection or token is wrong; the other books are pulled.
        WarehouseUnavailable: nothing of the current book was written.
    """
    pulled: list[Pulled] = []
    failed: dict[str, SynclineError] = {}
    with around.warehouse("loader") as loader, around.warehouse("transformer") as transformer:
        run = runs.run_of(transformer, run_id)
        for books in books_of(loader, around.registry, run.location, run.as_of):
            try:
                pulled.append(_pull_one(around, loader, books, run))
            except WarehouseUnavailable:
                raise
            except (RetryableError, PartnerContractBroken, ConfigurationError) as error:
                failed[books.source] = error
                _note_silence(loader, books, error, around.clock)
        runs.note_pulled(transformer, run_id, pulled, {source: str(error) for source, error in failed.items()})
    wrong = [error for error in failed.values() if isinstance(error, ConfigurationError) or not pulled]
    if wrong:
        raise wrong[0]
    return pulled


def compare_run(around: Surroundings, run_id: int, flood: Flood | None = None) -> Compared | None:
    """Compare the newest states of the run's location three ways with canonical; None when a newer run was first."""
    with around.warehouse("transformer") as transformer:
        return compare(transformer, run_id, around.clock.now(), flood)


def promote_run(around: Surroundings, run_id: int) -> list[Promoted]:
    """Promote what the states that the run compared say otherwise; nothing of one that is a flood, or was not compared.

    Raises:
        WarehouseUnavailable: as ``promoting.promote``.
    """
    with around.warehouse("transformer") as transformer, around.warehouse("loader") as loader:
        run = runs.run_of(transformer, run_id)
        told = run.compared or {"sides": [], "floods": []}
        states = [side["snapshot_id"] for side in told["sides"]]
        floods = {flood["snapshot_id"]: flood["line"] for flood in told["floods"]}
        promoted = promote(transformer, loader, run.location, states, floods)
        runs.note_promoted(transformer, run_id, promoted, around.clock.now())
    return promoted


def _pull_one(around: Surroundings, loader: psycopg.Connection, books: Books, run: runs.Run) -> Pulled:
    connection = around.connection(books.conn_id)

    def pulled(client: BalancesClient) -> Pulled:
        with client:
            return pull(loader, client, books, run.as_of, around.clock.now())

    if books.system != "erp":
        return pulled(open_client(connection, books))
    # The ERP is a target: whoever calls it keeps to the limits that all of us share.
    with around.warehouse("publisher") as limits:
        target = around.registry.target(books.source)
        governor = SharedGovernor(limits, target.name, target.limits, around.clock, around.worker)
        governor.login = governor.fingerprint_of(connection)
        return pulled(open_client(connection, books, governor))


def _note_silence(loader: psycopg.Connection, books: Books, error: SynclineError, clock: Clock) -> None:
    subject = f"{books.source}/{books.location}"
    open_exception(
        loader, RULE, subject,
        detail=f"no full state of {subject} could be read, so nothing of it is compared: no_answer: {error.message}",
        next_step=f"{error.next_step} Then reconcile again: `syncline reconcile run --location {books.location}`.",
        at=clock.now(),
    )  # fmt: skip
