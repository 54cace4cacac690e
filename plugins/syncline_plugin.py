"""What Airflow's API server serves for Syncline: the API, under a prefix. It authenticates its callers itself."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from syncline.api.serving import LazyApp

URL_PREFIX = "/syncline"


class SynclinePlugin(AirflowPlugin):
    """Airflow adds no authentication to what a plugin mounts: each route declares its own."""

    name = "syncline"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": URL_PREFIX, "name": "Syncline API"}]  # noqa: RUF012
