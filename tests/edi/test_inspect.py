"""``syncline edi inspect`` shows what would be landed and what would be kept out."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from syncline.cli.edi import app

FILE = Path(__file__).parent / "files" / "indented_with_units_behind.edi"


def test_a_good_file_exits_0() -> None:
    shown = CliRunner().invoke(app, ["inspect", str(FILE)])
    assert shown.exit_code == 0
    assert "accepted, 1 interchange(s), 1 set(s), 2 facts" in shown.output.replace("\n", " ").replace("  ", " ")
    assert "5250 EA" in shown.output


def test_a_bad_file_exits_1_with_positions(tmp_path: Path) -> None:
    bad = tmp_path / "bad.edi"
    bad.write_bytes(FILE.read_bytes().replace(b"SE~12", b"SE~13"))
    shown = CliRunner().invoke(app, ["inspect", str(bad), "--json"])
    assert shown.exit_code == 1
    told = json.loads(shown.output)
    assert (told["interchanges"], told["status"]) == (1, "rejected")
    assert [each["code"] for each in told["findings"]] == ["element_padded"]
    (read,) = told["sets"]
    assert (read["type"], read["status"], read["segments"], read["facts"]) == ("846", "rejected", 12, [])
    (found,) = (each for each in read["findings"] if each["severity"] == "error")
    assert (found["code"], found["segment_id"], found["segment"], found["element"]) == ("set_count", "SE", 14, 1)
    assert FILE.read_bytes()[found["offset"] :].startswith(b"SE~12")
