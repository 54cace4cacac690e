"""The folders of a 3PL on its SFTP server, and what goes wrong with an upload."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from syncline.twin.deliveries import Delivery

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from syncline.twin.network import Partner
    from syncline.twin.world import World

FOLDERS = ("inbox", "processing", "archive", "refused", "outbox")
SEND_AGAIN_AFTER_S = (600, 7200)


class Inbox:
    """Where all files of one partner appear. They share its clock and its control numbers, whatever they hold."""

    def __init__(self, partner: Partner, world: World, root: Path) -> None:
        self._partner, self._world, self._root = partner, world, root
        skew_ms = world.faults.partner_skew_s * 1000
        self.skew_ms = world.day.stream(f"clock/{partner.source}").randint(-skew_ms, skew_ms)
        self._control = 0
        for folder in FOLDERS:
            # Files of an earlier world would be lies in this one.
            shutil.rmtree(root / folder, ignore_errors=True)
            (root / folder).mkdir(parents=True)

    def next_control(self) -> int:
        """The number of the partner's next interchange."""
        self._control += 1
        return self._control

    def deliver(self, rng: Random, at_ms: int, name: str, content: bytes) -> None:
        """Upload a file with the faults of uploading, drawn from ``rng``."""
        faults, schedule, count = self._world.faults, self._world.schedule, self._world.count
        if rng.random() < faults.junk_file:
            self.put(f"junk_{name}", rng.randbytes(4096))
            count.add("junk_file")
        if rng.random() < faults.empty_file:
            self.put(f"empty_{name}", b"")
            count.add("empty_file")
        if rng.random() < faults.half_written:
            half = content[: len(content) * rng.randint(20, 90) // 100]
            # Straight to the final name, the tmp-and-rename left out: who claims it now has half a file.
            (self._root / "inbox" / name).write_bytes(half)
            self._note(name, half)
            count.add("half_written")
            schedule.at(at_ms + faults.half_written_s * 1000, lambda _: self._complete(name, half, content))
        else:
            self.put(name, content)
        if rng.random() < faults.file_twice:
            count.add("file_twice")
            # Never the newest word, and at the latest shortly after the last file, so that a day ends.
            again_ms = at_ms + rng.randint(*SEND_AGAIN_AFTER_S) * 1000
            again_ms = max(at_ms + faults.half_written_s * 1000, min(again_ms, self._world.final_file_ms)) + 60_000
            schedule.at(again_ms, lambda _: self.put(f"again_{name}", content))

    def put(self, name: str, content: bytes) -> None:
        """Upload it as agreed: under a name nobody looks at, then renamed."""
        inbox = self._root / "inbox"
        (inbox / f"{name}.tmp").write_bytes(content)
        (inbox / f"{name}.tmp").rename(inbox / name)
        self._note(name, content)

    def _complete(self, name: str, half: bytes, content: bytes) -> None:
        """Finish the upload in place; when somebody took the half away, upload the whole under another name."""
        try:
            with (self._root / "inbox" / name).open("r+b") as stream:
                stream.seek(len(half))
                stream.write(content[len(half) :])
            self._note(name, content)
        except FileNotFoundError:
            self.put(f"retry_{name}", content)

    def _note(self, name: str, content: bytes) -> None:
        """Remember what stands in the inbox from now on under its final name."""
        self._world.files.append(Delivery(self._world.schedule.now_ms, self._partner.source, name, content))
