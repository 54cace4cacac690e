"""The WMS API: pages of events, mapped to facts."""

from syncline.sources.wms_api.client import Page, WmsClient, open_client
from syncline.sources.wms_api.pull import pull

__all__ = ["Page", "WmsClient", "open_client", "pull"]
