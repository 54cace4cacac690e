"""Task body of ``audit``."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


def seal() -> int | None:
    """Seal the rest and anchor the newest seal; its number."""
    from syncline.audit.keeping import keep, signer_from
    from syncline.clock import clock_from_env
    from syncline.home import state_home
    from syncline_airflow.connections import connection, warehouse

    signer = signer_from(connection, state_home())
    with warehouse("publisher") as publisher:
        kept = keep(publisher, signer, clock_from_env().now(), connection, state_home())
    log.info("sealed %s rows; newest seal %s, anchored in %s", kept.leaves, kept.seal_no, kept.sink)
    return kept.seal_no
