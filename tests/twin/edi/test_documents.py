"""Each document against segments written by hand, and the choices that a partner may take."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.twin.edi.examples import ADJUSTED, EXAMPLES, RECEIVED, SHIPPED, moved, statement

from syncline.twin.edi import edifact, x12
from syncline.twin.edi.documents import body
from syncline.twin.edi.envelope import EDIFACT, X12, Separators
from syncline.twin.edi.model import KINDS, Document, is_edifact
from syncline.twin.edi.style import Body, Style


def text(document: Document, style: Style | None = None) -> list[str]:
    """The segments of a document with the usual separators."""
    written = body(document, style or Style())
    if is_edifact(document.kind):
        return [edifact.segment_text(segment, EDIFACT) for segment in written.segments]
    return [x12.segment_text(segment, X12) for segment in written.segments]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_document_is_what_the_standard_wants(name: str) -> None:
    document, wanted = EXAMPLES[name]
    assert "\n".join(text(document)) == textwrap.dedent(wanted).strip()


def test_every_kind_has_an_example() -> None:
    assert {document.kind for document, _ in EXAMPLES.values()} == set(KINDS)


def test_a_day_has_no_time_anywhere() -> None:
    """Only when it was written, which is another matter, has one."""
    for document, _ in EXAMPLES.values():
        dated = text(replace(document, has_time=False))
        if document.kind not in ("TA1",):
            assert not any("1430" in segment for segment in dated), document.kind
    assert text(replace(statement("INVRPT"), has_time=False))[2] == "DTM+366:20261102:102"
    assert text(replace(ADJUSTED, has_time=False))[:3] == ["W15*20261102*J1**00", "N1*WH**92*DC", text(ADJUSTED)[3]]
    assert text(replace(RECEIVED, has_time=False))[0] == "W17*F*20261102*W1*O1"


def test_a_version_before_4010_has_dates_of_six_digits() -> None:
    assert text(statement("846"), Style(version="003060"))[0] == "BIA*00*SI*R1*261102*1430"
    assert text(SHIPPED, Style(version="003060"))[0] == "W06*F*O1*261102*S1"


def test_d01b_has_inv_before_qty() -> None:
    report = text(statement("INVRPT"), Style(release="01B"))
    assert report[6:12] == ["INV++1", "QTY+145:10:PCE", "GIN+BX+L7", "INV++1", "QTY+89:2:PCE", "GIN+BX+L7"]
    assert report[-3:] == ["INV++2", "QTY+124:0.25:KGM", "GIN+BX+LB"]
    assert body(statement("INVRPT"), Style(release="01B")).version == "D:01B:UN"


def test_sdq_by_location_or_with_a_word_in_its_place() -> None:
    document = replace(statement("846"), lines=statement("846").lines[1:2])
    assert text(document, Style(sdq="only"))[2:] == ["LIN*1*SK*A2", "SDQ*CA*92*DC*0", "CTT*1"]
    assert text(document, Style(sdq="OH"))[3] == "SDQ*CA*ZZ*OH*0"
    assert text(document, Style(sdq="beside"))[3:5] == ["SDQ*CA*92*DC*0", "QTY*17*0*CA"]


def test_codes_and_units_of_a_partners_own() -> None:
    style = Style(measure_codes={"on_hand": "33"}, unit_codes={"CA": "CS"})
    assert "QTY*33*0*CS" in text(statement("846"), style)
    assert text(statement("846"), Style(is_unit_in_uit=True))[5:8] == ["UIT*EA", "QTY*17*10", "QTY*QH*2"]


def test_a_944_that_counts_good_stock_only() -> None:
    style = Style(excludes_exceptions=True)
    received = [segment for segment in text(RECEIVED, style) if segment.startswith(("W07", "W14"))]
    assert received == ["W07*90*EA**VN*A1***L7", "W07*20*CA**VN*A2", "W07*12*EA**VN*A3", "W14*122"]


def test_signs_of_a_947() -> None:
    """Unsigned, a code says the direction; a count (AA) says none, so its sign stays."""
    unsigned = [segment.split("*")[2] for segment in text(ADJUSTED, Style(is_unsigned=True)) if segment[:3] == "W19"]
    assert unsigned == ["13", "2", "5", "4", "1", "-3"]
    lines = tuple(replace(line, is_contradicted=True) for line in ADJUSTED.lines[:2])
    contradicted = [segment for segment in text(replace(ADJUSTED, lines=lines)) if segment[:3] == "W19"]
    assert contradicted == ["W19*06*13*EA**VN*A1***L7", "W19*51*-2*EA**VN*A2"]


def test_the_difference_of_a_945_with_the_other_sign() -> None:
    assert "W12*CP*10*7*-3*EA**VN*A2***********02" in text(SHIPPED, Style(is_difference_negative=True))


@pytest.mark.parametrize(
    ("style", "wanted"),
    [
        (Style(), ["12", "-0.5", "0"]),
        (Style(has_decimals=True), ["12.00", "-0.500", "0.00"]),
        (Style(has_leading_zeros=True), ["0000012", "-00000.5", "0000000"]),
        (Style(has_decimals=True, decimal_mark=","), ["12,00", "-0,500", "0,00"]),
    ],
)
def test_numbers(style: Style, wanted: list[str]) -> None:
    assert [style.quantity(Decimal(value)) for value in ("12", "-0.50", "0")] == wanted


def test_totals_can_be_wrong_or_missing() -> None:
    for document in (statement("846"), moved("856"), moved("DESADV"), SHIPPED, RECEIVED):
        right = text(document)
        assert text(document, Style(has_total=False)) == right[:-1]
        wrong = text(document, Style(total_off=1))
        assert (wrong[:-1], wrong[-1] != right[-1]) == (right[:-1], True)
    assert text(statement("846"), Style(total_off=1))[-1] == "CTT*4"


def test_separators_in_values() -> None:
    """X12 has no way to write them; EDIFACT releases them, of its own separators only."""
    assert x12.segment_text(["G69", "a*b~c>d'"], X12) == "G69*a b c d'"
    assert edifact.segment_text(["IMD", ("", "Women's + 2?")], EDIFACT) == "IMD+:Women?'s ?+ 2??"
    other = Separators("*", "|", "~", " ", "!", ",")
    assert edifact.segment_text(["IMD", ("", "Women's + a*b!")], other) == "IMD*|Women's + a!*b!!"


def test_a_body_knows_its_type_and_version() -> None:
    assert body(SHIPPED, Style()) == Body("945", "004010", body(SHIPPED, Style()).segments)
    assert body(moved("DESADV"), Style()).version == "D:96A:UN"
