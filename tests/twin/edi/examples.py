"""One small document of each kind, and the segments that the standards want for it, written by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncline.twin.edi.model import (
    Acknowledgment,
    AdjustedLine,
    Adjustment,
    Document,
    Order,
    OrderedLine,
    Receipt,
    ReceivedLine,
    Shipment,
    ShippedLine,
    Stated,
    StatedLine,
    Statement,
)

AT, CREATED = datetime(2026, 11, 2, 14, 30), datetime(2026, 11, 2, 15, 5)
D = Decimal


def head(kind: str, reference: str = "R1") -> dict[str, Any]:
    return {"kind": kind, "reference": reference, "at": AT, "created": CREATED}


def statement(kind: str) -> Statement:
    """10 on hand of which 2 on hold, one lot; nothing of another item; two lots of a third."""
    lines = (
        StatedLine(
            item="A1", unit="EA", name="Lamp", lot="L7",
            stock=(Stated("on_hand", D(10)), Stated("quarantined", D(2))),
        ),
        StatedLine(item="A2", unit="CA", stock=(Stated("on_hand", D(0)), Stated("on_order", D(5)))),
        StatedLine(
            item="A3", unit="KG", stock=(Stated("on_hand", D("1.50"), "LA"), Stated("damaged", D("0.25"), "LB"))
        ),
    )  # fmt: skip
    return Statement(**head(kind), location="DC", lines=lines)


SHIPPED = Shipment(
    **head("945", "S1"), order="O1", ship_from="DC", ship_to="ST9",
    lines=(
        ShippedLine(item="A1", unit="EA", name="Lamp", lot="L7", ordered=D(10), shipped=D(10)),
        ShippedLine(item="A2", unit="EA", ordered=D(10), shipped=D(7)),
        ShippedLine(item="B3", unit="EA", ordered=D(4), shipped=D(4), instead_of="A3"),
        ShippedLine(item="A4", unit="EA", ordered=D(6), shipped=D(0)),
    ),
)  # fmt: skip


def moved(kind: str, *, pallet: str = "") -> Shipment:
    """Two lines on their way to DC2."""
    first, second = "340123450000000018", "340123450000000025"
    has_cartons = kind in ("856", "DESADV")
    lines = (
        ShippedLine(
            item="A1", unit="EA", name="Lamp", lot="L7", ordered=D(12), shipped=D(10), sscc=first * has_cartons
        ),
        ShippedLine(item="A2", unit="CA", ordered=D(3), shipped=D(3), sscc=second * has_cartons),
    )
    return Shipment(**head(kind, "S1"), order="O1", ship_from="DC1", ship_to="DC2", lines=lines, pallet=pallet)


RECEIVED = Receipt(
    **head("944", "W1"), order="O1", location="DC",
    lines=(
        ReceivedLine(
            item="A1", unit="EA", name="Lamp", lot="L7", good=D(90), exceptions=(("damaged", D(6)), ("short", D(4)))
        ),
        ReceivedLine(
            item="A2", unit="CA", good=D(20), exceptions=(("quality", D(1)), ("rejected", D(2)), ("hold", D(3)))
        ),
        ReceivedLine(item="A3", unit="EA", good=D(12), exceptions=(("over", D(2)),)),
    ),
)  # fmt: skip

QUESTIONED = (
    ReceivedLine(
        item="A1", unit="EA", name="Lamp", lot="L7", good=D(90), exceptions=(("damaged", D(6)), ("hold", D(3)))
    ),
    ReceivedLine(item="A2", unit="EA", good=D(20), returned=D(5)),
    ReceivedLine(item="A3", unit="CA", good=D(8)),
)  # fmt: skip

ADJUSTED = Adjustment(
    **head("947", "J1"), location="DC",
    lines=(
        AdjustedLine(item="A1", unit="EA", name="Lamp", lot="L7", reason="06", change=D(-13)),
        AdjustedLine(item="A2", unit="EA", reason="51", change=D(2)),
        AdjustedLine(item="A3", unit="EA", reason="05", change=D(5)),
        AdjustedLine(item="A4", unit="EA", reason="55", change=D(-4)),
        AdjustedLine(item="A5", unit="EA", reason="AU", change=D(1)),
        AdjustedLine(item="A6", unit="EA", reason="AA", change=D(-3)),
    ),
)  # fmt: skip


def ordered(kind: str) -> Order:
    lines = (
        OrderedLine(item="A1", unit="EA", name="Lamp", lot="L7", ordered=D(10)),
        OrderedLine(item="A2", unit="CA", ordered=D(2)),
    )
    return Order(**head(kind, "O1"), location="DC", ship_to="ST9", lines=lines)


def answered(kind: str, *, is_accepted: bool) -> Acknowledgment:
    about = "DESADV" if kind == "CONTRL" else "940"
    return Acknowledgment(
        **head(kind), of_type=about, of_interchange="000000005", of_group="7", of_set="0001", is_accepted=is_accepted
    )


def receipt(kind: str) -> Receipt:
    return Receipt(**head(kind, "W1"), order="O1", location="DC", lines=QUESTIONED)


EXAMPLES: dict[str, tuple[Document, str]] = {
    "846": (statement("846"), """
        BIA*00*SI*R1*20261102*1430
        N1*WH**92*DC
        LIN*1*SK*A1
        PID*F****Lamp
        REF*LT*L7
        QTY*17*10*EA
        QTY*QH*2*EA
        LIN*2*SK*A2
        QTY*17*0*CA
        QTY*63*5*CA
        LIN*3*SK*A3
        QTY*17*1.5*KG
        LS*LOT
        REF*LT*LA
        LE*LOT
        QTY*74*0.25*KG
        LS*LOT
        REF*LT*LB
        LE*LOT
        CTT*3"""),
    "846 at an instant": (replace(statement("846"), zone="Z", lines=statement("846").lines[1:2], purpose="replace"), """
        BIA*05*SI*R1*20261102
        DTM*184*20261102*1430*GM
        N1*WH**92*DC
        LIN*1*SK*A2
        QTY*17*0*CA
        QTY*63*5*CA
        CTT*1"""),
    "850": (ordered("850"), """
        BEG*00*SA*O1**20261102
        N1*ST**92*DC
        PO1*1*10*EA***SK*A1
        PID*F****Lamp
        PO1*2*2*CA***SK*A2
        CTT*2"""),
    "856 S-O-I": (moved("856"), """
        BSN*00*S1*20261102*1505*0004
        HL*1**S
        DTM*011*20261102*1430
        N1*SF**92*DC1
        N1*ST**92*DC2
        HL*2*1*O
        PRF*O1
        HL*3*2*I
        LIN**SK*A1
        SN1**10*EA**12*EA
        PID*F****Lamp
        REF*LT*L7
        HL*4*2*I
        LIN**SK*A2
        SN1**3*CA**3*CA
        CTT*4"""),
    "856 S-O-T-P-I": (moved("856", pallet="340123450000000032"), """
        BSN*00*S1*20261102*1505*0001
        HL*1**S
        DTM*011*20261102*1430
        N1*SF**92*DC1
        N1*ST**92*DC2
        HL*2*1*O
        PRF*O1
        HL*3*2*T
        MAN*GM*00340123450000000032
        HL*4*3*P
        MAN*GM*00340123450000000018
        HL*5*4*I
        LIN**SK*A1
        SN1**10*EA**12*EA
        PID*F****Lamp
        REF*LT*L7
        HL*6*3*P
        MAN*GM*00340123450000000025
        HL*7*6*I
        LIN**SK*A2
        SN1**3*CA**3*CA
        CTT*7"""),
    "861": (receipt("861"), """
        BRA*W1*20261102*00*1*1505
        DTM*050*20261102*1430
        N1*ST**92*DC
        RCD*1*90*EA***6*EA*01
        LIN**SK*A1
        REF*LT*L7
        RCD*2*****3*EA*09
        LIN**SK*A1
        REF*LT*L7
        RCD*3*20*EA*5*EA
        LIN**SK*A2
        RCD*4*8*CA
        LIN**SK*A3"""),
    "940": (ordered("940"), """
        W05*N*O1
        N1*SF**92*DC
        N1*ST**92*ST9
        G62*10*20261102
        W66*CC*M
        LX*1
        W01*10*EA**VN*A1********L7
        G69*Lamp
        LX*2
        W01*2*CA**VN*A2
        W76*12"""),
    "943": (moved("943"), """
        W06*F*O1*20261102*S1
        N1*SF**92*DC1
        N1*ST**92*DC2
        G62*11*20261102*W*1430
        W27*M*RDWY
        W04*10*EA**VN*A1
        G69*Lamp
        N9*LT*L7
        W04*3*CA**VN*A2
        W03*13"""),
    "944": (RECEIVED, """
        W17*F*20261102*W1*O1**W*1430
        N1*WH**92*DC
        W07*96*EA**VN*A1***L7
        G69*Lamp
        W13*6*EA*01**01
        W13*4*EA*02
        W07*26*CA**VN*A2
        W13*1*CA*04
        W13*2*CA*08
        W13*3*CA*09
        W07*12*EA**VN*A3
        W13*2*EA*03
        W14*134"""),
    "945": (SHIPPED, """
        W06*F*O1*20261102*S1
        N1*SF**92*DC
        N1*ST**92*ST9
        G62*11*20261102*W*1430
        W27*M*RDWY
        LX*1
        W12*CC*10*10*0*EA**VN*A1*L7
        G69*Lamp
        LX*2
        W12*CP*10*7*3*EA**VN*A2***********02
        LX*3
        W12*CS*4*4*0*EA**VN*B3*********VN*A3
        LX*4
        W12*CU*6*0*6*EA**VN*A4***********02
        W03*21"""),
    "947": (ADJUSTED, """
        W15*20261102*J1**00
        N1*WH**92*DC
        G62*07*20261102*W*1430
        W19*06*-13*EA**VN*A1***L7
        G69*Lamp
        W19*51*2*EA**VN*A2
        W19*05*5*EA**VN*A3**********QU
        W19*55*4*EA**VN*A4**********QU
        W19*AU*1*EA**VN*A5**********DM
        W19*AA*-3*EA**VN*A6"""),
    "997": (answered("997", is_accepted=True), """
        AK1*OW*7
        AK2*940*0001
        AK5*A
        AK9*A*1*1*1"""),
    "999": (answered("999", is_accepted=False), """
        AK1*OW*7*004010
        AK2*940*0001*004010
        IK3*W05*2**8
        IK4*1*473*7*X
        IK5*R*5
        AK9*R*1*1*0"""),
    "TA1": (answered("TA1", is_accepted=True), """
        TA1*000000005*261102*1430*A*000"""),
    "INVRPT": (statement("INVRPT"), """
        BGM+35+R1+9
        DTM+137:202611021505:203
        DTM+366:202611021430:203
        NAD+WH+DC::92
        LIN+1++A1:SA
        IMD+F++:::Lamp
        QTY+145:10:PCE
        GIN+BX+L7
        QTY+89:2:PCE
        GIN+BX+L7
        LIN+2++A2:SA
        QTY+145:0:CT
        QTY+21:5:CT
        LIN+3++A3:SA
        QTY+145:1.5:KGM
        GIN+BX+LA
        QTY+124:0.25:KGM
        GIN+BX+LB"""),
    "DESADV": (moved("DESADV"), """
        BGM+351+S1+9
        DTM+137:202611021505:203
        DTM+11:202611021430:203
        RFF+ON:O1
        NAD+SF+DC1::92
        NAD+DP+DC2::92
        CPS+1
        CPS+2+1
        PAC+1++CT
        PCI+33E
        GIN+BJ+340123450000000018
        LIN+1++A1:SA
        IMD+F++:::Lamp
        QTY+12:10:PCE
        QTY+21:12:PCE
        GIN+BX+L7
        CPS+3+1
        PAC+1++CT
        PCI+33E
        GIN+BJ+340123450000000025
        LIN+2++A2:SA
        QTY+12:3:CT
        QTY+21:3:CT
        CNT+2:2"""),
    "RECADV": (receipt("RECADV"), """
        BGM+632+W1+9
        DTM+137:202611021505:203
        DTM+50:202611021430:203
        RFF+ON:O1
        NAD+DP+DC::92
        CPS+1
        LIN+1++A1:SA
        IMD+F++:::Lamp
        QTY+194:90:PCE
        QTY+124:6:PCE
        QTY+89:3:PCE
        GIN+BX+L7
        LIN+2++A2:SA
        QTY+194:20:PCE
        QTY+195:5:PCE
        LIN+3++A3:SA
        QTY+48:8:CT
        CNT+2:3"""),
    "CONTRL": (answered("CONTRL", is_accepted=False), """
        UCI+000000005+SYNCLINE:ZZ+PARTNER:ZZ+4
        UCM+0001+DESADV:D:96A:UN+4"""),
}  # fmt: skip
