"""What we sent is acknowledged, refused or overdue; what nobody sent is told to a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from edi_partner import NOW, Partner, an_846, interchange
from psycopg.types.json import Jsonb

from syncline.edi import PROFILES, Profile
from syncline.sources.sftp_edi.outbound import Outbox

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def six_hours(acme: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "six_hours", Profile("six_hours", ack_wait_h=6))
    acme.use("six_hours")


def we_send(acme: Partner, number: int = 12, kind: str = "940", syntax: str = "x12", *, is_test: bool = False) -> str:
    """A document as another part of the product would leave it: numbered, with its bytes; a pull sends it."""
    control = f"{number:09d}" if syntax == "x12" else str(number)
    group = ("OW", str(number)) if syntax == "x12" else (None, None)
    name = f"{kind}_{control}.edi"
    with acme.conn.transaction():
        row = acme.conn.execute(
            "insert into ops.edi_outbound (source, kind, syntax, expects_answer, is_test, status, said, state,"
            " created_at) values ('acme_3pl', %s, %s, true, %s, '', %s, 'pending', %s) returning outbound_id",
            [kind, syntax, is_test, Jsonb({}), NOW],
        ).fetchone()
        acme.conn.execute(
            "update ops.edi_outbound set state = 'numbered', interchange_control = %s, group_code = %s,"
            " group_control = %s, name = %s, content = 'a document', numbered_at = %s where outbound_id = %s",
            [control, *group, name, NOW, row and row[0]],
        )
    acme.pull()
    assert acme.drop.names("outbox")[-1] == name
    return name


def a_997(*body: str, control: str = "000000500", usage: str = "P") -> bytes:
    rows = ["ST*997*0001", *body, f"SE*{len(body) + 2}*0001"]
    return interchange(rows, control=control, group=str(int(control)), usage=usage, code="FA")


def a_contrl(*body: str) -> bytes:
    rows = ["UNB+UNOA:3+ACME:14+SYNCLINE:14+261102:1430+900", "UNH+1+CONTRL:D:3:UN", *body]
    return "".join(f"{row}'" for row in [*rows, f"UNT+{len(body) + 2}+1", "UNZ+1+900"]).encode()


def sent(acme: Partner) -> list[tuple[Any, ...]]:
    return acme.seen("select state, is_accepted from ops.edi_outbound where expects_answer order by outbound_id")


def exceptions(acme: Partner) -> list[tuple[Any, ...]]:
    return acme.seen("select rule, subject, state from ops.exceptions order by exception_id")


def test_a_997_acknowledges_our_group_and_is_not_answered(acme: Partner) -> None:
    we_send(acme)
    assert acme.seen("select sent_at, due_at from ops.edi_outbound") == [(NOW, NOW + 6 * HOUR)]
    acme.send(a_997("AK1*OW*000012", "AK9*A*1*1*1"))
    assert sent(acme) == [("acknowledged", True)]
    assert acme.seen("select kind, group_code, group_control, status, is_accepted from ops.edi_acknowledgments") == [
        ("997", "OW", "000012", "A", True)
    ]
    assert exceptions(acme) == []
    assert acme.seen("select count(*) from ops.edi_outbound where not expects_answer") == [(0,)]
    assert acme.seen("select state from ops.edi_interchanges") == [("accepted",)]


def test_a_rejection_keeps_its_notes_and_asks_a_person(acme: Partner) -> None:
    name = we_send(acme)
    acme.send(a_997("AK1*OW*12", "AK2*940*0001", "AK3*W05*2**8", "AK4*2*324*1", "AK5*R*5", "AK9*R*1*1*0"))
    assert sent(acme) == [("acknowledged", False)]
    ((notes,),) = acme.seen("select notes from ops.edi_acknowledgments")
    assert notes == [
        {"about": "940 0001", "status": "R", "notes": ["720 8 at segment 2 W05", "723 1 at segment 2 W0502", "718 5"]},
        {"about": "all of it", "status": "R", "notes": []},
    ]
    assert exceptions(acme) == [("acknowledgment_rejected", f"acme_3pl/{name}", "open")]


def test_a_group_accepted_in_part_is_not_accepted(acme: Partner) -> None:
    we_send(acme)
    acme.send(a_997("AK1*OW*12", "AK2*940*0001", "AK5*A", "AK2*940*0002", "AK5*R*5", "AK9*P*2*2*1"))
    assert sent(acme) == [("acknowledged", False)]


def test_an_answer_without_a_word_about_the_whole_accepts_nothing(acme: Partner) -> None:
    we_send(acme)
    acme.send(a_997("AK1*OW*12", "AK2*940*0001", "AK5*A"))
    assert sent(acme) == [("acknowledged", False)]


def test_a_ta1_says_that_it_arrived_and_a_refusal_is_the_last_word(acme: Partner) -> None:
    we_send(acme, 12)
    we_send(acme, 13)
    ta1 = interchange().replace(b"GS*IB*ACME*SYNCLINE*20261102*1430*1*X*004010~\nGE*0*1~\n", b"%s")
    ta1 = ta1.replace(b"IEA*1*", b"IEA*0*")
    acme.send(ta1 % b"TA1*000000012*261102*1430*A*000~\nTA1*000000013*261102*1430*R*006~\n")
    assert sent(acme) == [("sent", None), ("acknowledged", False)]
    assert exceptions(acme) == [("acknowledgment_rejected", "acme_3pl/940_000000013.edi", "open")]
    acme.send(a_997("AK1*OW*12", "AK9*A*1*1*1"))
    assert sent(acme) == [("acknowledged", True), ("acknowledged", False)]


def test_a_contrl_is_matched_by_the_interchange(acme: Partner) -> None:
    we_send(acme, 12, "ORDERS", "edifact")
    we_send(acme, 13, "ORDERS", "edifact")
    acme.send(a_contrl("UCI+12+SYNCLINE:14+ACME:14+7", "UCM+1+ORDERS:D:96A:UN+7"))
    assert sent(acme) == [("acknowledged", True), ("sent", None)]
    acme.send(a_contrl("UCI+13+SYNCLINE:14+ACME:14+7", "UCM+1+ORDERS:D:96A:UN+4+12").replace(b"900", b"901"))
    assert sent(acme) == [("acknowledged", True), ("acknowledged", False)]


def test_an_answer_may_come_before_we_noted_that_it_was_sent(acme: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: Outbox, row: int) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "_note", crash)
        with pytest.raises(RuntimeError):
            we_send(acme)
    (acme.drop.root / "outbox" / "940_000000012.edi").unlink()
    acme.send(a_997("AK1*OW*12", "AK9*A*1*1*1"))
    assert sent(acme) == [("acknowledged", True)]
    assert acme.drop.names("outbox") == [], "it arrived: it is not sent again"


def test_what_acknowledges_nothing_of_ours_is_told_once(acme: Partner) -> None:
    we_send(acme)
    acme.send(a_997("AK1*OW*99", "AK9*A*1*1*1"))
    acme.send(a_997("AK1*OW*99", "AK9*A*1*1*1", control="000000501"))
    assert sent(acme) == [("sent", None)]
    assert exceptions(acme) == [("acknowledgment_unmatched", "acme_3pl/997 of group OW 99", "open")]
    assert acme.seen("select outbound_id from ops.edi_acknowledgments") == [(None,), (None,)]


def test_the_same_acknowledgment_again_says_nothing_new(acme: Partner) -> None:
    we_send(acme)
    acme.send(a_997("AK1*OW*12", "AK9*A*1*1*1"))
    acme.send(a_997("AK1*OW*12", "AK9*A*1*1*1") + b"\n")
    assert acme.interchanges() == ["accepted", "duplicate"]
    assert acme.seen("select count(*) from ops.edi_acknowledgments") == [(1,)]


def test_tests_are_matched_with_tests(acme: Partner) -> None:
    we_send(acme, 12)
    we_send(acme, 12, "943", is_test=True)
    acme.send(a_997("AK1*OW*12", "AK9*A*1*1*1", usage="T"))
    acme.send(a_997("AK1*OW*77", "AK9*A*1*1*1", usage="T", control="000000501"))
    assert sent(acme) == [("sent", None), ("acknowledged", True)]
    assert exceptions(acme) == []


def test_an_overdue_acknowledgment_is_asked_for_until_it_comes(acme: Partner) -> None:
    name = we_send(acme)
    acme.pull(6 * HOUR - timedelta(seconds=1))
    assert exceptions(acme) == []
    acme.pull(6 * HOUR)
    acme.pull(7 * HOUR)
    assert exceptions(acme) == [("acknowledgment_overdue", f"acme_3pl/{name}", "open")]
    acme.send(a_997("AK1*OW*12", "AK9*A*1*1*1"), 8 * HOUR)
    assert exceptions(acme) == [("acknowledgment_overdue", f"acme_3pl/{name}", "resolved")]
    acme.pull(9 * HOUR)
    assert len(exceptions(acme)) == 1


def test_an_answer_that_comes_in_time_is_never_overdue(acme: Partner) -> None:
    we_send(acme)
    acme.send(a_997("AK1*OW*12", "AK9*A*1*1*1"), 7 * HOUR)
    assert exceptions(acme) == [], "it was read before anybody looked"


def test_our_own_acknowledgments_are_never_waited_for(acme: Partner) -> None:
    acme.send(interchange(an_846()))
    acme.pull(100 * HOUR)
    assert acme.outbound() == [("997", "sent", "000000001")]
    assert exceptions(acme) == []
    acme.send(a_997("AK1*FA*1", "AK9*A*1*1*1"))
    assert acme.outbound() == [("997", "sent", "000000001")]
    assert exceptions(acme) == []


def test_reading_again_matches_nothing_again(acme: Partner) -> None:
    from syncline.rereading import Selection, reread

    we_send(acme)
    acme.send(a_997("AK1*OW*12", "AK9*A*1*1*1"))
    reread(acme.conn, acme.source, Selection(), NOW + HOUR, "test")
    assert acme.seen("select count(*) from ops.edi_acknowledgments") == [(1,)]
