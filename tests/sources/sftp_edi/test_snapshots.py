"""A full snapshot that is not whole zeroes nothing (semantics G11), and one that is, is registered as such."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from edi_partner import Partner, an_846, interchange
from tests.rereading.conftest import misread, new_warehouse
from tests.rereading.erp import Erp, outbox, released
from tests.rereading.network import Warehouse, edi_source, minutes
from tests.rereading.network import an_846 as an_846_of_beta

from syncline.edi import PROFILES, Profile

__all__ = ["misread", "new_warehouse"]
ITEMS = [f"SKU-{number:04d}" for number in range(1, 11)]


def told(on_hand: dict[str, int], reference: str, as_of: str, count: int | None) -> bytes:
    items = [{"sk": item, "vn": "V", "on_hand": str(quantity)} for item, quantity in on_hand.items()]
    return an_846_of_beta(reference, items, as_of=as_of, count=count)


@pytest.mark.parametrize(("count", "code"), [(10, "line_count"), (None, "snapshot_unproven")])
def test_g11_an_846_that_lacks_two_fifths_of_its_lines(
    new_warehouse: Callable[[], Warehouse], misread: Callable[..., str], count: int | None, code: str
) -> None:
    """Its count is wrong, or is not there: quarantined as incomplete, no key zeroed, no push, one exception."""
    ours = new_warehouse()
    source = edi_source(misread(snapshots={"x12_846": ("BETA-NJ2",)}))
    erp = Erp(ours, dict.fromkeys(ITEMS, 0))
    ours.file("a.edi", told(dict.fromkeys(ITEMS, 50), "R-1", "0900", 10), source, minutes(0))
    released(ours, minutes(1))
    erp.books(minutes(2))
    assert erp.shows == dict.fromkeys(ITEMS, 50)
    pushed, on_hand = outbox(ours), ours.on_hand()

    ours.file("b.edi", told(dict.fromkeys(ITEMS[:6], 40), "R-2", "0920", count), source, minutes(3))
    released(ours, minutes(4))
    assert ours.rows("select status, fault_code from raw.documents order by received_at") == [
        ("accepted", None), ("quarantined", code)
    ]  # fmt: skip
    assert (ours.on_hand(), outbox(ours)) == (on_hand, pushed)
    assert on_hand == {(item, "DC3"): 50 for item in ITEMS}
    assert ours.rows("select rule, subject from ops.exceptions where state = 'open'") == [
        ("file_refused", "beta_3pl/b.edi")
    ]

    ours.file("c.edi", told(dict.fromkeys(ITEMS[:6], 40), "R-3", "0940", 6), source, minutes(5))
    released(ours, minutes(6))
    assert [ours.on_hand()[item, "DC3"] for item in ITEMS] == [40] * 6 + [0] * 4, "proven: what is absent is 0"
    assert ours.rows(
        "select is_proven, locations, measures, recorded, control_lines, control_units, read_lines, document_key"
        " from raw.snapshots order by received_at"
    ) == [
        (True, ["BETA-NJ2"], ["on_hand"], "2026-11-02T09:00", 10, 500, 10, "R-1"),
        (True, ["BETA-NJ2"], ["on_hand"], "2026-11-02T09:40", 6, 240, 6, "R-3"),
    ]
    assert ours.rows(
        "select count(*), min(quantity), min(status_ref), min(location_ref) from raw.snapshot_lines"
        " group by snapshot_id order by 1"
    ) == [(6, "40", "on_hand", "BETA-NJ2"), (10, "50", "on_hand", "BETA-NJ2")]
    assert ours.rows(
        "select s.document_key, count(*), count(distinct f.document_id), bool_and(f.document_id = s.document_ids[1])"
        " from raw.facts f join raw.snapshots s using (snapshot_id) group by 1 order by 1"
    ) == [("R-1", 10, 1, True), ("R-3", 6, 1, True)]
    assert ours.rows("select state, finding_code, snapshot_of from ops.edi_sets order by set_id") == [
        ("accepted", None, ["BETA-NJ2"]), ("rejected", code, None), ("accepted", None, ["BETA-NJ2"]),
    ]  # fmt: skip


def counted(rows: list[str], *more: str) -> list[str]:
    """A set with segments before its trailer."""
    *body, trailer = rows
    return [*body, *more, trailer.replace("SE*6*", f"SE*{6 + len(more)}*")]


def test_the_register_knows_what_was_proven(acme: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what is not declared, nor a refusal, a duplicate, a test or a set with a line that was kept out."""
    monkeypatch.setitem(PROFILES, "whole", Profile("whole", snapshots={"x12_846": ("DC3", "DC9")}))
    acme.send(interchange(counted(an_846("0001", "REF-0"), "CTT*1"), control="000000001", group="1"))
    acme.use("whole")
    good, broken = counted(an_846("0001", "REF-1"), "CTT*1"), counted(an_846("0002", "REF-2"), "CTT*2")
    faulty = counted(an_846("0003", "REF-3"), "LIN*2", "QTY*17*1*EA", "CTT*2")
    acme.send(interchange(good, broken, faulty, control="000000002", group="2"))
    acme.send(b"\n" + interchange(good, broken, faulty, control="000000002", group="2"))
    acme.send(interchange(counted(an_846("0001", "REF-4"), "CTT*1"), control="000000003", group="3", usage="T"))
    assert acme.seen("select reference, state, snapshot_of from ops.edi_sets order by set_id") == [
        ("REF-0", "accepted", None),
        ("REF-1", "accepted", ["DC3"]), ("REF-2", "rejected", None), ("REF-3", "accepted", None),
        ("REF-1", "duplicate", None), ("REF-2", "duplicate", None), ("REF-3", "duplicate", None),
        ("REF-4", "test", None),
    ]  # fmt: skip
