"""One `push_<target>` DAG for every enabled target of `registry.yml`."""

from __future__ import annotations

from syncline.registry import load_registry
from syncline_airflow.push import build_push

for target in load_registry().targets:
    if target.enabled:
        dag = build_push(target)
        globals()[dag.dag_id] = dag
