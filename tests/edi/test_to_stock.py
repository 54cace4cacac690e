"""Documents become stock: landed from a real server, decided by the models, beside an API that tells the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from loopback_wms import WmsServer, event
from tests.rereading.conftest import warehouses
from tests.rereading.network import START, Warehouse, edi_source, wms_source

from syncline.config import apply, read_folder
from syncline.home import project_root
from syncline.warehouse import embedded

ISA = "ISA*00*          *00*          *ZZ*PARTNER        *ZZ*SYNCLINE       *261102*1430*U*00401*{number:09d}*0*P*>"
GROUPS = {"846": "IB", "856": "SH", "944": "RE", "945": "SW", "947": "AW"}


def document(kind: str, number: int, *segments: str) -> bytes:
    rows = [
        ISA.format(number=number), f"GS*{GROUPS[kind]}*PARTNER*SYNCLINE*20261102*1430*{number}*X*004010",
        f"ST*{kind}*0001", *segments, f"SE*{len(segments) + 2}*0001", f"GE*1*{number}", f"IEA*1*{number:09d}",
    ]  # fmt: skip
    return "".join(f"{row}~\n" for row in rows).encode()


def shipment(number: int, site: str, *lines: str) -> bytes:
    """A 945 of 10:30 local time; a line is what follows LX."""
    told = [part for n, line in enumerate(lines, 1) for part in (f"LX*{n}", line)]
    head = ["W06*N*ORDER-1*20261102*T-500", f"N1*WH**92*{site}", "G62*11*20261102*Z*1030"]
    return document("945", number, *head, *told)


SHORT = "W12*CP*10*7*3*EA**SK*SKU-0001"
SUBSTITUTE = "W12*CS*3*2**EA**SK*SKU-0002*********SK*SKU-0001"


@pytest.fixture
def into(
    server: embedded.Server, role_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Warehouse]]:
    with warehouses(server, role_passwords, tmp_path_factory.mktemp("documents")) as make:

        def ruled(**changes: str) -> Warehouse:
            """With in transit owned where a partner tells it, and a secondary's movements as ``changes`` say."""
            ours = make()
            rules = read_folder(project_root() / "dbt_project" / "seeds")
            own = rules["ownership_rules"]
            example = next(row for row in own if row["source"] == "beta_3pl")
            for row in own:
                row.update(changes if row["source"] == "acme_3pl" else {})
            own.append({**example, "measure": "in_transit"})
            apply(ours.owner, rules, START, "test")
            return ours

        yield ruled


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def stock(ours: Warehouse) -> dict[tuple[str, str, str], int]:
    rows = ours.rows("select item, location, measure, quantity from canonical.balances where quantity <> 0")
    return {(item, location, measure): quantity for item, location, measure, quantity in rows}


def test_a_site_that_only_speaks_edi(into: Callable[..., Warehouse]) -> None:
    """Counted, announced, received with damages, shipped short with a substitute, put on hold."""
    ours, source = into(), edi_source()
    counts = [
        part
        for n, units in enumerate((100, 50), 1)
        for part in (f"LIN*{n}*SK*SKU-000{n}", f"QTY*17*{units}*EA", "QTY*74*0*EA", "QTY*QH*0*EA")
    ]
    told = [
        document("846", 1, "BIA*00*SI*R-1*20261102*0900", "N1*WH**92*BETA-NJ2", *counts),
        document(
            "856", 2, "BSN*00*ASN-1*20261102*0915*0004", "HL*1**S", "N1*ST**92*BETA-NJ2", "HL*2*1*O", "PRF*PO-1",
            "HL*3*2*I", "LIN**SK*SKU-0001", "SN1**25*EA",
        ),
        document(
            "944", 3, "W17*F*20261102*RCV-1**ASN-1", "N1*WH**92*BETA-NJ2", "G62*09*20261102*Z*1000",
            "W07*20*EA**SK*SKU-0001", "W13*3*EA*01*A",
        ),
        shipment(4, "BETA-NJ2", SHORT, SUBSTITUTE),
        document(
            "947", 5, "W15*20261102*ADJ-1", "N1*WH**92*BETA-NJ2", "W19*05*4*EA**SK*SKU-0002", "G62*07*20261102*Z*1045",
        ),
    ]  # fmt: skip
    for number, content in enumerate(told):
        landed = ours.file(f"{number}.edi", content, source, after(60 + number))
        assert landed.faults == 0, number
    assert ours.settle(after(90)) is not None
    assert stock(ours) == {
        ("SKU-0001", "DC3", "on_hand"): 100 + 20 - 7,
        ("SKU-0001", "DC3", "damaged"): 3,
        ("SKU-0001", "DC3", "in_transit"): 25 - 20,
        ("SKU-0002", "DC3", "on_hand"): 50 - 2,
        ("SKU-0002", "DC3", "quarantined"): 4,
    }
    answered = ours.rows("select kind, status, state from ops.edi_outbound order by outbound_id")
    assert answered == [("997", "A", "sent")] * len(told)
    before = ours.hashes()
    ours.rebuild()
    assert ours.hashes() == before


@pytest.mark.parametrize("first", ["edi", "api"])
def test_a_945_and_its_api_twin_are_one_shipment(into: Callable[..., Warehouse], first: str) -> None:
    ours, source = into(movements="apply"), edi_source(name="acme_3pl")
    server = WmsServer()
    counted = [
        {"line": 1, "sku": "SKU-0001", "uom": "EA", "counted": 100, "measure": "on_hand"},
        {"line": 2, "sku": "SKU-0002", "uom": "EA", "counted": 50, "measure": "on_hand"},
    ]
    # 14:00 in UTC; the shipment is posted at 16:30, which is 10:30 at the site.
    server.events = [event(1, 240, "inventory.adjusted", mode="count", lines=counted)]
    lines = [
        {"line": 1, "sku": "SKU-0001", "uom": "EA", "quantity": 7, "released": 10, "order_line": "ORDER-1/1"},
        {"line": 2, "sku": "SKU-0002", "uom": "EA", "quantity": 2, "released": 0, "order_line": "ORDER-1/2"},
    ]
    twin = event(2, 390, "shipment.confirmed", shipment_id="S-1", transaction_id="T-500", lines=lines)
    try:
        ours.poll(server, wms_source(), after(0))
        if first == "edi":
            assert ours.file("945.edi", shipment(1, "ACM-CHI", SHORT, SUBSTITUTE), source, after(100)).faults == 0
            ours.settle(after(101))
            assert stock(ours)["SKU-0001", "DC1", "on_hand"] == 93
        server.events.append(twin)
        ours.poll(server, wms_source(), after(110))
        if first == "api":
            ours.settle(after(111))
            assert ours.file("945.edi", shipment(1, "ACM-CHI", SHORT, SUBSTITUTE), source, after(120)).faults == 0
        ours.settle(after(130))
    finally:
        server.close()
    assert stock(ours)["SKU-0001", "DC1", "on_hand"] == 93
    assert stock(ours)["SKU-0002", "DC1", "on_hand"] == 48
    told_again = ours.rows(
        "select d.disposition, d.reason, count(*) from intermediate.int_dispositions d join staging.stg_facts f using"
        " (fact_id) where f.source = 'acme_3pl' group by 1, 2"
    )
    assert told_again == [("duplicate", "same_event", 2)]
