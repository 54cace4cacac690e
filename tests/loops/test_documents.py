"""Loops as partners' documents tell them, landed from a real server: each link comes from the bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.edi.test_to_stock import SHORT, after, document
from tests.rereading.conftest import warehouses
from tests.rereading.network import START, Warehouse, edi_source

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.landing import Document, Fact, Load, land
from syncline.loops import Told, land_returns, tell
from syncline.warehouse import embedded

SUBSTITUTE = "W12*CS*3*2**EA**SK*SKU-0002*********SK*SKU-0001"


@pytest.fixture
def ours(
    server: embedded.Server, role_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    with warehouses(server, role_passwords, tmp_path_factory.mktemp("loops")) as make:
        made = make()
        rules = read_folder(project_root() / "dbt_project" / "seeds")
        own = rules["ownership_rules"]
        example = next(row for row in own if row["source"] == "beta_3pl")
        own.append({**example, "measure": "provisional"})
        apply(made.owner, rules, START, "test")
        yield made


def counted(ours: Warehouse) -> None:
    parts = [
        part
        for n, units in enumerate((100, 50), 1)
        for part in (f"LIN*{n}*SK*SKU-000{n}", f"QTY*17*{units}*EA", "QTY*74*0*EA", "QTY*QH*0*EA")
    ]
    told = document("846", 1, "BIA*00*SI*R-1*20261102*0900", "N1*WH**92*BETA-NJ2", *parts)
    assert ours.file("1.edi", told, edi_source(), after(1)).faults == 0


def released(ours: Warehouse, units: int) -> None:
    recorded = f"{after(5):%Y-%m-%dT%H:%M:%S}Z"
    fact = Fact(
        "movement", "SKU-0001", "BETA-NJ2", "provisional", "EA", str(units), recorded, "R/1", "ORDER-1/1", "r", "test/1"
    )
    land(ours.loader, Load("beta_3pl", "edi", after(6), [Document("release", b"{}", (fact,))]))


def loops(ours: Warehouse, *columns: str) -> list[tuple[object, ...]]:
    return list(ours.rows(f"select kind, {', '.join(columns)} from marts.fct_loops order by kind, item"))


def test_a_945_that_is_short_and_substitutes_settles_its_release(ours: Warehouse) -> None:
    counted(ours)
    released(ours, 10)
    ours.settle(after(50))
    advice = document(
        "945",
        2,
        "W06*N*ORDER-1*20261102*T-500",
        "N1*WH**92*BETA-NJ2",
        "G62*11*20261102*Z*1030",
        "LX*1",
        SHORT,
        SUBSTITUTE,
    )
    assert ours.file("2.edi", advice, edi_source(), after(60)).faults == 0
    ours.settle(after(61))
    assert ours.rows(
        "select released, confirmed, substituted, outstanding, back_order, state from canonical.releases"
    ) == [(10, 7, 2, 0, 1, "short")]
    assert loops(ours, "state", "expected", "happened", "substituted", "missing") == [
        ("short_pick", "waiting", 10, 7, 2, 1)
    ]
    assert tell(ours.transformer, after(62)) == Told(first=5)
    # The same file again under another name: nothing new to tell.
    ours.file("3.edi", advice, edi_source(), after(70))
    ours.settle(after(71))
    assert tell(ours.transformer, after(72)) == Told()


def test_a_944_is_held_against_what_the_856_announced(ours: Warehouse) -> None:
    counted(ours)
    announced = document(
        "856", 2, "BSN*00*ASN-1*20261102*0915*0004", "DTM*017*20261103", "HL*1**S", "N1*ST**92*BETA-NJ2", "HL*2*1*O",
        "PRF*PO-1", "HL*3*2*I", "LIN**SK*SKU-0001", "SN1**25*EA", "HL*4*2*I", "LIN**SK*SKU-0002", "SN1**10*EA",
    )  # fmt: skip
    received = document(
        "944", 3, "W17*F*20261102*RCV-1**ASN-1", "N1*WH**92*BETA-NJ2", "G62*09*20261102*Z*1000",
        "W07*20*EA**SK*SKU-0001", "W13*3*EA*01*A", "W07*12*EA**SK*SKU-0002",
    )  # fmt: skip
    for number, content in enumerate((announced, received), 2):
        assert ours.file(f"{number}.edi", content, edi_source(), after(60 + number)).faults == 0
    ours.settle(after(70))
    assert loops(ours, "subject", "item", "state", "expected", "happened", "missing") == [
        ("damage", "RCV-1/1/1", "SKU-0001", "closed", 0, 3, 0),
        ("receipt_over", "ASN-1", "SKU-0002", "closed", 10, 12, -2),
        ("receipt_short", "ASN-1", "SKU-0001", "waiting", 25, 20, 5),
    ]
    assert tell(ours.transformer, after(71)) == Told(first=3)

    # The day it was due on is over at the site: what is missing is overdue, and the notice says nothing new.
    late = document("846", 4, "BIA*00*SI*R-2*20261104*0900", "N1*WH**92*BETA-NJ2", "LIN*1*SK*SKU-0002", "QTY*17*62*EA")
    ours.file("4.edi", late, edi_source(), START + timedelta(days=3))
    ours.settle(START + timedelta(days=3, minutes=1))
    assert ("receipt_short", "overdue", 5) in loops(ours, "state", "missing")
    assert tell(ours.transformer, START + timedelta(days=3, minutes=2)) == Told()


def test_a_944_brings_a_return_back_and_a_947_takes_it_off_hold_and_says_what_was_counted(ours: Warehouse) -> None:
    counted(ours)
    line = {"return": "RMA-1", "item": "SKU-0001", "location": "BETA-NJ2", "quantity": 3}
    authorised = json.dumps({**line, "authorised_at": START.isoformat()}).encode()
    assert land_returns(ours.loader, "beta_3pl", "returns", authorised, after(2)) == (1, 0, 0)
    back = document(
        "944", 2, "W17*C*20261102*RCV-9*ORDER-1", "N1*WH**92*BETA-NJ2", "N9*RZ*RMA-1", "G62*09*20261102*Z*1000",
        "W07*3*EA**SK*SKU-0001", "W13*3*EA*05*H",
    )  # fmt: skip
    assert ours.file("2.edi", back, edi_source(), after(61)).faults == 0
    ours.settle(after(62))
    shown = ("subject", "item", "state", "expected", "happened", "details ->> 'held'", "details ->> 'restocked'")
    assert loops(ours, *shown) == [("return", "RMA-1", "SKU-0001", "waiting", 3, 3, "3", "0")]
    assert tell(ours.transformer, after(63)) == Told(first=1)

    adjusted = document(
        "947", 3, "W15*20261102*ADJ-1", "N1*WH**92*BETA-NJ2", "W19*55*2*EA**SK*SKU-0001", "N9*RZ*RMA-1",
        "G62*07*20261102*Z*1045", "W19*07*-1*EA**SK*SKU-0001", "N9*RZ*RMA-1", "G62*07*20261102*Z*1046",
        "W19*55*1*EA**SK*SKU-0001", "N9*RZ*RMA-1", "G62*07*20261102*Z*1047",
        "W19*AA*-4*EA**SK*SKU-0002", "G62*07*20261102*Z*1048",
    )  # fmt: skip
    assert ours.file("3.edi", adjusted, edi_source(), after(110)).faults == 0
    ours.settle(after(111))
    assert loops(ours, *shown) == [
        ("cycle_count", "ADJ-1/4", "SKU-0002", "closed", 0, -4, None, None),
        ("return", "RMA-1", "SKU-0001", "closed", 3, 3, "0", "2"),
    ]
    assert ours.rows("select item, quantity from canonical.balances where measure = 'on_hand' order by item") == [
        ("SKU-0001", 102), ("SKU-0002", 46),
    ]  # fmt: skip
    assert tell(ours.transformer, after(112)) == Told(first=2)
    ours.file("4.edi", adjusted, edi_source(), after(120))
    ours.settle(after(121))
    assert tell(ours.transformer, after(122)) == Told()
