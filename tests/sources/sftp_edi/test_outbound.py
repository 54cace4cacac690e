"""Acknowledgments go out once, with numbers that have no gap, whatever stops in between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import asyncssh
import paramiko
import psycopg
import pytest
from edi_partner import NOW, Partner, an_846, an_invrpt, interchange
from loopback_sftp import SftpServer

from syncline.edi import PROFILES, Profile, read_file
from syncline.edi.acknowledgments import acknowledged_by, acknowledged_interchanges
from syncline.errors import RetryableError
from syncline.sources.sftp_edi import outbound
from syncline.sources.sftp_edi.folders import Folders
from syncline.sources.sftp_edi.outbound import Outbox
from syncline.warehouse.connect import connect_dsn

LATER = timedelta(minutes=5)


def said(content: bytes) -> list[tuple[str, str, bool, bool]]:
    """(kind, group or interchange, is accepted, is test) of each statement about a whole group or interchange."""
    reading = read_file(content, source="partner", file="ack.edi")
    assert reading.verdict == "accepted"
    found = [each for read in reading.sets for each in acknowledged_by(read.taken) if not each.set_control]
    found += [each for inside in reading.interchanges for each in acknowledged_interchanges(inside)]
    is_test = bool(reading.interchanges[0].is_test)
    return [(each.kind, each.group_control or each.interchange, each.is_accepted, is_test) for each in found]


def test_each_group_is_answered_once(acme: Partner) -> None:
    acme.send(interchange(an_846(), group="7"))
    (file,) = acme.outbox()
    assert file.name == "997_000000001_000000001.edi"
    assert said(file.read_bytes()) == [("997", "7", True, False)]
    assert acme.outbound() == [("997", "sent", "000000001")]
    assert acme.seen("select state, verdict from ops.edi_interchanges") == [("acknowledged", "accepted")]
    stored = acme.seen("select content, sent_at, due_at, group_code, group_control from ops.edi_outbound")
    assert stored == [(file.read_bytes(), NOW + timedelta(seconds=1), None, "FA", "1")]
    acme.pull(LATER)
    assert acme.outbox() == [file]


def test_a_refused_set_and_a_repeated_interchange_are_answered_too(acme: Partner) -> None:
    acme.send(interchange([*an_846()[:-1], "SE*99*0001"], group="1"))
    acme.send(interchange(an_846(), group="2", control="000000002"))
    acme.send(interchange(an_846(), group="2", control="000000002"))
    acme.send(interchange(an_846(quantity="99"), group="2", control="000000002"))
    statements = [each for file in acme.outbox() for each in said(file.read_bytes())]
    assert ("997", "1", False, False) in statements
    assert statements.count(("997", "2", True, False)) == 2, "a duplicate is acknowledged again"
    assert ("TA1", "000000002", False, False) in statements, "a conflict is refused as a duplicate number"
    assert acme.seen("select distinct state from ops.edi_interchanges") == [("acknowledged",)]


def test_tests_are_answered_as_tests(acme: Partner) -> None:
    acme.send(interchange(an_846(), usage="T") + interchange(an_846(), control="000000002", group="2"))
    acme.send(an_invrpt("9", "3", usage="++++++1"))
    statements = [each for file in acme.outbox() for each in said(file.read_bytes())]
    assert sorted(statements) == [("997", "1", True, True), ("997", "2", True, False), ("CONTRL", "9", True, True)]


def test_a_partner_who_wants_none_gets_none(acme: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "silent", Profile("silent", acknowledge=()))
    acme.use("silent")
    acme.send(interchange(an_846()))
    assert acme.outbound() == []
    assert not (acme.drop.root / "outbox").exists()
    assert acme.seen("select state from ops.edi_interchanges") == [("accepted",)]


def test_numbers_of_both_syntaxes_have_no_gaps(acme: Partner) -> None:
    for number in range(1, 4):
        acme.send(interchange(an_846(reference=f"R-{number}"), control=f"{number:09d}"))
        acme.send(an_invrpt(str(number), str(number)))
    rows = acme.seen("select syntax, interchange_control::int, group_control::int from ops.edi_outbound order by 1, 2")
    assert rows == [("edifact", number, None) for number in (1, 2, 3)] + [("x12", n, n) for n in (1, 2, 3)]


class Crash(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("owner", "method", "is_before", "left"),
    [
        (outbound, "number", True, [("997", "pending", None)]),  # stored with the file, no number yet
        (outbound, "written", True, [("997", "pending", None)]),  # in the middle of numbering
        (outbound, "number", False, [("997", "numbered", "000000001")]),  # numbered, nothing on the server
        (paramiko.SFTPFile, "write", False, [("997", "numbered", "000000001")]),  # name.tmp is there
        (Folders, "deliver", False, [("997", "numbered", "000000001")]),  # the file is there
        (Outbox, "_note", False, [("997", "sent", "000000001")]),
    ],
)
def test_a_crash_at_any_step_sends_the_same_bytes_once(
    acme: Partner, monkeypatch: pytest.MonkeyPatch, owner: Any, method: str, is_before: bool, left: list[Any]
) -> None:
    real = getattr(owner, method)

    def crash(*args: Any, **kwargs: Any) -> Any:
        if not is_before:
            real(*args, **kwargs)
        raise Crash(method)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, crash)
        with pytest.raises(Crash):
            acme.send(interchange(an_846()))
    assert acme.outbound() == left
    assert acme.quantities() == ["12"], "what was told is landed, whatever becomes of its answer"
    acme.pull(LATER)
    acme.pull(LATER * 2)
    assert acme.outbound() == [("997", "sent", "000000001")]
    (file,) = acme.outbox()
    assert acme.seen("select content from ops.edi_outbound") == [(file.read_bytes(),)]
    assert acme.seen("select last_no from ops.edi_controls where counter = 'interchange'") == [(1,)]
    assert acme.seen("select state from ops.edi_interchanges") == [("acknowledged",)]


def test_a_file_that_the_partner_took_before_we_noted_it_is_sent_again_the_same(
    acme: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(self: Outbox, row: int) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "_note", crash)
        with pytest.raises(Crash):
            acme.send(interchange(an_846()))
    (file,) = acme.outbox()
    taken = file.read_bytes()
    file.unlink()
    acme.pull(LATER)
    (again,) = acme.outbox()
    assert (again.name, again.read_bytes()) == (file.name, taken)


def test_two_senders_take_no_number_twice_and_leave_none_out(
    acme: Partner, loader: psycopg.Connection, warehouse_dsn: Callable[[str], str]
) -> None:
    with loader.transaction():
        for each in range(40):
            loader.execute(
                "insert into ops.edi_outbound (source, kind, syntax, expects_answer, is_test, status, said, state,"
                " created_at) values ('acme_3pl', 'TA1', 'x12', false, false, 'A', %s, 'pending', %s)",
                [psycopg.types.json.Jsonb(TA1 | {"interchange": str(each)}), NOW],
            )
    waiting = [row for (row,) in acme.seen("select outbound_id from ops.edi_outbound order by 1")]
    together = threading.Barrier(2)

    def send() -> None:
        with connect_dsn(warehouse_dsn("loader")) as conn:
            together.wait(10)
            for row in waiting:
                outbound.number(conn, "acme_3pl", row, NOW, None)

    with ThreadPoolExecutor(2) as senders:
        for each in [senders.submit(send) for _ in range(2)]:
            each.result(60)
    numbers = acme.seen("select interchange_control::int from ops.edi_outbound order by outbound_id")
    assert [row[0] for row in numbers] == list(range(1, 41))
    assert acme.seen("select last_no from ops.edi_controls where counter = 'interchange'") == [(40,)]


TA1 = {
    "kind": "TA1", "syntax": "x12", "group_code": "", "group_control": "", "interchange": "1", "status": "A",
    "is_test": False, "sender": "SYNCLINE", "sender_qualifier": "ZZ", "receiver": "ACME", "receiver_qualifier": "ZZ",
    "group_sender": "", "group_receiver": "", "version": "00401",
    "segments": [["TA1", "000000001", "261102", "1430", "A", "000"]], "syntax_id": "",
}  # fmt: skip


class ShutOutbox(asyncssh.SFTPServer):
    """Takes nothing in ``outbox`` while ``is_shut``."""

    is_shut = True
    asked = 0

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if self.is_shut and b"outbox/" in path:
            type(self).asked += 1
            raise asyncssh.SFTPPermissionDenied("the outbox is shut")
        return super().open(path, pflags, attrs)


def test_a_server_that_refuses_is_told_and_asked_again(acme: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    server = SftpServer(acme.drop.root, ShutOutbox)
    acme.sftp = server.connect()
    try:
        with pytest.raises(RetryableError, match=r"997_000000001_000000001\.edi.*PermissionError"):
            acme.send(interchange(an_846()))
        assert acme.outbound() == [("997", "numbered", "000000001")]
        assert acme.seen("select state from ops.files") == [("archived",)], "the file itself is done"
        assert acme.seen("select polled_at > 'epoch' from ops.source_cursors") == [(True,)]
        monkeypatch.setattr(ShutOutbox, "is_shut", False)
        acme.pull(LATER)
        assert acme.outbound() == [("997", "sent", "000000001")]
    finally:
        server.close()


def test_a_server_that_refuses_all_is_not_asked_for_each(acme: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = (interchange(an_846(reference=f"R-{n}"), control=f"{n:09d}", group=str(n)) for n in range(1, 9))
    server = SftpServer(acme.drop.root, ShutOutbox)
    acme.sftp = server.connect()
    monkeypatch.setattr(ShutOutbox, "asked", 0)
    try:
        with pytest.raises(RetryableError, match="3 file"):
            acme.send(b"".join(groups))
        assert ShutOutbox.asked == 3
        monkeypatch.setattr(ShutOutbox, "is_shut", False)
        acme.pull(LATER)
        assert {row[:2] for row in acme.outbound()} == {("997", "sent")}
        assert len(acme.outbound()) == 8
    finally:
        server.close()


def test_another_file_under_its_name_is_not_overwritten(acme: Partner) -> None:
    (acme.drop.root / "outbox").mkdir()
    strange = acme.drop.root / "outbox" / "997_000000001_000000001.edi"
    strange.write_bytes(b"somebody else's")
    with pytest.raises(RetryableError, match="is there with 15 bytes"):
        acme.send(interchange(an_846()))
    assert strange.read_bytes() == b"somebody else's"
    strange.unlink()
    acme.pull(LATER)
    assert acme.outbound() == [("997", "sent", "000000001")]


@pytest.mark.parametrize(
    "statement",
    [
        "update ops.edi_outbound set content = 'x'",
        "update ops.edi_outbound set interchange_control = '9'",
        "update ops.edi_outbound set state = 'pending'",
        "update ops.edi_outbound set state = 'acknowledged', is_accepted = true, answered_at = now()",
        "delete from ops.edi_outbound",
        "update ops.edi_controls set last_no = last_no + 2",
        "update ops.edi_controls set last_no = last_no",
        "delete from ops.edi_controls",
    ],
)
def test_even_the_owner_cannot_change_what_was_sent(
    acme: Partner, warehouse: psycopg.Connection, statement: str
) -> None:
    acme.send(interchange(an_846()))
    with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)):
        warehouse.execute(statement)
    assert acme.outbound() == [("997", "sent", "000000001")]


def test_after_the_last_number_comes_the_first(acme: Partner, warehouse: psycopg.Connection) -> None:
    acme.send(interchange(an_846()))
    with warehouse.transaction():
        warehouse.execute("alter table ops.edi_controls disable trigger guard")
        warehouse.execute("update ops.edi_controls set last_no = 999999999")
        warehouse.execute("alter table ops.edi_controls enable trigger guard")
    acme.send(interchange(an_846(reference="R-2"), control="000000002"))
    assert acme.outbound()[-1] == ("997", "sent", "000000001")
