"""The channel of a registry entry; e-mail goes through Airflow and is opened in ``plugins``."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from syncline.clock import Clock
from syncline.errors import ConfigurationError
from syncline.notices.event import Bundle, Event
from syncline.notices.files import DayFiles

if TYPE_CHECKING:
    from datetime import datetime

    from syncline.connections import Connection
    from syncline.notices.channel import Channel
    from syncline.registry import Subscriber


def open_channel(entry: Subscriber, connection: Connection) -> Channel:
    """Raises ConfigurationError: the connection is not what the kind needs, or the kind is ``email``."""
    if entry.kind == "webhook":
        from syncline.notices.webhook import Webhook

        # Receivers compare the stamp with the hour on the wall, whatever the product's clock says.
        return Webhook(connection, Clock(), float(entry.timeout_s))
    if entry.kind == "files":
        return DayFiles(connection)
    raise ConfigurationError(
        f"Subscriber {entry.name} gets mail, which only Airflow sends.",
        next_step=f"Try its connection in Airflow's Admin, Connections; DAG deliver_{entry.name} sends what is due.",
        subscriber=entry.name,
    )


def test_bundle(name: str, at: datetime) -> Bundle:
    """An event that never happened: position 0, and no row of ``ops.events`` has its id."""
    event_id = hashlib.sha256(f"notice.test|{name}|{at.isoformat()}".encode()).hexdigest()
    payload = {"detail": "A test. Nothing happened."}
    return Bundle(event_id, (Event(0, event_id, "notice.test", f"test/{name}", f"test:{name}", payload, at),), 1)
