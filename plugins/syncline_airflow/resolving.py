"""Task bodies of ``resolve`` and ``marts``: open the right role's connection, call one function of the product."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)


def open_batch() -> int:
    """Number of the batch to work on: the unfinished one, else a new one.

    Looks at every source's silence first, also when nothing is pending: a recovery is something to resolve. Then at
    what is missing in their sequences, which asks for a person and for no batch.

    Raises:
        AirflowSkipException: nothing is pending.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline import resolve
    from syncline.clock import clock_from_env
    from syncline.outbox.silence import watch_sources
    from syncline.registry import load_registry
    from syncline.resolve.sequences import watch_sequences
    from syncline_airflow.connections import warehouse

    with warehouse("transformer") as transformer:
        now = clock_from_env().now()
        watched = watch_sources(transformer, load_registry().sources, now)
        if watched.overdue or watched.recovered:
            log.warning("silent sources: %s; speak again: %s", watched.overdue or "none", watched.recovered or "none")
        gaps = watch_sequences(transformer, now)
        if gaps.raised or gaps.resolved:
            log.warning(
                "gaps of sequences: %s newly raised, %s closed, %s stand", gaps.raised, gaps.resolved, gaps.standing
            )
        batch = resolve.open_batch(transformer, now)
    if batch is None:
        raise AirflowSkipException("nothing is pending")
    return batch.batch_id


def build(batch_id: int) -> int:
    """Decide the batch with one dbt build; returns its number for the next task."""
    from syncline import resolve
    from syncline_airflow.connections import connection, warehouse

    with warehouse("transformer") as transformer:
        built = resolve.build(transformer, connection("warehouse_transformer").postgres_dsn(), batch_id)
    if built.nodes:
        log.info("batch %s: %s nodes in %s s, slowest %s", batch_id, built.nodes, built.seconds, built.slowest)
    else:
        log.info("batch %s was released before: nothing is built again", batch_id)
    return batch_id


def gate(batch_id: int) -> int:
    """Let Great Expectations judge the candidates; a critical failure holds the batch and fails the task."""
    from syncline.gate.check import check
    from syncline.registry import load_registry
    from syncline_airflow.connections import connection, warehouse

    targets = [target.name for target in load_registry().targets]
    with warehouse("publisher") as publisher:
        verdict = check(connection("warehouse_publisher").postgres_dsn("+psycopg2"), publisher, batch_id, targets)
    if verdict.already:
        log.info("batch %s was released before: nothing is judged again", batch_id)
    else:
        log.info(
            "batch %s passes %s rules in %s s; rows held: %s; rules with failing rows: %s",
            batch_id, verdict.checked, verdict.seconds, verdict.held_rows, verdict.failed or "none",
        )  # fmt: skip
    return batch_id


def release(batch_id: int) -> dict[str, int]:
    """Write corrections and watermark in one transaction; the counts of the release."""
    from syncline.clock import clock_from_env
    from syncline.outbox.release import release as release_batch
    from syncline.registry import load_registry
    from syncline_airflow.connections import warehouse

    breakers = {target.name: target.breakers for target in load_registry().targets}
    with warehouse("publisher") as publisher:
        released = release_batch(publisher, batch_id, clock_from_env().now(), breakers)
        _seal(publisher, batch_id)
    return {name: value for name, value in dataclasses.asdict(released).items() if isinstance(value, int)}


def _seal(publisher: psycopg.Connection, batch_id: int) -> None:
    """Close the batch's audit log. Corrections never wait for it: what fails here is done, or red, in ``audit``."""
    from syncline.audit.keeping import signer_from
    from syncline.audit.seal import seal_batch
    from syncline.clock import clock_from_env
    from syncline.errors import SynclineError
    from syncline.home import state_home
    from syncline_airflow.connections import connection

    try:
        sealed = seal_batch(publisher, batch_id, signer_from(connection, state_home()), clock_from_env().now())
    except (SynclineError, OSError):
        log.exception("batch %s is released, and not sealed yet: the DAG `audit` does it", batch_id)
        return
    log.info("batch %s is seal %s: %s rows", batch_id, sealed.seal.seal_no, sealed.seal.leaves)


def build_marts() -> None:
    """Build the reporting models, and say of each exception which orders it touches by them.

    Raises:
        AirflowSkipException: nothing was ever resolved, so there is nothing to report on.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline import resolve
    from syncline.clock import clock_from_env
    from syncline.exceptions.impact import measure_orders
    from syncline_airflow.connections import connection, warehouse

    with warehouse("transformer") as transformer:
        if transformer.execute("select to_regclass('canonical.balances') is null").fetchone() == (True,):
            raise AirflowSkipException("nothing is resolved yet")
        resolve.build_marts(connection("warehouse_transformer").postgres_dsn())
        measure_orders(transformer, clock_from_env().now())


def tell_loops() -> dict[str, int]:
    """Tell what closed loops came to and nobody was told yet; how much that was.

    Raises:
        AirflowSkipException: there is nothing to tell.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.clock import clock_from_env
    from syncline.loops import tell
    from syncline_airflow.connections import warehouse

    with warehouse("transformer") as transformer:
        told = dataclasses.asdict(tell(transformer, clock_from_env().now()))
    if not any(told.values()):
        raise AirflowSkipException("no loop has anything new to tell")
    return told
