"""A worker: one process that pushes one target again and again, as its task would, until it is killed."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING

import psycopg

from syncline.clock import Clock
from syncline.errors import PartnerUnavailable, WarehouseUnavailable
from syncline.targets.adapters import open_adapter
from syncline.targets.cycle import run_push
from syncline.warehouse.connect import connect_dsn

if TYPE_CHECKING:
    from pathlib import Path

    from syncline.connections import Connection
    from syncline.registry import Target
    from syncline.targets.policy import TargetPolicy

PAUSE_S = 0.3
LOST_WAREHOUSE = 75  # Postgres went away: the task is red and tried again


def work(entry: Target, connection: Connection, policy: TargetPolicy, dsn: str, worker: str, broken: Path) -> None:
    """Never returns. What no outage explains is written to ``broken``, and ends the process with 1."""
    logging.getLogger("syncline").setLevel(logging.ERROR)  # a lost race is refused and told: thousands of lines here
    try:
        with connect_dsn(dsn, name=f"publisher {worker}") as conn:
            while True:
                adapter = open_adapter(entry, connection)
                try:
                    run_push(conn, adapter, policy, Clock(), worker)
                except PartnerUnavailable:
                    pass  # its DAG would be red and tried again; everything known is stored
                finally:
                    adapter.close()
                if os.getppid() == 1:
                    os._exit(0)  # the run itself is gone
                time.sleep(PAUSE_S)
    except (psycopg.OperationalError, psycopg.InterfaceError, WarehouseUnavailable):
        os._exit(LOST_WAREHOUSE)
    except BaseException:  # noqa: BLE001 - whatever it is, the judge is told
        with broken.open("a") as told:
            told.write(f"{worker}\n{traceback.format_exc()}\n")
        sys.stdout.flush()
        os._exit(1)
