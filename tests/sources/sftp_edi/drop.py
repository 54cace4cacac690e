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
        """Names as the partner gave them, without the reason files."""
        found = (path for path in (self.root / folder).rglob("*") if path.is_file())
        return sorted(path.name.partition("__")[2] or path.name for path in found if path.suffix != ".txt")

    def reasons(self) -> dict[str, str]:
        """Partner's file name -> text of its reason file."""
        found = (self.root / "refused").rglob("*.reason.txt")
        return {path.name.partition("__")[2].removesuffix(".reason.txt"): path.read_text("ascii") for path in found}
