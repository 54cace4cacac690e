"""An interchange is told once, whatever its partner sends again; a test never reaches stock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from edi_partner import NOW, Partner, an_846, an_invrpt, interchange

from syncline.edi import PROFILES, Profile
from syncline.errors import RetryableError
from syncline.rereading import Selection, reread
from syncline.sources.sftp_edi import exchanges
from syncline.warehouse.connect import connect_dsn


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(PROFILES, "short", Profile("short", reuse_after_days=30))
    return "short"


def test_what_came_is_registered_with_its_identity(acme: Partner) -> None:
    acme.send(interchange(an_846(), an_846("0002", "REF-2"), control="000000042", group="7"))
    ((*parties, control, state, sets, accepted, facts, digest),) = acme.seen(
        "select sender_qualifier, sender, receiver_qualifier, receiver, control, state, sets, sets_accepted, facts,"
        " sha256 from ops.edi_interchanges"
    )
    assert parties == ["ZZ", "ACME", "ZZ", "SYNCLINE"]
    assert (control, state, sets, accepted, facts, len(digest)) == ("000000042", "acknowledged", 2, 2, 2, 64)
    rows = acme.seen(
        "select group_code, group_control, type, control, version, reference, segments, facts, verdict, state"
        " from ops.edi_sets order by set_id"
    )
    assert rows == [
        ("IB", "7", "846", "0001", "004010", "REF-1", 6, 1, "accepted", "accepted"),
        ("IB", "7", "846", "0002", "004010", "REF-2", 6, 1, "accepted", "accepted"),
    ]
    assert acme.seen(
        "select count(*) from ops.edi_interchanges i join raw.documents using (document_id, received_at)"
    ) == [(1,)]


def test_the_same_interchange_in_another_file_is_a_duplicate(acme: Partner) -> None:
    acme.send(interchange(an_846()))
    again = acme.send(b"\n" + interchange(an_846()) + b"\n\n")
    assert (again.facts, again.known) == (0, 0)
    assert acme.interchanges() == ["accepted", "duplicate"]
    ((first, repeated),) = acme.seen(
        "select min(interchange_id), max(duplicate_of) from ops.edi_interchanges having count(*) = 2"
    )
    assert first == repeated
    assert acme.seen("select status, fault_code from raw.documents order by received_at") == [
        ("accepted", None), ("duplicate", "interchange_duplicate")
    ]  # fmt: skip
    assert acme.seen("select count(*) from ops.exceptions") == [(0,)]


def test_the_same_file_is_a_duplicate_and_registered(acme: Partner) -> None:
    acme.send(interchange(an_846()))
    acme.send(interchange(an_846()))
    assert acme.interchanges() == ["accepted", "duplicate"]
    assert acme.sets() == ["accepted", "duplicate"]


def test_the_same_number_with_other_content_is_a_conflict_for_a_person(acme: Partner) -> None:
    acme.send(interchange(an_846()))
    other = acme.send(interchange(an_846(quantity="99")))
    assert (other.facts, other.faults) == (0, 1)
    assert acme.interchanges() == ["accepted", "conflict"]
    assert acme.sets() == ["accepted", "conflict"]
    assert acme.quantities() == ["12"]
    ((status, code, detail),) = acme.seen(
        "select status, fault_code, fault_detail from raw.documents where status <> 'accepted'"
    )
    assert (status, code) == ("quarantined", "interchange_conflict")
    assert "1.edi, received 2026-11-02T10:00:01" in detail
    ((rule, subject, text),) = acme.seen("select rule, subject, detail from ops.exceptions")
    assert (rule, subject) == ("edi_conflict", "acme_3pl/2.edi")
    assert "segment 3 ST at byte" in text


def test_numbers_compare_without_leading_zeros_and_belong_to_both_parties(acme: Partner) -> None:
    acme.send(interchange(an_846(), control="000000007"))
    acme.send(interchange(an_846(quantity="99"), control="7"))
    acme.send(interchange(an_846("0001", "REF-9", "5"), control="000000007").replace(b"*ZZ*ACME ", b"*01*ACME "))
    assert acme.interchanges() == ["accepted", "conflict", "accepted"]
    assert acme.quantities() == ["12", "5"]


def test_a_number_used_again_after_the_window_is_a_new_one(acme: Partner, short_memory: str) -> None:
    acme.use(short_memory)
    acme.send(interchange(an_846()))
    acme.send(interchange(an_846(reference="REF-2", quantity="20")), timedelta(days=29))
    acme.send(interchange(an_846(reference="REF-3", quantity="30")), timedelta(days=31))
    acme.send(interchange(an_846(reference="REF-4", quantity="40")), timedelta(days=32))
    assert acme.interchanges() == ["accepted", "conflict", "accepted", "conflict"]
    assert acme.quantities() == ["12", "30"]
    assert acme.seen("select generation from ops.edi_interchanges where is_holder order by interchange_id") == [
        (1,),
        (2,),
    ]


def test_a_cut_interchange_leaves_its_number_to_the_whole_one(acme: Partner) -> None:
    whole = interchange(an_846(), an_846("0002", "REF-2", "7"))
    acme.send(whole[: whole.index(b"ST*846*0002")])
    again = acme.send(whole)
    assert again.facts == 1
    assert acme.interchanges() == ["partial", "accepted"]
    assert acme.sets() == ["accepted", "duplicate", "accepted"]
    assert acme.quantities() == ["12", "7"]


def test_a_set_of_a_cut_interchange_that_comes_otherwise_is_a_conflict(acme: Partner) -> None:
    first = interchange(an_846(), an_846("0002", "REF-2", "7"))
    acme.send(first[: first.index(b"ST*846*0002")])
    acme.send(interchange(an_846(quantity="99"), an_846("0002", "REF-2", "7")))
    assert acme.interchanges() == ["partial", "partial"]
    assert acme.sets() == ["accepted", "conflict", "accepted"]
    assert acme.quantities() == ["12", "7"]
    assert acme.seen("select fault_code from raw.documents order by received_at desc limit 1") == [("set_conflict",)]
    assert ("edi_conflict",) in acme.seen("select rule from ops.exceptions")


def test_a_refused_interchange_leaves_its_number_to_the_corrected_one(acme: Partner) -> None:
    acme.send(interchange([*an_846()[:-1], "SE*99*0001"]))
    acme.send(interchange(an_846()))
    assert acme.interchanges() == ["rejected", "accepted"]
    assert acme.quantities() == ["12"]


def test_one_interchange_twice_in_a_file_is_told_once(acme: Partner) -> None:
    acme.send(interchange(an_846()) + interchange(an_846()) + interchange(an_846(quantity="99")))
    assert acme.interchanges() == ["accepted", "duplicate", "conflict"]
    assert acme.quantities() == ["12"]


def test_a_set_sent_again_under_new_numbers_is_registered_as_such(acme: Partner) -> None:
    acme.send(interchange(an_846()))
    again = acme.send(interchange(an_846("0005"), control="000000002", group="2"))
    assert (again.facts, again.known) == (0, 1)
    assert acme.sets() == ["accepted", "accepted"]
    assert acme.seen("select s.set_id = (select min(set_id) from ops.edi_sets) from ops.edi_sets s order by 1") == [
        (False,), (True,)
    ]  # fmt: skip
    assert acme.seen("select resent_of = (select min(set_id) from ops.edi_sets) from ops.edi_sets order by set_id") == [
        (None,), (True,)
    ]  # fmt: skip


def test_tests_are_evidence_and_never_stock(acme: Partner) -> None:
    mixed = (
        interchange(an_846(quantity="1"), control="000000001", usage="T")
        + interchange(an_846(quantity="2"), control="000000002", usage="I")
        + interchange(an_846(quantity="3"), control="000000003")
        + interchange([*an_846()[:-1], "SE*99*0001"], control="000000004", usage="T")
    )
    result = acme.send(mixed)
    assert (result.facts, result.faults) == (1, 0)
    assert acme.interchanges() == ["test", "test", "accepted", "test"]
    assert acme.sets() == ["test", "test", "accepted", "test"]
    assert acme.quantities() == ["3"]
    assert acme.seen(
        "select content = %(mixed)s, status from raw.documents".replace("%(mixed)s", f"'\\x{mixed.hex()}'")
    ) == [(True, "accepted")]
    assert acme.seen("select count(*) from ops.exceptions") == [(0,)]
    production = acme.send(interchange(an_846(quantity="1"), control="000000001"))
    assert production.facts == 1, "a test takes no number"


def test_edifact_has_the_same_rules(acme: Partner) -> None:
    acme.send(an_invrpt("77", "12"))
    acme.send(b"UNA:+.? '" + an_invrpt("77", "12"))
    acme.send(an_invrpt("77", "13"))
    acme.send(an_invrpt("78", "14", usage="++++++1"))
    assert acme.interchanges() == ["accepted", "duplicate", "conflict", "test"]
    assert acme.quantities() == ["12"]
    assert acme.seen("select type, control, reference from ops.edi_sets limit 1") == [("INVRPT", "1", "INV-1")]


def test_reading_again_comes_to_the_same_verdicts(acme: Partner, loader: psycopg.Connection) -> None:
    acme.send(interchange(an_846()))
    acme.send(interchange(an_846()) + b"\n")
    acme.send(interchange(an_846(quantity="99")))
    acme.send(
        interchange(an_846(quantity="5"), control="000000005", usage="T")
        + interchange(an_846("0001", "R", "6"), control="000000006")
    )
    acme.send(interchange(an_846()))
    before = acme.seen("select fact_id from raw.facts order by 1")
    landed = reread(loader, acme.source, Selection(), NOW + timedelta(days=1), "test")
    assert landed.load_id is None
    (document,) = acme.seen("select document_id from raw.documents where fault_code = 'interchange_conflict'")
    alone = reread(loader, acme.source, Selection(document_ids=document), NOW + timedelta(days=1), "test")
    assert alone.load_id is None
    assert acme.seen("select fact_id from raw.facts order by 1") == before


def test_a_crash_before_the_end_of_landing_leaves_no_row(acme: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    real = exchanges.Receipt.write

    def crash(self: exchanges.Receipt, conn: psycopg.Connection) -> None:
        real(self, conn)
        raise RuntimeError("crash")

    with monkeypatch.context() as patch:
        patch.setattr(exchanges.Receipt, "write", crash)
        with pytest.raises(RuntimeError):
            acme.send(interchange(an_846()))
    assert acme.seen("select (select count(*) from raw.documents) + (select count(*) from ops.edi_interchanges)") == [
        (0,)
    ]
    assert acme.pull(timedelta(minutes=1)).facts == 1
    assert acme.interchanges() == ["accepted"]


def test_the_database_holds_what_the_lane_should(
    acme: Partner, warehouse_dsn: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second reader that slipped past the lane registers the number between this one's look and its writing."""
    real = exchanges.Receipt.write

    def slip(self: exchanges.Receipt, conn: psycopg.Connection) -> None:
        monkeypatch.setattr(exchanges.Receipt, "write", real)
        with connect_dsn(warehouse_dsn("loader")) as other, other.transaction():
            self.write(other)
        real(self, conn)

    monkeypatch.setattr(exchanges.Receipt, "write", slip)
    with pytest.raises(RetryableError, match="could not be finished"):
        acme.send(interchange(an_846()))
    assert acme.seen("select count(*) from raw.facts") == [(0,)]


def test_hostile_values_of_an_envelope_are_stored_and_answered(acme: Partner) -> None:
    """The beginning of a file is looked at for binary content; what comes later may hold anything."""
    rules = acme.source.file_rules.model_copy(update={"size_max_bytes": 200_000})
    acme.source = acme.source.model_copy(update={"files": rules})
    long = [f"ST*846*{n:04d}~\nBIA*00*SI*REF-{n}*20261102*0900~\nN1*WH**92*DC3~\nSE*4*{n:04d}" for n in range(1_000)]
    hostile = interchange(an_846(), control="000000002", group="9").replace(b"*ZZ*ACME  ", b"*ZZ*AC\x00\x1b[")
    hostile = hostile.replace(b"*1430*9*X", b"*1430*\x009*X").replace(b"REF-1", b"R\x00F").replace(b"LIN*", b"L\x00N*")
    acme.send(interchange(long) + hostile)
    assert acme.seen("select sender from ops.edi_interchanges order by interchange_id") == [
        ("ACME",), ("AC\ufffd\ufffd[",)
    ]  # fmt: skip
    assert [row[0] for row in acme.outbound()] == ["997", "TA1", "997"]
    assert {row[0] for row in acme.seen("select state from ops.edi_outbound")} == {"sent"}


@pytest.mark.parametrize(
    "statement",
    [
        "update ops.edi_interchanges set verdict = 'accepted'",
        "update ops.edi_interchanges set state = 'accepted'",
        "update ops.edi_interchanges set control = '9'",
        "delete from ops.edi_interchanges",
        "update ops.edi_sets set state = 'accepted'",
        "delete from ops.edi_sets",
        "truncate ops.edi_sets",
    ],
)
def test_even_the_owner_cannot_rewrite_the_register(
    acme: Partner, warehouse: psycopg.Connection, statement: str
) -> None:
    acme.send(interchange([*an_846()[:-1], "SE*99*0001"]))
    with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)):
        warehouse.execute(statement)
    assert acme.interchanges() == ["rejected"]
