"""
### Audit

Seals what happened beside batches (pushes, answers, approvals, decisions) and writes the newest seal outside the
warehouse: to the connection `audit_anchor` (SFTP, or the `path` of a folder), else to a folder of this installation.
A batch is sealed when it is released.

**When red:** the log's last line says which: the sink does not take the anchor, or connection `audit_key` holds no key.
Numbers and corrections are not touched, and nothing is lost: what is not sealed waits in `ops.audit_entries`. Clearing
is safe.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from syncline_airflow import auditing
from syncline_airflow.schedules import dag_defaults, every
from syncline_airflow.tags import Tag

CLOCK_S = 300
TIMEOUT = timedelta(minutes=5)


@dag(
    description="Seal what happened, and anchor it outside",
    schedule=every(CLOCK_S),
    doc_md=__doc__,
    **dag_defaults(Tag.AUDIT, Tag.STOPS_REPORTS, timeout=TIMEOUT),
)
def audit() -> None:
    @task
    def seal() -> int | None:
        return auditing.seal()

    seal()


audit()
