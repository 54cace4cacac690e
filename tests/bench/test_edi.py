"""The EDI bench measures every candidate on a file of any size."""

from __future__ import annotations

from pathlib import Path

from bench import edi


def test_every_candidate_has_a_speed(tmp_path: Path) -> None:
    found = edi.speeds(tmp_path, 300)
    assert {"split", "tokenized", "facts", "invrpt_facts", "memory_mib"} <= set(found)
    assert all(value > 0 for name, value in found.items() if name != "memory_mib")
    assert edi._facts(tmp_path / "846.edi") == edi._facts(tmp_path / "invrpt.edi") == 600
