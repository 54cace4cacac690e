"""The partner's side of an SFTP drop."""

from __future__ import annotations

import os
import time
from pathlib import Path


class Drop:
    """The partner's side: files under the served folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, content: bytes, age_s: int = 120) -> Path:
        path = self.root / "inbox" / name
        path.write_bytes(content)
        os.utime(path, (time.time() - age_s,) * 2)
        return path

    def names(self, folder: str) -> list[str]:
        return sorted(
            path.name.partition("__")[2] or path.name for path in (self.root / folder).rglob("*") if path.is_file()
        )
