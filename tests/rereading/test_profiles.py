"""What a partner means otherwise than the standard: corrected in its profile, read again, as if read right at first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from network import Warehouse, an_846, edi_source, minutes

# They write 33 for what is there, and CS for a case of 12.
THEIRS = an_846("R-1", [{"sk": "SKU-0001", "vn": "V", "on_hand": "5", "uom": "CS"}]).replace(b"QTY*17*", b"QTY*33*")
ADJUSTED = (
    b"ISA*00*          *00*          *ZZ*BETA           *ZZ*SYNCLINE       *261102*1430*U*00401*000000900*0*P*>~\n"
    b"GS*AW*BETA*SYNCLINE*20261102*1430*900*X*004010~\nST*947*0001~\nW15*20261102*ADJ-1~\nN1*WH**92*BETA-NJ2~\n"
    b"G62*07*20261102*Z*0930~\nW19*06*4*EA**SK*SKU-0001~\nSE*6*0001~\nGE*1*900~\nIEA*1*000000900~\n"
)


@pytest.mark.parametrize("is_settled", [pytest.param(True, marks=pytest.mark.deep), False])
def test_33_case_and_the_sign_of_a_947(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str], is_settled: bool
) -> None:
    """Their 947 says 4 with reason 06, which takes stock away: by the standard it needs a minus, so it is kept out."""
    right = edi_source(
        misread(units={"CS": "CA"}, codes={"x12_846": {"quantity": {"33": "on_hand"}}}, adjustment_sign="by_code")
    )
    ours, fresh = new_warehouse(), new_warehouse()
    for into, source in ((ours, edi_source()), (fresh, right)):
        into.file("846.edi", THEIRS, source, minutes(0))
        into.file("947.edi", ADJUSTED, source, minutes(1))
        if is_settled:
            into.settle(minutes(2))
    if is_settled:
        assert ours.on_hand() == {}
    assert ours.rows("select fault_code from raw.facts where fault_code is not null") == [("sign_contradicts",)]
    ours.reread(right, now=minutes(60))
    ours.settle(minutes(61))
    fresh.settle(minutes(61))
    assert ours.on_hand() == {("SKU-0001", "DC3"): 5 * 12 - 4}
    assert ours.hashes() == fresh.hashes()
    assert "conflict" not in ours.dispositions()
    ours.rebuild()
    assert ours.hashes() == fresh.hashes()
