"""A file is landed once, whatever the partner, the network or a crash does; none is lost."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paramiko
import psycopg
import pytest
from drop import Drop
from loopback_sftp import SftpServer

from syncline.errors import ConfigurationError, PartnerUnavailable, RetryableError, WarehouseUnavailable
from syncline.registry import Source
from syncline.sources.sftp_edi import intake, pull
from syncline.sources.sftp_edi.folders import Folders
from syncline.sources.sftp_edi.listing import Entry
from syncline.sources.sftp_edi.register import Register

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def an_846(number: int, *, quantity: str = "12", cut: int | None = None) -> bytes:
    parties = "ISA*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       "
    rows = [
        f"{parties}*261102*1430*U*00401*{number:09d}*0*P*>", f"GS*IB*ACME*SYNCLINE*20261102*1430*{number}*X*004010",
        "ST*846*0001", f"BIA*00*SI*REF-{number}*20261102*0900", "N1*WH**92*DC3", "LIN*1*SK*SKU-1",
        f"QTY*17*{quantity}*EA", "SE*6*0001", f"GE*1*{number}", f"IEA*1*{number:09d}",
    ]  # fmt: skip
    return "".join(f"{row}~\n" for row in rows).encode()[:cut]


def run(conn: psycopg.Connection, sftp: Any, source: Source, now: datetime = NOW, *, by_age: bool = True) -> Any:
    return pull(conn, sftp, source, now, server_now_s=time.time() if by_age else None)


def rows(conn: psycopg.Connection, statement: str) -> list[tuple[Any, ...]]:
    return conn.execute(statement).fetchall()


def files(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    return rows(conn, "select name, state, fault_code from ops.files order by file_id")


def test_a_settled_file_is_landed_and_archived(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    drop.put("a.edi", an_846(1))
    result = run(loader, sftp, source)
    assert (result.facts, result.faults, result.documents) == (1, 0, 1)
    assert drop.names("inbox") == drop.names("processing") == []
    assert drop.names("archive") == ["a.edi"]
    assert (drop.root / "archive" / "20261102").is_dir()
    assert files(loader) == [("a.edi", "archived", None)]
    assert rows(loader, "select name, status, content from raw.documents") == [("a.edi", "accepted", an_846(1))]
    assert rows(loader, "select quantity, line_key from raw.facts") == [("12", "REF-1/1/17")]
    assert rows(loader, "select polled_at from ops.source_cursors") == [(NOW,)]


def test_a_quiet_poll_writes_no_load(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    assert run(loader, sftp, source).as_json()["load_id"] is None
    assert rows(loader, "select count(*) from raw.loads") == [(0,)]
    assert rows(loader, "select polled_at from ops.source_cursors") == [(NOW,)]


def test_a_young_file_waits_until_two_polls_saw_the_same(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    drop.put("a.edi", an_846(1, cut=100), age_s=0)
    assert run(loader, sftp, source).facts == 0
    drop.put("a.edi", an_846(1), age_s=0)  # still being written: another size
    assert run(loader, sftp, source, LATER).facts == 0
    assert files(loader) == [("a.edi", "seen", None)]
    assert run(loader, sftp, source, LATER + timedelta(minutes=1)).facts == 1
    assert files(loader) == [("a.edi", "archived", None)]


def test_unfinished_uploads_are_left_alone(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    for name in ("a.edi.tmp", "b.part", "c.edi.filepart"):
        drop.put(name, an_846(1))
    (drop.root / "inbox" / "folder").mkdir()
    assert run(loader, sftp, source).documents == 0
    assert files(loader) == []
    assert len(drop.names("inbox")) == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\x00\x01\x02PK", "file_binary"),
        (b"hello, here is our stock", "no_interchange"),
        (an_846(1, cut=150), "group_not_closed"),
        (an_846(1) + b" " * 6_000, "file_too_large"),
    ],
)
def test_a_file_that_says_nothing_is_refused_with_evidence(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop, content: bytes, code: str
) -> None:
    drop.put("bad.edi", content)
    drop.put("good.edi", an_846(2))
    result = run(loader, sftp, source)
    assert result.facts == 1
    assert files(loader)[0][:2] == ("bad.edi", "refused")
    assert drop.names("refused") == ["bad.edi"]
    stored, size, status, stored_code = rows(
        loader, "select content, size_bytes, status, fault_code from raw.documents where name = 'bad.edi'"
    )[0]
    assert (stored, size, status) == (content[:5_000], len(content), "quarantined")
    faults = [row[0] for row in rows(loader, "select fault_code from raw.facts where fault_code is not null")]
    assert code in faults
    assert stored_code in faults
    ((rule, subject, detail),) = rows(loader, "select rule, subject, detail from ops.exceptions")
    assert (rule, subject) == ("file_refused", "acme_3pl/bad.edi")
    assert code in detail
    # The bytes are one step from the exception.
    evidence = "select v.kind, d.name from ops.exception_evidence v join raw.documents d on d.document_id = v.ref"
    assert rows(loader, evidence) == [("document", "bad.edi")]


def test_a_half_written_file_keeps_what_is_whole_and_says_so(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    whole = an_846(1)
    drop.put("half.edi", whole[: whole.index(b"GE*1")])
    result = run(loader, sftp, source)
    assert result.facts == 1
    assert rows(loader, "select status from raw.documents") == [("partial",)]
    assert "has no IEA" in rows(loader, "select detail from ops.exceptions")[0][0]
    drop.put("half.edi", whole)  # the partner sends it again, whole
    again = run(loader, sftp, source, LATER)
    assert (again.facts, again.known) == (0, 0)
    assert rows(loader, "select state from ops.edi_sets order by set_id") == [("accepted",), ("duplicate",)]
    assert files(loader) == [("half.edi", "archived", None)] * 2


def test_the_same_bytes_again_are_a_duplicate(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    drop.put("a.edi", an_846(1))
    run(loader, sftp, source)
    drop.put("a.edi", an_846(1))
    drop.put("b.edi", an_846(1))
    result = run(loader, sftp, source, LATER)
    assert (result.facts, result.documents) == (0, 2)
    assert rows(loader, "select name, status from raw.documents order by received_at, name") == [
        ("a.edi", "accepted"), ("a.edi", "duplicate"), ("b.edi", "duplicate")
    ]  # fmt: skip
    assert rows(loader, "select count(*) from raw.facts") == [(1,)]
    assert drop.names("archive") == ["a.edi", "a.edi", "b.edi"]


@pytest.mark.parametrize(
    ("name", "code"),
    [("a\nb.edi", "file_name_hostile"), ("..a.edi", "file_name_hostile"), (".a.edi", "file_name_hostile"),
     ("x" * 200 + ".edi", "file_name_hostile"), ("a\\..\\b.edi", "file_name_hostile"),
     ("stock.csv", "file_not_expected")],
)  # fmt: skip
def test_a_hostile_or_strange_name_is_told_once_and_left(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop, name: str, code: str
) -> None:
    drop.put(name, an_846(1))
    drop.put("good.edi", an_846(2))
    assert run(loader, sftp, source).facts == 1
    run(loader, sftp, source, LATER)
    assert [row[1:] for row in files(loader) if row[2]] == [("refused", code)]
    assert rows(loader, "select count(*) from ops.exceptions") == [(1,)]
    assert (drop.root / "inbox" / name).exists()


def test_a_link_out_of_the_folder_is_not_followed(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.edi"
    secret.write_bytes(an_846(9))
    (drop.root / "inbox" / "link.edi").symlink_to(secret)
    assert run(loader, sftp, source).documents == 0
    assert files(loader) == [("link.edi", "refused", "file_is_link")]


class Crash(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("owner", "method", "is_before"),
    [
        (Folders, "claim", True),  # written as claimed, still in the inbox
        (Folders, "claim", False),  # renamed, not read
        (intake, "land", True),  # read, not landed
        (intake, "land", False),  # landed, not put away
        (Folders, "put_away", False),  # put away, not written
        (Register, "finish", False),
    ],
)
def test_a_crash_at_any_step_is_finished_by_the_next_poll(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop,
    monkeypatch: pytest.MonkeyPatch, owner: Any, method: str, is_before: bool,
) -> None:  # fmt: skip
    drop.put("a.edi", an_846(1))
    drop.put("bad.edi", b"nothing", age_s=60)
    real = getattr(owner, method)

    def crash(*args: Any, **kwargs: Any) -> Any:
        if not is_before:
            real(*args, **kwargs)
        raise Crash(method)

    for _ in range(2):  # once for each file
        with monkeypatch.context() as patch:
            patch.setattr(owner, method, crash)
            with pytest.raises(Crash):
                run(loader, sftp, source)
    run(loader, sftp, source, LATER)
    assert rows(loader, "select name, state from ops.files order by name") == [
        ("a.edi", "archived"), ("bad.edi", "refused")
    ]  # fmt: skip
    assert rows(loader, "select count(*) from raw.facts where fault_code is null") == [(1,)]
    assert rows(loader, "select count(*) from raw.documents") == [(2,)]
    assert drop.names("archive") == ["a.edi"]
    assert drop.names("refused") == ["bad.edi"]
    assert drop.names("processing") == drop.names("inbox") == []


def test_a_file_found_among_the_claimed_ones_is_adopted(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    (drop.root / "processing").mkdir()
    drop.put("by-hand.edi", an_846(1)).rename(drop.root / "processing" / "by-hand.edi")
    assert run(loader, sftp, source).facts == 1
    assert files(loader) == [("processing/by-hand.edi", "archived", None)]
    assert rows(loader, "select name from raw.documents") == [("processing/by-hand.edi",)]
    assert drop.names("archive") == ["by-hand.edi"]
    assert (drop.root / "archive" / "20261102").is_dir()


def test_a_claimed_file_that_vanished_opens_an_exception(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    gone = Entry("gone.edi", 1, 0, 0o100644)
    Register(loader, "acme_3pl", NOW).claim(gone, is_moved=True)
    run(loader, sftp, source)
    assert files(loader) == [("gone.edi", "refused", "file_vanished")]
    assert rows(loader, "select rule from ops.exceptions") == [("file_vanished",)]


def test_one_unreadable_file_does_not_stop_the_others(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.put("a.edi", an_846(1))
    drop.put("b.edi", an_846(2), age_s=60)
    real = Folders.read

    def refuse_a(self: Folders, path: str, expected: Any = None) -> Any:
        if path.endswith("a.edi"):
            raise PermissionError(13, "Permission denied")
        return real(self, path, expected)

    with monkeypatch.context() as patch:
        patch.setattr(Folders, "read", refuse_a)
        with pytest.raises(RetryableError, match=r"1 file\(s\) could not be finished: 'a.edi': PermissionError"):
            run(loader, sftp, source)
    assert files(loader) == [("a.edi", "claimed", None), ("b.edi", "archived", None)]
    assert run(loader, sftp, source, LATER).facts == 1


def test_only_so_many_files_a_poll(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    few = source.model_copy(update={"files": source.file_rules.model_copy(update={"files_max": 2})})
    for number in range(3):
        drop.put(f"{number}.edi", an_846(number), age_s=500 - number)
    first = run(loader, sftp, few)
    assert (first.facts, first.is_complete) == (2, False)
    assert drop.names("inbox") == ["2.edi"]
    assert run(loader, sftp, few, LATER).is_complete


def test_a_lost_connection_is_retryable(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop, partner: SftpServer
) -> None:
    drop.put("a.edi", an_846(1))
    partner.drop_connections()
    with pytest.raises((PartnerUnavailable, RetryableError)):
        run(loader, sftp, source)
    assert run(loader, partner.connect(), source, LATER).facts == 1


def test_a_lost_warehouse_leaves_the_file_for_the_next_poll(
    loader: psycopg.Connection, warehouse: psycopg.Connection, warehouse_dsn: Any,
    sftp: paramiko.SFTPClient, source: Source, drop: Drop, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    drop.put("a.edi", an_846(1))
    real = Folders.read

    def read_and_kill(self: Folders, path: str, expected: Any = None) -> Any:
        warehouse.execute("select pg_terminate_backend(%s)", [loader.info.backend_pid])
        return real(self, path, expected)

    with monkeypatch.context() as patch:
        patch.setattr(Folders, "read", read_and_kill)
        with pytest.raises(WarehouseUnavailable):
            run(loader, sftp, source)
    with psycopg.connect(warehouse_dsn("loader"), autocommit=True) as fresh:
        assert run(fresh, sftp, source, LATER).facts == 1


def test_a_missing_inbox_names_the_folder(
    loader: psycopg.Connection, sftp: paramiko.SFTPClient, source: Source, drop: Drop
) -> None:
    (drop.root / "inbox").rmdir()
    with pytest.raises(ConfigurationError, match="no folder 'inbox'"):
        run(loader, sftp, source)
