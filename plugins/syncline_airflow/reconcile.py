"""Task bodies of ``reconcile``: open what a step needs, take one step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.reconcile.steps import Surroundings

log = logging.getLogger(__name__)


def plan(asked_by: str, location: str) -> list[int]:
    """A run for ``location``, or for every one when it is empty; the same runs when asked again by the same name."""
    from syncline.clock import clock_from_env
    from syncline.reconcile.steps import plan_runs
    from syncline_airflow.connections import warehouse

    with warehouse("transformer") as transformer:
        return [run.run_id for run in plan_runs(transformer, location or None, asked_by, clock_from_env().now())]


def pull(run_id: int, worker: str) -> int:
    """Pull every book of the run's location; returns the run for the next task.

    Raises:
        AirflowSkipException: nobody tells full states of the location but by files.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.reconcile.steps import pull_all

    pulled = pull_all(_surroundings(worker), run_id)
    if not pulled:
        raise AirflowSkipException("no API tells full states of this location")
    for each in pulled:
        proof = "proven" if each.is_proven else f"NOT PROVEN ({each.fault_code})"
        log.info("%s as of %s: %s lines on %s pages, %s", each.source, each.recorded, each.lines, each.pages, proof)
    return run_id


def compare(run_id: int, worker: str) -> int:
    """Compare what was pulled with canonical; returns the run for the next task.

    Raises:
        AirflowSkipException: a newer run of the location was compared already.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.reconcile.steps import compare_run

    compared = compare_run(_surroundings(worker), run_id)
    if compared is None:
        raise AirflowSkipException("a newer run of this location was compared already")
    for flood in compared.floods:
        log.warning("not believed: %s", flood.line)
    log.info("keys by measure: %s; pairs: %s", compared.keys, compared.pairs)
    return run_id


def promote(run_id: int, worker: str) -> dict[str, int]:
    """Land what differs; the counts of the run.

    Raises:
        AirflowSkipException: nothing new differs.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from syncline.reconcile.steps import promote_run

    promoted = promote_run(_surroundings(worker), run_id)
    for each in promoted:
        told = each.flood or f"{each.differing} of {each.compared} keys differ, {each.facts} new facts"
        log.info("%s: %s", each.source, told)
    if not any(each.facts for each in promoted):
        raise AirflowSkipException("nothing new to decide")
    return {
        "compared": sum(each.compared for each in promoted),
        "differing": sum(each.differing for each in promoted),
        "facts": sum(each.facts for each in promoted),
    }


def _surroundings(worker: str) -> Surroundings:
    from syncline.clock import clock_from_env
    from syncline.reconcile.steps import Surroundings
    from syncline.registry import load_registry
    from syncline_airflow.connections import connection, warehouse

    return Surroundings(load_registry(), clock_from_env(), warehouse, connection, worker)
