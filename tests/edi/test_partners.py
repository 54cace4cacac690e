"""Profiles are files: what is wrong in one is told by field, and what is right changes the reading."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from syncline.cli.edi import app
from syncline.edi import partners, reading_of
from syncline.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("strictness: loose", "strictness: Input should be 'tolerant' or 'strict'"),
        ("timezone: Mars/Olympus", "Mars/Olympus"),
        ("sender: [A]", "sender: Unexpected keyword argument"),
        ("codes: {x12_998: {}}", "codes.x12_998: no such document"),
        ("codes: {x12_846: {qty: {}}}", "the document has no such table of codes, it has: quantity"),
        ("codes: {x12_846: {quantity: {'1': stock}}}", "codes.x12_846.quantity.1"),
        ("events: {x12_846b: [BIA03]}", "events.x12_846b: no such document"),
        (
            "snapshots: {x12_945: [A]}",
            "snapshots.x12_945: no document that states stock and counts its lines; use one of",
        ),
        ("snapshots: {x12_846: []}", "snapshots.x12_846"),
        ("snapshots: {x12_846: [A, B, A]}", "x12_846 names A twice"),
        ("snapshots: {x12_846: [7]}", "snapshots.x12_846.0: Input should be a valid string"),
        ("snapshots: {x12_846: ACM-CHI}", "snapshots.x12_846: Input should be a valid tuple"),
        ("snapshots: {x12_846: [' A']}", "snapshots.x12_846.0"),
        ("units: {CS: CA}\nunits: {CS: EA}", "written twice"),
        ("name: other", "its name is that of the file"),
        ("- a list", "must be a map"),
        ("{", "no YAML"),
    ],
)
def test_a_wrong_profile_is_told_by_field(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "acme.yml"
    path.write_text(text, encoding="utf-8")
    shown = CliRunner().invoke(app, ["profile", "check", str(path)])
    assert shown.exit_code == 1
    with pytest.raises(ConfigurationError) as error:
        partners.load(path)
    assert told in str(error.value)


def test_a_profile_beside_the_registry_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(tmp_path / "registry.yml"))
    (tmp_path / "partners").mkdir()
    (tmp_path / "partners" / "acme.yml").write_text("default_uom: EA\n", encoding="utf-8")
    acme, standard = partners.profile_named("acme"), partners.profile_named("standard")
    assert (acme.name, acme.default_uom) == ("acme", "EA")
    assert reading_of(acme) != reading_of(standard)
    shown = CliRunner().invoke(app, ["profile", "check", "--all"])
    assert (shown.exit_code, shown.output) == (0, "acme: good (tolerant)\n")
    for wrong in ("nobody", "../acme", "acme.yml"):
        with pytest.raises(ConfigurationError, match="no partner profile"):
            partners.profile_named(wrong)
