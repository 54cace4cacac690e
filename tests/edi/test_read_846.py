"""A partner's file becomes facts where it can be trusted and positioned faults everywhere else."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from syncline.edi import PROFILES, Profile, Reading, read_file

ITEM = ["LIN*1*SK*SKU-1", "QTY*17*12*EA", "QTY*27*3*EA"]


def a_set(control: str = "0001", *body: str, bia: str = "BIA*00*SI*REF-1*20261102*1430") -> list[str]:
    lines = [bia, "N1*WH**92*DC3", *(body or ITEM)]
    return [f"ST*846*{control}", *lines, f"SE*{len(lines) + 2}*{control}"]


def a_file(*sets: list[str], usage: str = "P", element: str = "*", end: str = "~\n") -> bytes:
    parties = "ISA*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       "
    isa = f"{parties}*261102*1430*U*00401*000000007*0*{usage}*>"
    body = [segment for one in sets for segment in one]
    rows = [isa, "GS*IB*ACME*SYNCLINE*20261102*1430*7*X*004010", *body, f"GE*{len(sets)}*7", "IEA*1*000000007"]
    return (end.join(rows) + end).replace("*", element).encode()


def read(data: bytes, profile: Profile = PROFILES["standard"]) -> Reading:
    return read_file(data, source="acme_3pl", file="a.edi", profile=profile)


def codes(reading: Reading) -> list[str]:
    return [found.code for found in reading.faults]


def test_a_good_file_is_its_facts() -> None:
    reading = read(a_file(a_set()))
    assert reading.faults == []
    first, second = reading.facts
    assert (first.kind, first.item_ref, first.location_ref, first.status_ref) == ("balance", "SKU-1", "DC3", "on_hand")
    assert (first.quantity, first.uom, first.recorded) == ("12", "EA", "2026-11-02T14:30")
    assert (first.line_key, first.event_key) == ("REF-1/1/17", "acme_3pl/REF-1/1/17")
    assert (second.line_key, second.status_ref) == ("REF-1/1/27", "allocated")
    assert re.fullmatch(r"segment 7 QTY at byte \d+", first.position)
    assert a_file(a_set())[int(first.position.split()[-1]) :].startswith(b"QTY*17*12")


def test_a_finding_has_the_value_as_written_and_never_shows_it() -> None:
    (found,) = read(a_file(a_set("0001", "LIN*1*SK*SKU-1", f"QTY*17*{'9' * 60}*EA"))).faults
    assert (found.code, found.element, found.value) == ("element_form", 2, "9" * 40)
    assert found.value not in repr(replace(found, message=""))


@pytest.mark.parametrize("usage", ["T", "I"])
def test_a_test_interchange_is_marked(usage: str) -> None:
    assert [fact.is_test for fact in read(a_file(a_set(), usage=usage)).facts] == [True, True]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + a_file(a_set()),
        a_file(a_set(), end="~\r\n"),
        a_file(a_set(), end="~\n    "),
        a_file(a_set(), end="~"),
        a_file(a_set(), end="'"),
        a_file(a_set(), end="\n"),
        a_file(a_set(), end="\r\n"),
        a_file(a_set(), end="\x15"),
        a_file(a_set(), end=" \r\n"),
        a_file(a_set(), end="\u2026"),
        a_file(a_set(), element="|"),
        a_file(a_set(), element="~", end="}\n"),
        a_file(a_set(), element="\x1d"),
        a_file(a_set(), end="~").rstrip(b"~"),
        re.sub(rb"(.{80})", rb"\1\r\n", a_file(a_set(), end="~")),
        b"\r\n\r\n" + a_file(a_set()) + b"\r\n",
    ],
    ids=lambda data: ascii(data[100:112]),
)  # fmt: skip
def test_syntax_of_real_files(data: bytes) -> None:
    reading = read(data)
    assert codes(reading) == []
    assert [fact.quantity for fact in reading.facts] == ["12", "3"]


def test_interchanges_with_other_delimiters_follow_each_other() -> None:
    reading = read(a_file(a_set()) + a_file(a_set(), element="|", end="'") + a_file(a_set(), usage="T"))
    assert codes(reading) == []
    assert len(list(reading.facts)) == 6


def test_offsets_count_bytes_not_characters() -> None:
    data = a_file(a_set("0001", "LIN*1*SK*Ünïcode-\u00e9", "QTY*17*5*EA"))
    (fact,) = read(data).facts
    assert data[int(fact.position.split()[-1]) :].startswith(b"QTY*17*5")
    assert fact.item_ref == "Ünïcode-\u00e9"


@pytest.mark.parametrize(
    ("bia", "extra", "recorded"),
    [
        ("BIA*00*SI*R*20261102", [], "2026-11-02"),
        ("BIA*00*SI*R*20261102**11", [], "2026-11-02"),
        ("BIA*00*SI*R*20261102*143015", [], "2026-11-02T14:30:15"),
        ("BIA*00*SI*R*20261102*14301525", [], "2026-11-02T14:30:15.25"),
        ("BIA*00*SI*R*20261102*2400", [], "2026-11-03T00:00"),
        ("BIA*00*SI*R*20261231*240000", [], "2027-01-01T00:00:00"),
        ("BIA*00*SI*R*20261102", ["DTM*184*20261101*2300*GM"], "2026-11-01T23:00Z"),
        ("BIA*00*SI*R*20261102", ["DTM*184*20261101*2300*ES"], "2026-11-01T23:00-05:00"),
        ("BIA*00*SI*R*20261102", ["DTM*184*20261101*2300*05"], "2026-11-01T23:00+05:00"),
        ("BIA*00*SI*R*20261102", ["DTM*184*20261101*2300*20"], "2026-11-01T23:00-05:00"),
        ("BIA*00*SI*R*20261102", ["DTM*184*20261101*2300"], "2026-11-01T23:00"),
        ("BIA*00*SI*R*20261102*1200", ["DTM*184*20261102"], "2026-11-02T12:00"),
        ("BIA*00*SI*R*20261102*1200", ["DTM*184*20261101"], "2026-11-01"),
        ("BIA*00*SI*R*20261102", ["DTM*036*20300101"], "2026-11-02"),
    ],
)
def test_the_as_of_keeps_its_precision(bia: str, extra: list[str], recorded: str) -> None:
    reading = read(a_file(a_set("0001", *extra, *ITEM, bia=bia)))
    assert codes(reading) == []
    assert {fact.recorded for fact in reading.facts} == {recorded}


def test_units_lots_and_places_of_an_item() -> None:
    body = ["LIN**VN*V-1*SK*SKU-1", "REF*LT*LOT-7", "QTY*17*5", "UIT*CA", "N1*WH**92*DC9"]
    (fact,) = read(a_file(a_set("0001", *body))).facts
    assert (fact.item_ref, fact.lot, fact.uom, fact.location_ref) == ("SKU-1", "LOT-7", "CA", "DC9")
    parts = ["LIN**SK*SKU-1", "QTY*17*5*EA", "LS*1", "REF*LT*A", "LE*1", "QTY*17*6*EA", "LS*1", "REF*LT*B", "LE*1"]
    assert [(f.lot, f.line_key) for f in read(a_file(a_set("0001", *parts))).facts] == [
        ("A", "REF-1/1/17/A"),
        ("B", "REF-1/1/17/B"),
    ]


@pytest.mark.parametrize(
    ("line", "code", "position"),
    [
        ("QTY*17*1,5*EA", "element_form", "QTY02"),
        ("QTY*17*1e3*EA", "element_form", "QTY02"),
        ("QTY*17*+5*EA", "element_form", "QTY02"),
        ("QTY*17*٣*EA", "element_form", "QTY02"),
        ("QTY*17**EA", "element_missing", "QTY02"),
        ("QTY**5*EA", "element_missing", "QTY01"),
        ("QTY*17*5", "uom_missing", "QTY"),
        ("QTY*27*4*EA", "quantity_repeated", "QTY01"),
    ],
)
def test_a_bad_quantity_is_kept_out_and_the_rest_loads(line: str, code: str, position: str) -> None:
    reading = read(a_file(a_set("0001", *ITEM[:1], "QTY*27*3*EA", line, "LIN*2*SK*SKU-2", "QTY*17*7*EA")))
    assert code in codes(reading)
    assert position in reading.faults[-1].position
    assert [(f.item_ref, f.quantity) for f in reading.facts if f.item_ref == "SKU-2"] == [("SKU-2", "7")]
    assert all(f.quantity == "3" for f in reading.facts if f.item_ref == "SKU-1")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (["LIN*1", "QTY*17*5*EA"], "item_missing"),
        (["LIN*1*SK*a\x07b", "QTY*17*5*EA"], "element_form"),
        (["LIN*1*SK*A"], "quantity_missing"),
        (["LIN*1*SK*A", "QTY*17*5*EA", "SDQ*EA*92*S1*5"], "spread_beside_total"),
    ],
)
def test_a_bad_item_is_kept_out_and_the_rest_loads(body: list[str], code: str) -> None:
    reading = read(a_file(a_set("0001", *body, "LIN*2*SK*SKU-2", "QTY*17*7*EA")))
    assert codes(reading) == [code]
    assert [fact.item_ref for fact in reading.facts] == ["SKU-2"]


GOOD = a_set("0002", "LIN*1*SK*SKU-2", "QTY*17*7*EA", bia="BIA*00*SI*REF-2*20261102")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (a_set(bia="BIA*00*SI*R*20261302"), "no_such_moment"),
        (a_set(bia="BIA*00*SI*R*2611"), "no_such_moment"),
        (a_set(bia="BIA*00*SI*R*20261102*2460"), "no_such_moment"),
        (a_set(bia="BIA*00*SI*R*20261102*2401"), "no_such_moment"),
        (a_set(bia="BIA*00*SI**20261102"), "element_missing"),
        (a_set(bia="BIA*04*SI*R*20261102"), "purpose_unsupported"),
        (a_set(bia="BSN*00*R*20261102"), "header_missing"),
        (a_set("0001", "DTM*184*20261102*1200*ET", *ITEM), "zone_unknown"),
        (a_set("0001", "N1*WH**92*OTHER", *ITEM), "value_repeated"),
        (a_set("0001", *ITEM, "CTT*2"), "line_count"),
        (a_set("0001", *ITEM, "x?z*1"), "segment_unknown"),
        (a_set("0001", "QTY*17*5*EA"), "segment_misplaced"),
        ([*a_set()[:-1], "SE*9*0001"], "set_count"),
        ([*a_set()[:-1], "SE*7*0009"], "set_control"),
        (a_set()[:-1], "set_not_closed"),
        (["ST*846*0001", "SE*2*0001"], "header_missing"),
        (["ST*810*0001", "BIG*00", "SE*3*0001"], "set_type_unsupported"),
        ([*a_set()[:2], *ITEM, "SE*6*0001"], "location_missing"),
    ],
)
def test_a_bad_set_is_quarantined_and_its_neighbour_loads(bad: list[str], code: str) -> None:
    reading = read(a_file(bad, GOOD))
    assert code in codes(reading)
    assert [fact.item_ref for fact in reading.facts] == ["SKU-2"]
    row = next(row for row in reading.rows() if row.fault_code == code)
    assert row.fault_detail is not None
    assert "a.edi, segment" in row.fault_detail
    assert "interchange 000000007" in row.fault_detail


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("IEA*1*000000007", "IEA*2*000000007", "interchange_count"),
        ("IEA*1*000000007", "IEA*1*000000008", "interchange_control"),
        ("GE*1*7", "GE*3*7", "group_count"),
        ("GE*1*7", "GE*1*8", "group_control"),
        ("GE*1*7~\n", "", "group_not_closed"),
        ("IEA*1*000000007~\n", "", "interchange_not_closed"),
    ],
)
def test_a_lying_envelope_is_marked_and_keeps_its_good_sets(before: str, after: str, code: str) -> None:
    data = a_file(a_set())
    assert before.encode() in data
    reading = read(data.replace(before.encode(), after.encode()))
    assert codes(reading) == [code]
    assert len(list(reading.facts)) == 2


def test_an_unknown_usage_is_never_stock() -> None:
    reading = read(a_file(a_set(), usage="X"))
    assert list(reading.facts) == []
    assert set(codes(reading)) == {"usage_unknown"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b" \r\n", "file_empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "file_binary"),
        (bytes(range(1, 256)) * 20, "file_binary"),
        (b"<html>not found</html>", "no_interchange"),
        (b"UNA:+.? 'UNB+UNOA:1'", "no_set"),
        (b"ISA*00*too short~", "isa_unreadable"),
        (b"ISA", "no_interchange"),
    ],
)
def test_what_is_no_interchange_is_refused_whole(data: bytes, code: str) -> None:
    reading = read(data)
    assert code in codes(reading)
    assert reading.is_refused
    assert [row.kind for row in reading.rows()] == [None] * len(reading.faults)


def test_a_half_written_file_keeps_its_closed_sets() -> None:
    data = a_file(a_set(), GOOD)
    cut = data[: data.index(b"SKU-2")]
    reading = read(cut)
    assert codes(reading) == ["interchange_not_closed", "group_not_closed", "set_not_closed"]
    assert {fact.item_ref for fact in reading.facts} == {"SKU-1"}


def test_a_partner_profile_is_data() -> None:
    data = a_file(a_set("0001", "LIN*1*SK*S*VN*V", "QTY*17*5"))
    profile = Profile("theirs", item_qualifiers=("VN",), default_uom="EA")
    assert [(f.item_ref, f.uom) for f in read(data, profile).facts] == [("V", "EA")]


def test_no_mutation_raises_or_loses_a_set_without_a_fault() -> None:
    rng = random.Random(846)
    sets = [
        a_set(f"{n:04d}", f"LIN*1*SK*SKU-{n}", f"QTY*17*{n}*EA", bia=f"BIA*00*SI*REF-{n}*20261102*1430")
        for n in range(1, 6)
    ]
    whole = a_file(*sets[:3]) + a_file(*sets[3:], element="|", end="'")
    expected = {f"REF-{n}/1/17" for n in range(1, 6)}
    assert {fact.line_key for fact in read(whole).facts} == expected
    alphabet = b"~*|'\r\n\x00ISAGSTE0123456789>\xff\xc3 "
    kept = 0
    for _ in range(4000):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            match rng.randrange(5):
                case 0:
                    data[at] = rng.choice(alphabet)
                case 1:
                    del data[at : at + rng.randint(1, 40)]
                case 2:
                    data[at:at] = bytes(rng.choice(alphabet) for _ in range(rng.randint(1, 5)))
                case 3:
                    data[at:at] = data[at : at + rng.randint(1, 200)]
                case _:
                    del data[max(at, 200) :]
        reading = read(bytes(data))
        kept += sum(1 for _ in reading.facts)
        starts = len(re.findall(rb"ST[*|]846[*|]", data))
        read_or_told = reading.sets_accepted + reading.sets_quarantined
        assert reading.faults or read_or_told >= starts, bytes(data)
        for row in reading.rows():
            assert "\x00" not in "".join(str(value) for value in row)
            assert row.fault_code or re.fullmatch(r"-?\d+(\.\d+)?", row.quantity or "")
    assert kept > 4000


def test_a_large_file_is_read_in_seconds() -> None:
    body = [part for n in range(1, 20_001) for part in (f"LIN*{n}*SK*SKU-{n}", f"QTY*17*{n}*EA")]
    assert len(list(read(a_file(a_set("0001", *body))).facts)) == 20_000


def test_an_endless_segment_is_cut_off_and_the_next_interchange_read() -> None:
    reading = read(a_file([*a_set(), "X" * 50_000]) + a_file(GOOD))
    assert "segment_too_long" in codes(reading)
    assert "SKU-2" in {fact.item_ref for fact in reading.facts}


REAL_FILES = sorted((Path(__file__).parent / "files").glob("*.edi"))


@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.stem)
def test_files_of_our_own_shaped_like_real_ones(path: Path) -> None:
    reading = read(path.read_bytes())
    wanted = path.with_suffix(".facts").read_text().splitlines()
    assert [
        f"{f.item_ref} {f.status_ref} {f.quantity} {f.uom} {f.location_ref} {f.recorded}" for f in reading.facts
    ] == wanted
    assert codes(reading) == []
