"""One `ingest_<source>` DAG for every enabled source of `registry.yml`; adding a source is one entry there."""

from __future__ import annotations

from syncline.registry import load_registry
from syncline_airflow.ingest import build_ingest

for source in load_registry().sources:
    if source.enabled:
        dag = build_ingest(source)
        globals()[dag.dag_id] = dag
