"""A partner's SFTP server does its worst: a typed error, nothing half-visible, and the next poll makes it good."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
import psycopg
import pytest
from tests.breaking.faulty_drop import Plan, close, deny, drop_of, refuse
from tests.sources.sftp_edi.loopback_sftp import SftpServer
from tests.sources.sftp_edi.test_pull import Drop, an_846

from syncline.connections import Connection
from syncline.errors import ConfigurationError, PartnerContractBroken, PartnerUnavailable, RetryableError
from syncline.registry import FileRules, Source
from syncline.sources.sftp_edi import folders, pull
from syncline.sources.sftp_edi.client import open_sftp
from syncline.warehouse.connect import connect_dsn

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)
RULES = FileRules(pattern="*.edi", settle_s=30, size_max_bytes=200_000)
SOURCE = Source(name="acme_3pl", kind="sftp_edi", timeout_s=2, files=RULES)
# Everything that came of the files; never a file id, which counts the tries.
STATE = {
    "facts": "select fact_id, quantity, received_at, fault_code from raw.facts",
    "documents": "select name, sha256, size_bytes, status, received_at from raw.documents",
    "files": "select name, state, fault_code, sha256 from ops.files",
    "exceptions": "select rule, subject, state from ops.exceptions",
    "cursor": "select source, polled_at from ops.source_cursors",
}


def long_846(number: int, items: int = 2_000) -> bytes:
    """An 846 of several reads: paramiko asks for 32 kB at a time."""
    head, tail = an_846(number).split(b"LIN*1*SK*SKU-1~\nQTY*17*12*EA~\n")
    lines = b"".join(b"LIN*%d*SK*SKU-%d~\nQTY*17*%d*EA~\n" % (n, n, n) for n in range(1, items + 1))
    return head + lines + tail.replace(b"SE*6*", b"SE*%d*" % (4 + 2 * items))


@pytest.fixture
def plan() -> Plan:
    return Plan()


@pytest.fixture
def partner(tmp_path: Path, plan: Plan) -> Iterator[SftpServer]:
    (tmp_path / "drop" / "inbox").mkdir(parents=True)
    server = SftpServer(tmp_path / "drop", drop_of(plan))
    yield server
    server.close()


@pytest.fixture
def drop(partner: SftpServer) -> Drop:
    return Drop(partner.root)


@pytest.fixture
def loader(warehouse: psycopg.Connection, warehouse_dsn: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    with connect_dsn(warehouse_dsn("loader")) as connection:
        yield connection


def connection(partner: SftpServer) -> Connection:
    extra = {"host_key": partner.public_host_key(), "private_key": partner.private_key()}
    return Connection("acme_3pl", "sftp", "127.0.0.1", partner.port, "partner", extra=extra)


def poll(loader: psycopg.Connection, partner: SftpServer, source: Source = SOURCE) -> Any:
    """As the task does: a connection of its own, closed at the end."""
    with open_sftp(connection(partner), source.timeout_s) as sftp:
        return pull(loader, sftp, source, NOW, server_now_s=time.time())


def state(conn: psycopg.Connection, drop: Drop) -> dict[str, list[str]]:
    found = {name: sorted(map(repr, conn.execute(query).fetchall())) for name, query in STATE.items()}
    return found | {folder: drop.names(folder) for folder in ("inbox", "processing", "archive", "refused")}


def fill(drop: Drop) -> None:
    drop.put("a.edi", long_846(1), age_s=300)
    drop.put("b.edi", b"no EDI at all", age_s=200)
    drop.put("c.edi", an_846(3), age_s=100)


WANTED_FILES = ["('a.edi', 'archived'", "('b.edi', 'refused'", "('c.edi', 'archived'"]
BROKEN_AT = [
    ("scandir", 1), ("scandir", 2), ("stat", 1), ("mkdir", 1), ("rename", 1), ("renamed", 1), ("lstat", 1), ("open", 1),
    ("read", 1), ("read", 3), ("lstat", 2), ("mkdir", 2), ("rename", 2), ("renamed", 2), ("read", 4),
    # the reason file of b.edi: looked for, cleared of what a crash left, written, renamed; then b.edi is put away
    ("lstat", 5), ("remove", 1), ("open", 3), ("write", 1), ("rename", 4), ("renamed", 4), ("rename", 5),
    ("renamed", 5), ("renamed", 7),
]  # fmt: skip


# paramiko's read-ahead thread dies of it too, aloud; what the poll raises is what counts.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("operation", "number"), BROKEN_AT)
def test_a_connection_that_breaks_anywhere_is_made_good_by_the_next_poll(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan, operation: str, number: int
) -> None:
    fill(drop)
    plan.at(operation, number, close)
    with pytest.raises(PartnerUnavailable, match="acme_3pl: the server refused or the connection broke") as caught:
        poll(loader, partner)
    assert plan.calls[operation] == number, "the fault was never reached"
    assert caught.value.next_step == "Files already claimed are finished by the next run."
    assert caught.value.fields == {"source": "acme_3pl"}
    documents = loader.execute("select count(*) from raw.documents").fetchone()
    landed = loader.execute(
        "select count(*) from ops.files where state in ('landed', 'archived', 'refused')"
    ).fetchone()
    assert documents == landed, "a document without its file's state, or the other way round"
    plan.forget()
    assert poll(loader, partner).is_complete
    found = state(loader, drop)
    assert [row[: len(wanted)] for row, wanted in zip(found["files"], WANTED_FILES, strict=True)] == WANTED_FILES
    assert (len(found["documents"]), len(found["facts"])) == (3, 2_000 + 1 + 1)
    assert (found["inbox"], found["processing"]) == ([], [])
    assert (found["archive"], found["refused"]) == (["a.edi", "c.edi"], ["b.edi"])
    assert found["cursor"] == [repr(("acme_3pl", NOW))]
    before = state(loader, drop)
    poll(loader, partner)
    assert state(loader, drop) == before


def test_a_server_that_hangs_in_a_read_is_left_in_time(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan
) -> None:
    fill(drop)
    over = threading.Event()

    def hang(_: object) -> None:
        over.wait(60)

    plan.at("read", 2, hang)
    with pytest.raises(PartnerUnavailable, match=r"TimeoutError|connection broke"):
        poll(loader, partner)
    plan.forget()
    over.set()
    assert poll(loader, partner).is_complete
    assert drop.names("archive") == ["a.edi", "c.edi"]


@pytest.mark.parametrize(("operation", "what"), [("scandir", "list 'inbox'"), ("mkdir", "create 'processing'")])
def test_a_folder_that_is_forbidden_needs_a_person(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan, operation: str, what: str
) -> None:
    fill(drop)
    plan.at(operation, 0, deny)
    with pytest.raises(ConfigurationError, match=f"does not let us {what}") as caught:
        poll(loader, partner)
    assert "Ask the partner for the right" in caught.value.next_step
    assert loader.execute("select count(*) from ops.files").fetchone() == (0,)
    plan.forget()
    assert poll(loader, partner).is_complete


@pytest.mark.parametrize("operation", ["rename", "open", "read"])
@pytest.mark.parametrize("fault", [deny, refuse])
def test_one_file_that_cannot_be_had_does_not_stop_the_others(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan, operation: str, fault: Any
) -> None:
    fill(drop)
    plan.at(operation, 1, fault)
    with pytest.raises(RetryableError, match=r"1 file\(s\) could not be finished: 'a.edi'") as caught:
        poll(loader, partner)
    assert "ops.files shows their state" in caught.value.next_step
    assert drop.names("archive") == ["c.edi"]
    assert loader.execute("select polled_at < '2000-01-01' from ops.source_cursors").fetchone() == (True,)
    assert poll(loader, partner).facts == 2_000
    assert drop.names("archive") == ["a.edi", "c.edi"]


def test_a_file_that_may_not_be_put_away_is_landed_once(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan
) -> None:
    drop.put("a.edi", an_846(1))
    plan.at("rename", 2, deny)
    plan.at("rename", 4, deny)  # the third puts the acknowledgment into the outbox
    for _ in range(2):
        with pytest.raises(RetryableError, match=r"'a\.edi': PermissionError"):
            poll(loader, partner)
        assert loader.execute("select name, state from ops.files").fetchall() == [("a.edi", "landed")]
    assert poll(loader, partner).is_complete
    assert loader.execute("select count(*) from raw.documents").fetchone() == (1,)
    assert drop.names("archive") == ["a.edi"]


def test_a_file_that_grows_while_it_is_read_is_read_when_it_rests(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan
) -> None:
    drop.put("a.edi", long_846(1)[:40_000])
    (partner.root / "processing").mkdir()

    def grow(_: object) -> None:
        (claimed,) = (partner.root / "processing").iterdir()
        with claimed.open("ab") as file:
            file.write(long_846(1)[40_000:])

    plan.at("read", 2, grow)
    with pytest.raises(RetryableError, match="changed while it was read") as caught:
        poll(loader, partner)
    assert "'a.edi'" in caught.value.message
    assert loader.execute("select count(*) from raw.documents").fetchone() == (0,)
    assert poll(loader, partner).facts == 2_000
    assert loader.execute("select status from raw.documents").fetchall() == [("accepted",)]


def test_a_file_that_vanishes_before_it_is_claimed_is_told(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan
) -> None:
    fill(drop)
    plan.at("rename", 1, lambda _: (partner.root / "inbox" / "a.edi").unlink())
    assert poll(loader, partner).is_complete
    assert loader.execute("select name, state, fault_code from ops.files order by name").fetchall()[0] == (
        "a.edi", "refused", "file_vanished"
    )  # fmt: skip
    vanished = "select subject, next_step from ops.exceptions where rule = 'file_vanished'"
    ((subject, next_step),) = loader.execute(vanished).fetchall()
    assert (subject, next_step) == (
        "acme_3pl/'a.edi'", "Ask the partner whether it was withdrawn, and for the file again if not."
    )  # fmt: skip
    drop.put("a.edi", long_846(1))
    assert poll(loader, partner).facts == 2_000


def test_a_folder_that_goes_under_our_hands_loses_no_file(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan
) -> None:
    fill(drop)
    plan.at("rename", 1, lambda _: (partner.root / "processing").rmdir())
    with pytest.raises(RetryableError, match=r"3 file\(s\) could not be finished: 'a.edi': FileNotFoundError"):
        poll(loader, partner)
    assert poll(loader, partner).is_complete
    assert drop.names("archive") == ["a.edi", "c.edi"]
    assert loader.execute("select count(*) from ops.exceptions where rule = 'file_vanished'").fetchone() == (0,)


def listed(name: bytes, *, size: int = 10, mode: int = 0o100644, age_s: int = 120) -> asyncssh.SFTPName:
    attrs = asyncssh.SFTPAttrs(size=size, permissions=mode, atime=0, mtime=int(time.time()) - age_s)
    return asyncssh.SFTPName(name, b"-rw-r--r-- " + name, attrs)


HOSTILE = [
    b"a\nb.edi", b"a\x00b.edi", b"\xff\xfe.edi", b"\xc3(.edi", b"..", b"../../etc/passwd.edi", b"x/../../y.edi",
    b"-rf.edi", b"\xe2\x80\xaetxt.edi", b"n" * 5_000 + b".edi",
]  # fmt: skip


def test_hostile_names_are_told_once_and_the_good_file_is_read(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan
) -> None:
    plan.listed = [listed(name) for name in HOSTILE]
    drop.put("good.edi", an_846(2))
    assert poll(loader, partner).facts == 1
    told = loader.execute("select name, fault_code from ops.files where state = 'refused'").fetchall()
    assert sorted(code for _, code in told) == ["file_name_hostile"] * len(HOSTILE)
    assert all(name.isprintable() for name, _ in told)
    assert {rule for (rule,) in loader.execute("select rule from ops.exceptions").fetchall()} == {"file_refused"}
    before = state(loader, drop)
    assert poll(loader, partner).is_complete
    assert state(loader, drop) == before


def test_hostile_names_among_the_claimed_files_are_never_touched(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop
) -> None:
    (partner.root / "processing").mkdir()
    os.symlink("/etc/passwd", partner.root / "processing" / "link.edi")
    with open(os.fsencode(partner.root / "processing") + b"/\xff.edi", "wb") as file:
        file.write(an_846(9))
    drop.put("good.edi", an_846(2))
    assert poll(loader, partner).facts == 1
    told = loader.execute("select fault_code from ops.files where state = 'refused' order by 1").fetchall()
    assert told == [("file_is_link",), ("file_name_hostile",)]


def test_a_folder_of_100_000_names_hides_nothing(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan
) -> None:
    plan.listed = [listed(b"junk-%06d.csv" % number, age_s=9_999) for number in range(100_000)]
    for number in range(3):
        drop.put(f"good-{number}.edi", an_846(number + 1))
    patient = SOURCE.model_copy(update={"timeout_s": 60})
    assert poll(loader, partner, patient).facts == 3
    refused = "select count(*) from ops.files where fault_code = 'file_not_expected'"
    assert loader.execute(refused).fetchone() == (200,)
    detail, next_step = loader.execute(
        "select detail, next_step from ops.exceptions where rule = 'inbox_overfull'"
    ).fetchone()  # type: ignore[misc]
    assert "100000 of its files are none that may be read" in detail
    assert "files.pattern" in next_step
    before = state(loader, drop)
    poll(loader, partner, patient)
    assert state(loader, drop) == before


def test_a_folder_without_an_end_is_cut_and_told(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "LISTING_MAX", 50)
    plan.listed = [listed(b"junk-%06d.csv" % number) for number in range(1_000)]
    assert not poll(loader, partner).is_complete
    assert loader.execute("select count(*) from ops.exceptions where rule = 'inbox_overfull'").fetchone() == (1,)
    plan.listed = []
    drop.put("good.edi", an_846(2))
    assert poll(loader, partner).facts == 1


def test_many_files_still_being_written_cost_a_poll_only_so_much(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package's `pull` is the function of the same name.
    monkeypatch.setattr(sys.modules["syncline.sources.sftp_edi.pull"], "NOTED_MAX", 5)
    for number in range(12):
        drop.put(f"young-{number:02d}.edi", an_846(number + 1), age_s=0)
    results = [poll(loader, partner) for _ in range(8)]
    assert not results[0].is_complete
    assert loader.execute("select count(*) from raw.documents").fetchone() == (12,)
    assert results[-1].is_complete


def test_a_huge_file_is_read_to_the_limit_and_refused(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop
) -> None:
    path = drop.put("huge.edi", an_846(1))
    with path.open("ab") as file:
        file.truncate(10 * 1000**3)  # sparse: ten gigabytes on the server, none on the disk
    os.utime(path, (time.time() - 100,) * 2)
    assert poll(loader, partner).facts == 0
    size, stored, code = loader.execute(
        "select size_bytes, octet_length(content), fault_code from raw.documents"
    ).fetchone()  # type: ignore[misc]
    assert (size, stored, code) == (10 * 1000**3, 200_000, "file_too_large")
    assert drop.names("refused") == ["huge.edi"]


def test_another_host_key_ends_before_the_login(loader: psycopg.Connection, partner: SftpServer) -> None:
    right = connection(partner)
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    changed = Connection(
        "acme_3pl", "sftp", "127.0.0.1", partner.port, "partner",
        extra=right.extra | {"host_key": " ".join(stranger.split()[:2])},
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match="host key or the login is refused") as caught, open_sftp(changed, 5):
        pass
    assert "Compare `host_key`" in caught.value.next_step
    assert str(right.extra["private_key"])[60:100] not in str(caught.value)


def test_a_server_that_tells_no_size_is_asked_for_one(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this, its files would look empty and be refused."""
    drop.put("a.edi", an_846(1))
    real = paramiko.SFTPClient.lstat

    def sizeless(self: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes:
        found = real(self, path)
        found.st_size = None
        return found

    with monkeypatch.context() as patch:
        patch.setattr(paramiko.SFTPClient, "lstat", sizeless)
        with pytest.raises(RetryableError, match="does not say how long") as caught:
            poll(loader, partner)
    assert isinstance(caught.value.__cause__, PartnerContractBroken)
    assert loader.execute("select state from ops.files").fetchall() == [("claimed",)]
    assert poll(loader, partner).facts == 1


def unsupported(_: asyncssh.SFTPServer) -> None:
    raise asyncssh.SFTPOpUnsupported("rename")


@pytest.mark.parametrize("fault", [deny, unsupported])
def test_a_server_that_renames_nothing_is_told_apart_from_one_that_failed(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan, fault: Any
) -> None:
    fill(drop)
    plan.at("rename", 0, fault)
    with pytest.raises(ConfigurationError, match=r"3 file\(s\) could not be finished") as caught:
        poll(loader, partner)
    assert "set `files.claim: in_place`" in caught.value.next_step
    assert loader.execute("select count(*) from ops.files where claimed_as is not null").fetchone() == (0,)
    plan.at("rename", 0, refuse)
    with pytest.raises(RetryableError, match=r"3 file\(s\) could not be finished"):
        poll(loader, partner)
    plan.forget()
    assert poll(loader, partner).is_complete
    assert loader.execute("select count(*) from ops.files").fetchone() == (3,), "a refused claim is no new row"
    assert loader.execute("select count(*) from ops.exceptions where rule = 'file_vanished'").fetchone() == (0,)


def test_a_status_in_another_encoding_is_still_a_status(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A localised Windows server: its text is no UTF-8, and holds what a terminal would obey."""
    drop.put("a.edi", an_846(1), age_s=300)
    drop.put("b.edi", an_846(2))
    text = b"Zugriff \xfcberall verweigert\r\n\x1b[31m" + b"!" * 500
    real = asyncssh.sftp.SFTPError.encode

    def localised(self: asyncssh.SFTPError, version: int) -> bytes:
        if self.reason != "localised":
            return real(self, version)
        return b"".join((self.code.to_bytes(4), len(text).to_bytes(4), text, (0).to_bytes(4)))

    def refused(_: object) -> None:
        raise asyncssh.SFTPFailure("localised")

    monkeypatch.setattr(asyncssh.sftp.SFTPError, "encode", localised)
    plan.at("open", 1, refused)
    with pytest.raises(RetryableError, match=r"1 file\(s\) could not be finished: 'a.edi'") as caught:
        poll(loader, partner)
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300
    assert poll(loader, partner).facts == 1


def test_sizes_and_times_that_no_table_holds(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan
) -> None:
    plan.listed = [listed(b"big.csv", size=2**64 - 1), listed(b"big.edi", size=2**64 - 1, age_s=-(2**31))]
    drop.put("good.edi", an_846(2))
    assert poll(loader, partner).facts == 1
    stored = loader.execute("select name, size_bytes, state from ops.files order by name").fetchall()
    assert stored[:2] == [("big.csv", 2**63 - 1, "refused"), ("big.edi", 2**63 - 1, "seen")]


def test_a_name_told_twice_is_one_file(loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan) -> None:
    drop.put("good.edi", an_846(2))
    plan.listed = [listed(b"good.edi", size=(drop.root / "inbox" / "good.edi").stat().st_size)] * 3
    assert poll(loader, partner).facts == 1
    assert loader.execute("select name, state from ops.files").fetchall() == [("good.edi", "archived")]


def test_a_cut_listing_proves_no_file_lost(
    loader: psycopg.Connection, partner: SftpServer, drop: Drop, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claimed file that stands behind the end of the listing is looked for by its name."""
    drop.put("a.edi", an_846(1), age_s=300)
    drop.put("b.edi", an_846(2), age_s=200)
    plan.at("read", 1, close)  # a.edi is claimed, and lies in processing
    with pytest.raises(PartnerUnavailable):
        poll(loader, partner)
    plan.forget()
    for number in range(60):
        (partner.root / "processing" / f"theirs-{number:02d}.csv").write_bytes(b"x")
    for number in range(0, 60, 20):
        monkeypatch.setattr(folders, "LISTING_MAX", number)
        poll(loader, partner)
    assert loader.execute("select count(*) from ops.files where fault_code = 'file_vanished'").fetchone() == (0,)
    assert loader.execute("select state from ops.files where name = 'a.edi'").fetchone() == ("archived",)
