"""A document declared a full snapshot is believed when its control totals prove it, else refused whole."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.edi.interchanges import codes, edifact, read, stock, x12
from typer.testing import CliRunner

from syncline.cli.edi import app
from syncline.edi import Profile, Reading, SetReading, read_sets
from syncline.edi.documents.table import tables

X12_HEAD = ["BIA*00*SI*REF-1*20261102*1430", "N1*WH**92*ACM-CHI"]
X12_LINES = ["LIN*1*SK*V-1", "QTY*17*5*EA", "LIN*2*SK*V-2", "QTY*17*7*EA", "QTY*27*2*EA"]
X12 = [*X12_HEAD, *X12_LINES]
BGM_HEAD = ["BGM+35+R-1+9", "DTM+366:20261102:102", "NAD+WH+ACM-CHI::92"]
BGM = [*BGM_HEAD, "LIN+1++V-1:SA", "QTY+145:5:PCE", "LIN+2++V-2:SA", "QTY+145:7,5:PCE"]


def declared(*locations: str, **choices: object) -> Profile:
    names = ("x12_846", "edifact_invrpt_d96a", "edifact_invrpt_d01b")
    return Profile("theirs", snapshots=dict.fromkeys(names, locations or ("ACM-CHI",)), **choices)


def only(reading: Reading) -> SetReading:
    (one,) = reading.sets
    return one


def found(reading: Reading) -> list[tuple[str, int, str]]:
    """Code, segment and scope of each error."""
    return [(each.code, each.segment_no, each.scope) for each in reading.findings if each.severity == "error"]


@pytest.mark.parametrize(
    "data",
    [
        x12("846", [*X12, "CTT*2"]),
        x12("846", [*X12, "CTT*2*14"]),
        x12("846", [X12[0].replace("*00*", "*05*"), *X12[1:], "CTT*2"]),
        edifact("INVRPT", [*BGM, "CNT+2:2"]),
        edifact("INVRPT", [*BGM, "CNT+2:2", "CNT+1:12.5"]),
    ],
)
def test_what_counts_its_lines_rightly_is_proven(data: bytes) -> None:
    one = only(read(data, declared()))
    assert (one.verdict, one.locations, one.is_proven) == ("accepted", ("ACM-CHI",), True)
    assert len(one.facts) in (2, 3)
    plain = only(read(data))
    assert (plain.locations, plain.is_proven, list(plain.facts)) == (
        None, False, [fact._replace(reading=first.reading) for fact, first in zip(one.facts, plain.facts, strict=True)],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (x12("846", X12), "snapshot_unproven"),
        (x12("846", [*X12, "CTT*3"]), "line_count"),
        (x12("846", [*X12, "CTT*2*13"]), "snapshot_unproven"),
        (x12("846", [*X12, "CTT*2*many"]), "snapshot_unproven"),
        (x12("846", [*X12, "CTT*2*14", "CTT*2*15"]), "snapshot_unproven"),
        (edifact("INVRPT", BGM), "snapshot_unproven"),
        (edifact("INVRPT", [*BGM, "CNT+1:12.5"]), "snapshot_unproven"),
        (edifact("INVRPT", [*BGM, "CNT+2:4"]), "line_count"),
        (edifact("INVRPT", [*BGM, "CNT+2:2", "CNT+1:12"]), "snapshot_unproven"),
    ],
)
def test_what_does_not_is_refused_whole_and_told_at_its_opener(data: bytes, code: str) -> None:
    reading = read(data, declared())
    opener = only(reading).taken.opener.number
    assert found(reading) == [(code, opener, "set")]
    assert (only(reading).verdict, only(reading).is_proven, stock(reading), reading.is_refused) == (
        "rejected", False, [], True,
    )  # fmt: skip
    if code == "snapshot_unproven":
        assert "`snapshots." in str(reading.faults[0])
        assert stock(read(data)), "a partner who declares nothing owes no proof"


@pytest.mark.parametrize(
    ("total", "is_right"),
    [("1855", True), ("19.9882", True), ("19.9918", False), ("01855", False), ("1856", False)],
)
def test_a_hash_total_of_x12_has_neither_signs_nor_points_or_is_the_plain_sum(total: str, is_right: bool) -> None:
    """The standard's own example (element 347)."""
    quantities = ("-0.0018", "0.18", "1.8", "18.01")
    lines = [text for n, each in enumerate(quantities, 1) for text in (f"LIN*{n}*SK*V-{n}", f"QTY*17*{each}*EA")]
    assert only(read(x12("846", [*X12_HEAD, *lines, f"CTT*4*{total}"]), declared())).is_proven is is_right


def test_a_hash_total_is_cut_on_the_left() -> None:
    lines = ["LIN*1*SK*V-1", "QTY*17*9999999999*EA", "LIN*2*SK*V-2", "QTY*17*12*EA"]
    assert only(read(x12("846", [*X12_HEAD, *lines, "CTT*2*11"]), declared())).is_proven


@pytest.mark.parametrize(
    ("data", "segment"),
    [
        (x12("846", [*X12, "LIN*3*SK*V-3", "N1*WH**92*ACM-NYC", "QTY*17*1*EA", "CTT*3"]), 13),
        (x12("846", [X12[0], "LIN*1*SK*V-1", "SDQ*EA*92*ACM-CHI*5*ACM-NYC*7", "CTT*1"]), 6),
        (x12("846", [X12[0], "N1*WH**92*ACM-NYC", *X12_LINES, "CTT*2"]), 7),
        (edifact("INVRPT", [*BGM, "LOC+18+ACM-NYC", "CNT+2:2"]), 9),
        (x12("846", [X12[0], "N1*WH**92*ACM-NYC", "CTT*0"]), 3),
        (x12("846", [X12[0], "CTT*0"]), 3),
    ],
)
def test_another_location_than_declared_is_told_where_it_counts(data: bytes, segment: int) -> None:
    reading = read(data, declared())
    assert (found(reading), stock(reading)) == ([("snapshot_unproven", segment, "set")], [])


def test_it_is_a_snapshot_of_what_it_names_alone() -> None:
    """Of two warehouses in a document each, neither says anything of the other."""
    profile = declared("ACM-CHI", "ACM-NYC")
    one = only(read(x12("846", [*X12, "CTT*2"]), profile))
    both = only(read(x12("846", [*X12, "LIN*3*SK*V-3", "N1*WH**92*ACM-NYC", "QTY*17*1*EA", "CTT*3"]), profile))
    empty = only(read(x12("846", [X12[0], "N1*WH**92*ACM-NYC", "CTT*0"]), profile))
    assert (one.locations, both.locations, empty.locations) == (("ACM-CHI",), ("ACM-CHI", "ACM-NYC"), ("ACM-NYC",))
    assert [each.is_proven for each in (one, both, empty)] == [True] * 3


@pytest.mark.parametrize("purpose", ["25", "01"])
def test_what_calls_itself_incremental_or_a_cancellation_is_none(purpose: str) -> None:
    one = only(read(x12("846", [X12[0].replace("*00*", f"*{purpose}*"), *X12[1:]]), declared()))
    assert (one.verdict, one.locations, len(one.facts)) == ("accepted", None, 3)


def test_a_line_that_is_kept_out_leaves_the_others_and_no_proof() -> None:
    """It is there, so nothing was cut; but what its key has nobody can say, and it must not come to mean zero."""
    reading = read(x12("846", [*X12, "LIN*3", "QTY*17*4*EA", "CTT*3*18"]), declared())
    assert (codes(reading), len(stock(reading))) == (["item_missing"], 3)
    assert (only(reading).verdict, only(reading).locations, only(reading).is_proven) == (
        "accepted", ("ACM-CHI",), False,
    )  # fmt: skip


def large(lines: int, count: int, total: int, last: Sequence[str] = ()) -> io.BytesIO:
    body = [part for n in range(1, lines + 1) for part in (f"LIN*{n}*SK*V-{n}", f"QTY*17*{n}*EA")]
    return io.BytesIO(x12("846", [*X12_HEAD, *body, *last, f"CTT*{count}*{total}"]))


@pytest.mark.parametrize(
    ("lines", "total", "last", "code"),
    [
        (5_000, 12_502_500, [], None),
        (5_000, 12_502_501, [], "snapshot_unproven"),
        (3_000, 12_502_500, [], "line_count"),
        (4_999, 12_502_500, ["LIN*9*SK*V-9", "N1*WH**92*ACM-NYC", "QTY*17*5000*EA"], "snapshot_unproven"),
    ],
)
def test_the_verdict_on_a_streamed_set_comes_at_its_end(
    lines: int, total: int, last: list[str], code: str | None
) -> None:
    """Facts of a set that is refused at its last segment are gone, those on disk too."""
    (one, _) = read_sets(large(lines, 5_000, total, last), source="acme_3pl", profile=declared())
    assert isinstance(one, SetReading)
    errors = {each.code for each in one.taken.findings if each.severity == "error"}
    assert (code in errors, bool(errors)) == (code is not None, code is not None)
    assert (len(list(one.facts)), one.is_proven) == ((5_000, True) if code is None else (0, False))


def test_a_strict_partners_envelope_takes_the_proof_with_it() -> None:
    data = x12("846", [*X12, "CTT*2"]).replace(b"IEA*1*", b"IEA*2*")
    assert only(read(data, declared())).is_proven
    assert not only(read(data, declared(strictness="strict"))).is_proven


def test_a_total_adds_up_the_only_decimal_of_a_unit() -> None:
    """What is read by picking counts every decimal of a unit (``Shapes``)."""
    summed = [table for table in tables() if table.hash_totals]
    assert {table.set for table in summed} == {"846", "INVRPT"}
    for table in summed:
        forms = [form.rstrip("!") for each in table.segments.values() for form in each.elements.values()]
        assert (forms.count("decimal"), len(table.hash_totals)) == (1, 1)


@pytest.mark.parametrize(("end", "scope"), [("CTT*2", True), ("PER*IC", False)])
def test_inspect_tells_scope_and_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, scope: bool) -> None:
    monkeypatch.setenv("SYNCLINE_REGISTRY", str(tmp_path / "registry.yml"))
    (tmp_path / "partners").mkdir()
    (tmp_path / "partners" / "acme.yml").write_text("snapshots: {x12_846: [ACM-CHI]}\n", encoding="utf-8")
    file = tmp_path / "846.edi"
    file.write_bytes(x12("846", [*X12, end]))
    told = json.loads(CliRunner().invoke(app, ["inspect", str(file), "--partner", "acme", "--json"]).output)
    assert told["sets"][0]["scope"] == {"locations": ["ACM-CHI"], "proven": scope}
    shown = CliRunner().invoke(app, ["inspect", str(file), "--partner", "acme"])
    assert f"846 0001: full snapshot of ACM-CHI, {'proven whole' if scope else 'not proven'}" in shown.output
    assert json.loads(CliRunner().invoke(app, ["inspect", str(file), "--json"]).output)["sets"][0]["scope"] is None
