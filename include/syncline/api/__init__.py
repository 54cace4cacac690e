"""The API of Syncline: an ASGI application of its own, which Airflow mounts and `syncline api` serves (ADR 0029)."""

from syncline.api.app import create_app
from syncline.api.keys import SCOPES, ApiKey, keys_of
from syncline.api.warehouses import Warehouses, from_environment

__all__ = ["SCOPES", "ApiKey", "Warehouses", "create_app", "from_environment", "keys_of"]
