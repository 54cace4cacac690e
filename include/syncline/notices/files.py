"""Events as files for analytics: newline-delimited JSON, a folder for each UTC day, exactly once by name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.errors import ConfigurationError
from syncline.notices.event import Outcome

if TYPE_CHECKING:
    from syncline.connections import Connection
    from syncline.notices.event import Bundle


class DayFiles:
    """``<folder>/day=<YYYY-MM-DD>/<first position>-<last position>.ndjson``, a bundle a file.

    A bundle is the same events in every try, so a repeat writes the same bytes under the same name. A file is there
    whole or not at all; readers ignore names that begin with a dot.
    """

    def __init__(self, connection: Connection) -> None:
        """Raises ConfigurationError: ``path`` of the connection's extra is no folder that we can write to."""
        folder = Path(str(connection.extra.get("path", "")))
        if not folder.is_absolute() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ConfigurationError(
                f"Connection {connection.conn_id!r} names no folder that can be written to.",
                next_step="Write the absolute path of a folder that exists as `path` into extra.",
                conn_id=connection.conn_id,
            )
        self._folder = folder

    def close(self) -> None:
        """Nothing is kept open."""

    def deliver(self, bundle: Bundle) -> Outcome:
        """Write its file, and return when it is on the disk under its name."""
        first, last = bundle.events[0], bundle.events[-1]
        day = self._folder / f"day={first.occurred_at.date().isoformat()}"
        name = f"{first.position:012d}-{last.position:012d}.ndjson"
        lines = (json.dumps(event.as_cloud_event(), ensure_ascii=False) + "\n" for event in bundle.events)
        try:
            day.mkdir(exist_ok=True)
            _write(day, name, "".join(lines).encode())
        except OSError as error:
            return Outcome("failed", f"the file could not be written: {error.strerror}")
        return Outcome("delivered", f"{day.name}/{name}")


def _write(folder: Path, name: str, content: bytes) -> None:
    """Under another name first: what is half written is never seen, and what has its name is on the disk."""
    temporary = folder / f".{name}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)
    finally:
        temporary.unlink(missing_ok=True)
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
