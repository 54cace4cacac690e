"""One `deliver_<subscriber>` DAG for every enabled subscriber of `registry.yml`."""

from __future__ import annotations

from syncline.registry import load_registry
from syncline_airflow.deliver import build_deliver

for subscriber in load_registry().subscribers:
    if subscriber.enabled:
        dag = build_deliver(subscriber)
        globals()[dag.dag_id] = dag
