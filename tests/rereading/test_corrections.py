"""Targets get the net difference: what is not sent gives way, what was written under a wrong name waits to go back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from erp import Erp, outbox, released
from network import Warehouse, an_846, edi_source, minutes

from syncline.rereading import Selection, make_plan
from syncline.rereading.diff import difference

RIGHT = edi_source()
ITEM = {"sk": "SKU-0001", "vn": "SKU-0002", "on_hand": "40"}
KEPT = {"sk": "SKU-0003", "vn": "SKU-0003", "on_hand": "7"}
CASES = an_846("R-1", [{"sk": "SKU-0001", "vn": "V", "on_hand": "5", "uom": "CS"}, KEPT])
NOON = an_846("R-2", [{"sk": "SKU-0001", "vn": "V", "on_hand": "35"}], as_of="0930")
OF_ADJUSTMENT = "947/ADJ-1/1"


def adjusted(reason: str) -> bytes:
    """A 947 of BETA-NJ2: 4 of SKU-0001 by ``reason``, without a sign, after the 846."""
    return (
        "ISA*00*          *00*          *ZZ*BETA           *ZZ*SYNCLINE       *261102*1430*U*00401*000000900*0*P*>~\n"
        "GS*AW*BETA*SYNCLINE*20261102*1430*900*X*004010~\nST*947*0001~\nW15*20261102*ADJ-1~\nN1*WH**92*BETA-NJ2~\n"
        f"G62*07*20261102*Z*0930~\nW19*{reason}*4*EA**SK*SKU-0001~\nSE*6*0001~\nGE*1*900~\nIEA*1*000000900~\n"
    ).encode()


class Misreading(NamedTuple):
    """Files read by the ``wrong`` profile gave ``pushed`` of SKU-0001, by the ``right`` one they say ``stock``.

    ``told``: the difference of the two readings by line: before, now.
    """

    files: tuple[bytes, ...]
    wrong: dict[str, Any]
    right: dict[str, Any]
    pushed: int
    stock: int
    told: list[tuple[str | None, str | None]]


MISREADINGS = {
    "33 is what is there": Misreading(
        (an_846("R-1", [ITEM, KEPT]), NOON.replace(b"QTY*17*", b"QTY*33*")),
        {}, {"codes": {"x12_846": {"quantity": {"33": "on_hand"}}}}, 40, 35,
        [("SKU-0001/BETA-NJ2/available: 35 EA", None), (None, "SKU-0001/BETA-NJ2/on_hand: 35 EA")],
    ),
    "CS is a case": Misreading(
        (CASES,), {"units": {"CS": "EA"}}, {"units": {"CS": "CA"}}, 5, 60,
        [("SKU-0001/BETA-NJ2/on_hand: 5 EA", "SKU-0001/BETA-NJ2/on_hand: 5 CA")],
    ),
    "947 without a sign, kept out": Misreading(
        (an_846("R-1", [ITEM, KEPT]), adjusted("06")), {}, {"adjustment_sign": "by_code"}, 40, 36,
        [(None, "SKU-0001/BETA-NJ2/on_hand: -4 EA"), ("fault sign_contradicts", None)],
    ),
    "947 the wrong way round": Misreading(
        (an_846("R-1", [ITEM, KEPT]), adjusted("06")),
        {"codes": {"x12_947": {"reason": {"06": {"on_hand": 1}}}}}, {"adjustment_sign": "by_code"}, 44, 36,
        [("SKU-0001/BETA-NJ2/on_hand: 4 EA", "SKU-0001/BETA-NJ2/on_hand: -4 EA")],
    ),
}  # fmt: skip


ALWAYS = "CS is a case"  # the others are as long and walk the same way: `make test-deep`
CASES_OF_ALL = [
    pytest.param(case, id=name, marks=() if name == ALWAYS else pytest.mark.deep) for name, case in MISREADINGS.items()
]


@pytest.mark.parametrize("case", CASES_OF_ALL)
def test_what_a_misreading_pushed_is_corrected_by_the_difference(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str], case: Misreading
) -> None:
    """Pushed and booked before anybody saw it; then the profile is corrected and the files are read again."""
    ours = new_warehouse()
    erp = Erp(ours, {"SKU-0001": 3, "SKU-0003": 6})
    wrong, right = edi_source(misread(**case.wrong)), edi_source(misread(**case.right))
    for number, content in enumerate(case.files):
        ours.file(f"{number}.edi", content, wrong, minutes(number))
    released(ours, minutes(5))
    erp.books(minutes(6))
    assert erp.shows == {"SKU-0001": case.pushed, "SKU-0003": 7}

    shown = difference(ours.loader, make_plan(ours.loader, right, Selection()))
    assert [(change.old, change.new) for change in shown.changes] == case.told
    assert ours.rows("select count(*) from ops.readings") == [(0,)]
    before, versions = outbox(ours), told_of_others(ours)

    ours.reread(right, now=minutes(60))
    released(ours, minutes(61))
    assert "conflict" not in ours.dispositions()
    assert outbox(ours) == [before[0], ("SKU-0001", case.stock - case.pushed, "pending", None), *before[1:]]
    assert told_of_others(ours) == versions, "nothing is wanted anew for a key that was read right"

    erp.books(minutes(62))
    assert erp.shows == {"SKU-0001": case.stock, "SKU-0003": 7}
    assert ours.reread(right, now=minutes(63)).load_id is None
    after = outbox(ours)
    ours.rows(
        "insert into ops.correction_queue select target, item, location, 'looked at again', %s from ops.target_versions"
        " group by target, item, location returning 1", minutes(63),
    )  # fmt: skip
    released(ours, minutes(64))
    assert outbox(ours) == after, "a second cycle has nothing to say"
    assert ours.rows("select count(*) from ops.outbox where target = 'erp' and state <> 'applied'") == [(0,)]


def told_of_others(ours: Warehouse) -> list[tuple[object, ...]]:
    """What any target was told of the key that no misreading touched."""
    return ours.rows(
        "select target, version, wanted from ops.target_versions where item = 'SKU-0003' order by target, version"
    )


def test_only_the_net_difference_is_pushed(new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]) -> None:
    """40 of SKU-0001 were taken for SKU-0002, and the correction of that still waits to be sent."""
    ours = new_warehouse()
    Erp(ours, {"SKU-0001": 3, "SKU-0002": 5, "SKU-0003": 6})
    ours.file("a.edi", an_846("R-1", [ITEM, KEPT]), edi_source(misread(item_qualifiers=("VN", "SK"))), minutes(0))
    released(ours, minutes(1))
    assert outbox(ours) == [("SKU-0002", 35, "pending", None), ("SKU-0003", 1, "pending", None)]

    ours.reread(RIGHT)
    released(ours, minutes(3))
    assert outbox(ours) == [
        ("SKU-0001", 37, "pending", None),
        ("SKU-0002", 35, "dead", "superseded"),
        ("SKU-0003", 1, "pending", None),
    ]


def test_what_was_written_under_a_wrong_name_is_held_to_go_back(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str]
) -> None:
    """The ERP had 5 of SKU-0002 before we added 35 and others took 2: it should show 3 again, if a person says so."""
    ours = new_warehouse()
    erp = Erp(ours, {"SKU-0002": 5})
    ours.file("a.edi", an_846("R-1", [ITEM]), edi_source(misread(item_qualifiers=("VN", "SK"))), minutes(0))
    released(ours, minutes(1))
    erp.books(minutes(2))
    erp.changes("SKU-0002", -2, minutes(3))

    ours.reread(RIGHT)
    released(ours, minutes(4))
    assert outbox(ours) == [("SKU-0002", 35, "applied", None), ("SKU-0002", -35, "held", "without base")]
