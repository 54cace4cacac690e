"""Each of these inputs once became a wrong number, or vanished without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edi.interchanges import codes, edifact, read, stock, x12

from syncline.edi import Profile
from syncline.edi.partners import load
from syncline.errors import ConfigurationError

BIA = ["BIA*00*SI*REF-1*20261102*1430", "N1*WH**92*DC3"]
BSN = ["BSN*00*S-1*20261102*1200", "HL*1**S", "N1*ST**92*DC3"]
BRA = ["BRA*R-1*20261102*00*2", "N1*ST**92*DC3"]
W15 = ["W15*20261102*A-1", "N1*WH**92*DC3"]
W06 = ["W06*F*ORD*20261102*SHIP", "N1*SF**92*DC3", "N1*ST**92*DC9"]
W17 = ["W17*F*20261102*RC-1**SHIP", "N1*WH**92*DC9"]
BGM = ["BGM+35+R-1+9", "DTM+366:20261102:102", "NAD+WH+DC3::92"]


# What stands where: 004010, and the message structures of D.96A and D.01B -------------------------------------------


def test_the_third_id_of_a_w04_is_not_its_freight_class() -> None:
    reading = read(x12("943", [*W06, "W04*5*EA******ZZ*70*****SK*V-1"]))
    assert stock(reading) == ["in_transit 5 EA V-1 at DC9", "on_hand -5 EA V-1 at DC3"]


def test_each_quantity_in_question_of_an_rcd_counts_in_its_own_unit() -> None:
    rcd = "RCD*1*5*CA***3*EA*01*2*EA*02*1*EA*09"
    assert stock(read(x12("861", [*BRA, rcd, "LIN**SK*V-1"]))) == [
        "on_hand 5 CA V-1 at DC3",
        "in_transit -5 CA V-1 at DC3",
        "on_hand 3 EA V-1 at DC3",
        "in_transit -3 EA V-1 at DC3",
        "damaged 3 EA V-1 at DC3",
        "on_hand 1 EA V-1 at DC3",
        "in_transit -1 EA V-1 at DC3",
        "quarantined 1 EA V-1 at DC3",
    ]


def test_the_unit_of_an_sdq_is_its_own_and_a_gap_in_it_ends_nothing() -> None:
    body = [BIA[0], "LIN**SK*V-1", "UIT*CA", "SDQ*EA*92*S1*5***S2*7"]
    assert stock(read(x12("846", body))) == ["SDQ 5 EA V-1 at S1", "SDQ 7 EA V-1 at S2"]


@pytest.mark.parametrize(
    ("kind", "body", "there"),
    [
        ("861", [BRA[0], "RCD*1*5*EA", "LIN**SK*A", "N1*ST**92*DC1", "RCD*2*6*EA", "LIN**SK*B"], "DC1"),
        ("947", [W15[0], "W19*51*5*EA**VN*A", "N1*WH**92*DC1", "W19*51*6*EA**VN*B"], "DC1"),
        ("945", [*W06[:2], "LX*1", "W12*CC*5*5*0*EA**VN*A", "N1*WH**92*DC1", "LX*2", "W12*CC*6*6*0*EA**VN*B"], "DC1"),
    ],
)
def test_the_place_of_one_line_is_not_that_of_the_next(kind: str, body: list[str], there: str) -> None:
    places = {fact.item_ref: fact.location_ref for fact in read(x12(kind, body)).facts}
    assert places.pop("A") == there
    assert places in ({}, {"B": "DC3"})


def test_the_place_of_one_quantity_is_not_that_of_the_next_item() -> None:
    body = [*BGM[:2], "LIN+1++A:SA", "QTY+145:5:PCE", "NAD+WH+DC1::92", "LIN+2++B:SA", "QTY+145:6:PCE"]
    reading = read(edifact("INVRPT", body))
    assert (stock(reading), codes(reading)) == (["on_hand 5 PCE A at DC1"], ["location_missing"])


def test_a_substitute_is_another_item() -> None:
    body = [*BGM, "LIN+1++4000:SRV", "PIA+4+OTHER:SA", "QTY+145:5:PCE"]
    assert stock(read(edifact("INVRPT", body))) == ["on_hand 5 PCE 4000 at DC3"]
    body[4] = "PIA+1+V-1:SA"
    assert stock(read(edifact("INVRPT", body))) == ["on_hand 5 PCE V-1 at DC3"]


@pytest.mark.parametrize("release", ["96A", "01B"])
def test_damaged_stock_is_not_all_that_is_on_hand(release: str) -> None:
    about = ["QTY+145:5:PCE", "INV++2"] if release == "96A" else ["INV++2", "QTY+145:5:PCE"]
    reading = read(edifact("INVRPT", [*BGM, "LIN+1++A:SA", *about], version=f"D:{release}:UN"))
    assert stock(reading) == ["damaged 5 PCE A at DC3"]


def test_the_lot_behind_several_quantities_is_that_of_the_item() -> None:
    body = ["BGM+351+D-1+9", "DTM+11:20261102:102", "NAD+DP+DC3::92", "CPS+1"]
    body += ["LIN+1++A:SA", "QTY+12:5:PCE", "QTY+21:9:PCE", "GIN+BX+LOT-1", "CPS+2", "LIN+2++B:SA", "QTY+12:6:PCE"]
    assert [(f.item_ref, f.lot) for f in read(edifact("DESADV", body)).facts] == [("A", "LOT-1"), ("B", None)]


def test_goods_in_question_are_there() -> None:
    body = ["BGM+632+D-1+9", "DTM+50:20261102:102", "NAD+DP+DC3::92", "LIN+1++A:SA"]
    parts = read(edifact("RECADV", [*body, "QTY+194:10:PCE", "QTY+124:3:PCE", "QTY+195:2:PCE"]))
    assert sum(int(f.quantity or 0) for f in parts.facts if f.status_ref == "on_hand") == 13
    whole = read(edifact("RECADV", [*body, "QTY+48:13:PCE", "QTY+194:10:PCE", "QTY+124:3:PCE"]))
    assert stock(whole) == ["on_hand 13 PCE A at DC3", "in_transit -13 PCE A at DC3", "damaged 3 PCE A at DC3"]


@pytest.mark.parametrize(("version", "is_read"), [("S:93A:UN", True), ("D:96A:UN", True), ("", False)])
def test_an_old_message_has_the_old_layout_and_one_without_a_version_none(version: str, is_read: bool) -> None:
    reading = read(edifact("INVRPT", [*BGM, "LIN+1++A:SA", "QTY+156:5:PCE", "INV+1"], version=version))
    assert (stock(reading), codes(reading)) == (
        (["on_hand -5 PCE A at DC3"], []) if is_read else ([], ["set_type_unsupported"])
    )


# What is not said twice, and what is not said at all ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("856", [*BSN, "HL*2*1*I", "LIN**SK*A", "SN1**5*EA", "LIN**SK*B", "SN1**7*EA"], "value_repeated"),
        ("856", [*BSN, "HL*2*1*I", "LIN**SK*A"], "quantity_missing"),
        ("856", [*BSN, "HL*2*1*P", "LIN**SK*A", "SN1**5*EA"], "segment_misplaced"),
        ("856", [*BSN, "HL*2*9*I", "LIN**SK*A", "SN1**5*EA", "N1*ST**92*X"], "level_unknown"),
        ("856", [*BSN, "HL*1*1*I", "LIN**SK*A", "SN1**5*EA"], "level_unknown"),
        ("861", [*BRA, "LIN**SK*A", "RCD*1*5*EA", "LIN**SK*B", "RCD*2*6*EA"], "segment_misplaced"),
        ("861", [*BRA, "RCD*1*5*EA***3*EA", "LIN**SK*A"], "element_missing"),
        ("846", [*BIA, "LIN**SK*A*SK*B", "QTY*17*5*EA"], "item_missing"),
        ("846", [*BIA, "LIN**SK*A", "UIT*CA", "UIT*EA", "QTY*17*5"], "uom_missing"),
        ("846", [*BIA, "DTM*184*20261101", "DTM*184*20261030", "LIN**SK*A", "QTY*17*5*EA"], "moment_missing"),
        ("944", [*W17, "W07*10*EA**VN*A", "W13*x*EA*01"], "line_incomplete"),
        ("944", ["W17*F*20261102", W17[1], "W07*10*EA**VN*A"], "reference_missing"),
        ("945", [*W06[:2], "LX*", "W12*CC*5*5*0*EA**VN*A"], "element_missing"),
        ("945", [*W06[:2], "LX*1", "W12*CC*5*5*0*EA**VN*A", "LX*1", "W12*CC*6*6*0*EA**VN*A"], "event_repeated"),
    ],
)
def test_nothing_is_guessed_of_x12(kind: str, body: list[str], code: str) -> None:
    profile = Profile(
        "theirs", default_uom="EA", location="DC3"
    )  # stand in for what is not said, never for two answers
    reading = read(x12(kind, body), profile)
    assert stock(reading) == []
    assert code in codes(reading)


@pytest.mark.parametrize("parts", [["QTY+156:5:PCE"], ["QTY+156:5:PCE", "INV+3"], ["QTY+156:-5:PCE", "INV+1"]])
def test_a_movement_needs_a_direction_that_its_sign_keeps(parts: list[str]) -> None:
    reading = read(edifact("INVRPT", [*BGM, "LIN+1++A:SA", *parts]))
    assert not [fact for fact in reading.facts if fact.status_ref == "on_hand"]
    assert reading.findings


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("943", [*W06, "W04*-5*EA**VN*A"]),
        ("944", [*W17, "W07*-5*EA**VN*A"]),
        ("945", [*W06[:2], "LX*1", "W12*CC*5*-5*0*EA**VN*A"]),
        ("861", [*BRA, "RCD*1*-5*EA", "LIN**SK*A"]),
        ("856", [*BSN, "HL*2*1*I", "LIN**SK*A", "SN1**-5*EA"]),
    ],
)
def test_a_negative_number_of_goods_moves_nothing_of_its_line(kind: str, body: list[str]) -> None:
    reading = read(x12(kind, body))
    assert (stock(reading), codes(reading)) == ([], ["sign_contradicts"])


@pytest.mark.parametrize(("reason", "written", "told"), [("55", "22", "-22"), ("55", "-22", "-22"), ("05", "22", "22")])
def test_a_code_of_a_status_says_which_way_it_moves(reason: str, written: str, told: str) -> None:
    assert stock(read(x12("947", [*W15, f"W19*{reason}*{written}*EA**VN*A"]))) == [f"quarantined {told} EA A at DC3"]


@pytest.mark.parametrize("code", ["K", "B", "S", "Q"])
@pytest.mark.parametrize(
    ("kind", "body"), [("944", [*W17, "W07*5*EA**VN*A"]), ("945", [*W06[:2], "LX*1", "W12*CC*5*5*0*EA**VN*A"])]
)
def test_a_simulation_is_no_stock(kind: str, body: list[str], code: str) -> None:
    body = [body[0].replace("*F*", f"*{code}*"), *body[1:]]
    reading = read(x12(kind, body))
    assert (stock(reading), codes(reading)) == ([], ["purpose_unsupported"])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("846", ["BIA*01*SI*R*20261102", BIA[1]]),
        ("947", ["W15*20261102*A-1**05", W15[1]]),
        ("856", ["BSN*01*S*20261102"]),
    ],
)
def test_a_cancellation_without_lines_says_so(kind: str, body: list[str]) -> None:
    assert codes(read(x12(kind, body))) == ["lines_missing"]


def test_945_differences_are_checked() -> None:
    reading = read(x12("945", [*W06[:2], "LX*1", "W12*CP*5*3*-2*EA**VN*A", "LX*2", "W12*CP*5*3*1*EA**VN*B"]))
    assert [(found.code, found.segment_no) for found in reading.findings] == [("total_differs", 9)]
    assert len(stock(reading)) == 2


# Which fact is which ------------------------------------------------------------------------------------------------


def keys(data: bytes) -> list[tuple[str | None, ...]]:
    return [(fact.event_key, fact.location_ref, fact.status_ref) for fact in read(data).facts]


def test_an_arrival_is_another_event_than_the_departure() -> None:
    left = keys(x12("943", [*W06, "W04*5*EA**VN*A"]))
    came = keys(x12("944", [*W17, "W07*5*EA**VN*A"]))
    assert not set(left) & set(came)
    notice = ["BSN*00*N-1*20261102*1200", "HL*1**S", "N1*ST**92*DC3", "HL*2*1*I", "LIN**SK*A", "SN1**5*EA"]
    advice = ["BRA*N-1*20261102*00*2", "N1*ST**92*DC3", "RCD*1*5*EA", "LIN**SK*A"]
    assert not set(keys(x12("856", notice))) & set(keys(x12("861", advice)))


def test_two_lots_and_two_directions_are_two_events() -> None:
    out = ["QTY+156:5:PCE", "INV+1", "GIN+BX+L1", "QTY+156:6:PCE", "INV+1", "GIN+BX+L2", "QTY+156:6:PCE", "INV+2"]
    found = keys(edifact("INVRPT", [*BGM, "LIN+1++A:SA", *out]))
    assert len(set(found)) == len(found) == 3


def test_documents_of_one_number_have_lines_of_their_own() -> None:
    receipt = read(x12("944", ["W17*F*20261102*1001", "N1*WH**92*DC3", "W07*5*EA**VN*A"]))
    adjustment = read(x12("947", ["W15*20261102*1001", "N1*WH**92*DC3", "W19*51*5*EA**VN*A"]))
    assert not {fact.line_key for fact in receipt.facts} & {fact.line_key for fact in adjustment.facts}


@pytest.mark.parametrize("purpose", ["01", "05"])
def test_a_correction_meets_its_original(purpose: str) -> None:
    for kind, body, place in (
        ("846", [*BIA, "LIN**SK*A", "QTY*17*5*EA"], "BIA*00"),
        ("856", [*BSN, "HL*2*1*I", "LIN**SK*A", "SN1**5*EA"], "BSN*00"),
        ("861", [BRA[0], BRA[1], "RCD*1*5*EA", "LIN**SK*A"], "*20261102*00"),
        ("947", ["W15*20261102*A-1**00", W15[1], "W19*51*5*EA**VN*A"], "A-1**00"),
    ):
        first = x12(kind, body)
        second = x12(kind, [row.replace(place, place[:-2] + purpose) for row in body])
        before, after = list(read(first).facts), list(read(second).facts)
        assert [f.line_key for f in before] == [f.line_key for f in after]
        assert [f.event_key for f in before] == [f.event_key for f in after]
        assert all(f.revision > 1 and f.cancel == (purpose == "01") for f in after)


# Profiles -----------------------------------------------------------------------------------------------------------


def test_as_of_qualifiers_are_about_statements() -> None:
    body = [*W06[:2], "G62*11*20261101*W*0900", "LX*1", "W12*CC*5*5*0*EA**VN*A"]
    (fact,) = read(x12("945", body), Profile("theirs", as_of_qualifiers=("184",))).facts
    assert fact.recorded == "2026-11-01T09:00"


@pytest.mark.parametrize(
    ("codes", "line"),
    [
        ("{x12_947: {reason: {ZZ: on_hand}}}", "codes.x12_947.reason.ZZ: a movement needs measures"),
        ("{x12_846: {quantity: {'17': {on_hand: -1}}}}", "codes.x12_846.quantity.17: a balance needs one measure"),
    ],
)
def test_a_code_means_what_its_document_can_say(codes: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "acme.yml"
    path.write_text(f"codes: {codes}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=line):
        load(path)
