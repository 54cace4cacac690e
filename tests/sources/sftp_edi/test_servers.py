"""The whole pull against each real server: claimed, read, archived or refused with a reason, whatever lies there."""

from __future__ import annotations

import gzip
import io
import os
import socket
import stat
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import psycopg
import pytest
from polls import NOW, files, poll, rows
from tests.sources.sftp_edi.test_pull import Drop, an_846

from syncline.errors import ConfigurationError, RetryableError
from syncline.registry import Source
from syncline.sources.sftp_edi import claims, intake
from syncline.sources.sftp_edi.client import open_sftp
from syncline.sources.sftp_edi.folders import Folders
from syncline.sources.sftp_edi.register import Register

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def drop(served: Any) -> Drop:
    return Drop(served.root)


def test_a_day_of_files(loader: psycopg.Connection, served: Any, source: Source, drop: Drop) -> None:
    drop.put("a.edi", an_846(1), age_s=300)
    drop.put("bad.edi", b"hello, here is our stock", age_s=200)
    drop.put("young.edi", an_846(2), age_s=0)
    drop.put("notes.csv", b"x")
    result = poll(loader, served, source)
    assert (result.facts, result.documents, result.is_complete) == (1, 2, True)
    assert files(loader) == [
        ("notes.csv", "refused", "file_not_expected"), ("young.edi", "seen", None), ("a.edi", "archived", None),
        ("bad.edi", "refused", "no_interchange"),
    ]  # fmt: skip
    assert (drop.names("inbox"), drop.names("processing")) == (["notes.csv", "young.edi"], [])
    assert (drop.names("archive"), drop.names("refused")) == (["a.edi"], ["bad.edi"])
    assert list(drop.reasons()) == ["bad.edi"]
    assert poll(loader, served, source, LATER).facts == 1  # young.edi rested between the two
    assert drop.names("archive") == ["a.edi", "young.edi"]


def test_another_host_key_ends_before_the_login(served: Any) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    changed = served.connection(host_key=" ".join(stranger.split()[:2]))
    with pytest.raises(ConfigurationError, match="BadHostKey"), open_sftp(changed, 5):
        pass


def test_another_client_key_is_no_login(served: Any) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh").decode()
    with (
        pytest.raises(ConfigurationError, match="login is refused"),
        open_sftp(served.connection(private_key=other), 5),
    ):
        pass


def test_a_claim_never_overwrites(loader: psycopg.Connection, served: Any, source: Source, drop: Drop) -> None:
    drop.put("a.edi", an_846(1))
    (drop.root / "processing").mkdir()
    with open_sftp(served.connection(), 5) as sftp:
        folders = Folders(sftp, source)
        (drop.root / "processing" / "taken").write_bytes(b"another claim")
        with pytest.raises(RetryableError, match=r"does not rename 'inbox/a\.edi'"):
            folders.claim("a.edi", "taken")
        (drop.root / "archive" / "undated").mkdir(parents=True)
        (drop.root / "archive" / "undated" / "taken").write_bytes(b"archived before")
        with pytest.raises(OSError, match=r"Failure|File already exists"):
            folders.put_away("taken", is_refused=False)
    assert (drop.root / "processing" / "taken").read_bytes() == b"another claim"
    assert (drop.root / "archive" / "undated" / "taken").read_bytes() == b"archived before"
    assert (drop.root / "inbox" / "a.edi").read_bytes() == an_846(1)


def test_two_files_of_one_name_are_two_claims(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one is still in the folder of claimed files when the second one comes."""
    drop.put("stock.edi", an_846(1))
    with monkeypatch.context() as patch:
        patch.setattr(Folders, "read", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            poll(loader, served, source)
    drop.put("stock.edi", an_846(2))
    assert poll(loader, served, source).facts == 2
    assert files(loader) == [("stock.edi", "archived", None)] * 2
    assert drop.names("archive") == ["stock.edi"] * 2
    assert len({path.name for path in (drop.root / "archive" / "20261102").iterdir()}) == 2


class Killed(RuntimeError):
    """As a killed process: nothing after it runs, not even what is told at the end of a poll."""


WINDOWS = [
    (Folders, "claim", True), (Folders, "claim", False), (Folders, "read", False), (intake, "land", True),
    (intake, "land", False), (claims, "reason_text", True), (Folders, "explain", False), (Folders, "put_away", True),
    (Folders, "put_away", False), (Register, "finish", True), (Register, "finish", False),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "step", "is_before"), WINDOWS)
def test_a_run_killed_in_any_window_is_finished(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop, monkeypatch: pytest.MonkeyPatch,
    owner: Any, step: str, is_before: bool,
) -> None:  # fmt: skip
    drop.put("bad.edi", an_846(1).replace(b"QTY*17*12*EA", b"QTY*17*twelve*EA").replace(b"SE*6", b"SE*7"))
    real = getattr(owner, step)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if not is_before:
            real(*args, **kwargs)
        raise Killed(step)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        with pytest.raises(Killed):
            poll(loader, served, source)
    told = drop.reasons()
    assert poll(loader, served, source, LATER).is_complete
    assert [row[:2] for row in files(loader)] == [("bad.edi", "refused")]
    assert rows(loader, "select count(*) from raw.documents") == [(1,)]
    assert (drop.names("refused"), drop.names("processing"), drop.names("inbox")) == (["bad.edi"], [], [])
    ((_, reason),) = drop.reasons().items()
    assert "SE" in reason
    received = rows(loader, "select received_at from raw.documents")[0][0]
    assert f"received:    {received.isoformat(timespec='seconds')}" in reason
    assert told in ({}, drop.reasons()), "what was written once is not written again in other words"
    assert not list(drop.root.rglob("*.tmp"))
    assert rows(loader, "select rule from ops.exceptions") == [("file_refused",)]


def test_a_file_put_among_the_claimed_ones_by_hand_settles_like_any_other(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop
) -> None:
    (drop.root / "processing").mkdir()
    by_hand = drop.put("by-hand.edi", an_846(1), age_s=0).rename(drop.root / "processing" / "by-hand.edi")
    drop.put("readme.md", b"do not delete").rename(drop.root / "processing" / "readme.md")
    assert poll(loader, served, source).facts == 0
    assert by_hand.exists(), "it may still be written"
    assert poll(loader, served, source, LATER).facts == 1
    assert rows(loader, "select name from raw.documents") == [("processing/by-hand.edi",)]
    assert drop.names("archive") == ["by-hand.edi"]
    assert drop.names("processing") == ["readme.md"]
    assert ("processing/readme.md", "refused", "file_not_expected") in files(loader)


def test_a_file_put_back_from_the_archive_is_read_again(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop
) -> None:
    drop.put("a.edi", an_846(1))
    poll(loader, served, source)
    (archived,) = (drop.root / "archive" / "20261102").iterdir()
    archived.rename(drop.root / "processing" / archived.name)
    assert poll(loader, served, source, LATER).documents == 1
    assert rows(loader, "select name, status from raw.documents order by received_at") == [
        ("a.edi", "accepted"), (f"processing/{archived.name}", "duplicate")
    ]  # fmt: skip
    assert (drop.names("processing"), drop.names("archive")) == ([], ["a.edi"])


def test_one_file_under_one_name_in_both_folders_is_landed_twice_at_one_instant(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop
) -> None:
    (drop.root / "processing").mkdir()
    drop.put("a.edi", an_846(1)).rename(drop.root / "processing" / "a.edi")
    drop.put("a.edi", an_846(1))
    assert poll(loader, served, source).documents == 2
    assert rows(loader, "select name, status from raw.documents order by status") == [
        ("a.edi", "accepted"), ("processing/a.edi", "duplicate")
    ]  # fmt: skip


def test_thousands_of_strangers_delay_no_file(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop
) -> None:
    few = source.model_copy(update={"files": source.file_rules.model_copy(update={"files_max": 3})})
    (drop.root / "processing").mkdir()
    for number in range(2_000):
        (drop.root / "processing" / f"theirs-{number:04d}.csv").write_bytes(b"x")
    for number in range(4):
        left = drop.put(f"left-{number}.edi", an_846(10 + number), age_s=9_000 - number)
        left.rename(drop.root / "processing" / left.name)
    drop.put("good.edi", an_846(1))
    first = poll(loader, served, few)
    assert (first.facts, first.is_complete) == (3, False)
    assert drop.names("archive") == ["good.edi", "left-0.edi", "left-1.edi"]
    second = poll(loader, served, few, LATER)
    assert (second.facts, second.is_complete) == (2, True)
    assert rows(loader, "select count(*) from ops.files where fault_code = 'file_not_expected'") == [(200,)]
    assert rows(loader, "select count(*) from ops.exceptions where rule = 'inbox_overfull'") == [(1,)]
    assert len(drop.names("processing")) == 2_000


def test_what_no_partner_should_send(loader: psycopg.Connection, served: Any, source: Source, drop: Drop) -> None:
    """Whatever a disk can hold under one name; what no disk holds is in tests/breaking."""
    inbox = os.fsencode(drop.root / "inbox")
    for name in (b"a\nb.edi", b"a\x1b[31m.edi", b"\xff\xfe.edi", b"..edi", b"-rf.edi", b"\xe2\x80\xaetxt.edi",
                 "é".encode() * 120 + b".edi", b"n" * 251 + b".edi"):  # fmt: skip
        Path(os.fsdecode(inbox + b"/" + name)).write_bytes(an_846(9))
    (drop.root / "inbox" / "folder.edi").mkdir()
    (drop.root / "inbox" / "link.edi").symlink_to("/etc/passwd")
    (drop.root / "inbox" / "dangling.edi").symlink_to("nowhere")
    (drop.root / "inbox" / "loop.edi").symlink_to("loop.edi")
    os.mkfifo(drop.root / "inbox" / "fifo.edi")
    before = sorted(os.listdir(inbox))
    drop.put("good.edi", an_846(1))
    assert poll(loader, served, source).facts == 1
    told = rows(loader, "select fault_code, count(*) from ops.files where state = 'refused' group by 1 order by 1")
    assert told == [("file_is_link", 3), ("file_name_hostile", 8), ("file_not_regular", 1)]
    assert sorted(os.listdir(inbox)) == before
    assert stat.S_ISFIFO(os.lstat(drop.root / "inbox" / "fifo.edi").st_mode)
    assert drop.reasons() == {}, "what is refused where it lies is never touched, and gets no file beside it"
    again = poll(loader, served, source, LATER)
    assert (again.documents, again.is_complete) == (0, True)
    assert rows(loader, "select count(*) from ops.exceptions") == [(12,)]


def test_the_longest_name_still_fits_with_all_we_add(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop
) -> None:
    name = "é" * 50 + "x" * 96 + ".edi"
    assert (len(name), len(name.encode())) == (150, 200)
    drop.put(name, b"hello, here is our stock")
    assert poll(loader, served, source).is_complete
    assert drop.names("refused") == [name]
    assert "file:        " + "\\xe9" * 50 in drop.reasons()[name]


def test_a_socket_is_no_file(loader: psycopg.Connection, served: Any, source: Source, drop: Drop) -> None:
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(drop.root / "inbox")  # a socket's path may have 108 bytes
        try:
            listening.bind("s.edi")
        finally:
            os.chdir(here)
        poll(loader, served, source)
    assert files(loader) == [("s.edi", "refused", "file_not_regular")]


def zipped() -> bytes:
    """Ten megabytes in ten kilobytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../stock.edi", b"0" * 10_000_000)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [(zipped(), "zip"), (gzip.compress(b"0" * 10_000_000, mtime=0), "gzip"), (zipped() + b"x" * 900_000, "zip")],
)
def test_an_archive_is_named_and_never_unpacked(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop, content: bytes, kind: str
) -> None:
    roomy = source.model_copy(update={"files": source.file_rules.model_copy(update={"size_max_bytes": 100_000})})
    drop.put("bomb.edi", content, age_s=300)
    drop.put("good.edi", an_846(1))
    assert poll(loader, served, roomy).facts == 1
    assert files(loader)[0] == ("bomb.edi", "refused", "file_compressed")
    ((detail, next_step),) = rows(loader, "select detail, next_step from ops.exceptions")
    assert f"the file is {kind}, not EDI text, and is never unpacked" in detail
    assert next_step == "Ask acme_3pl to send it unpacked; a new file is read by itself."
    assert "send it unpacked, the EDI text itself" in drop.reasons()["bomb.edi"]
    assert rows(loader, "select size_bytes from raw.documents where name = 'bomb.edi'") == [(len(content),)]


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_file_that_shrinks_or_grows_while_it_is_read(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """At 400 kB the read takes many requests; the file has another size from the second look on."""
    roomy = source.model_copy(update={"files": source.file_rules.model_copy(update={"size_max_bytes": 900_000})})
    drop.put("moving.edi", an_846(1) + b" " * 400_000, age_s=300)
    drop.put("good.edi", an_846(2))
    real = Folders.read

    def moved(self: Folders, path: str, expected: Any = None) -> Any:
        if "moving" in path:
            opened = self._sftp.open

            def open_and_move(*args: Any, **kwargs: Any) -> Any:
                file = opened(*args, **kwargs)
                os.truncate(drop.root / path, size)
                return file

            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(self._sftp, "open", open_and_move)
                return real(self, path, expected)
        return real(self, path, expected)

    with monkeypatch.context() as patch:
        patch.setattr(Folders, "read", moved)
        with pytest.raises(RetryableError, match=r"1 file\(s\) .*'moving.edi': .* changed while it was read"):
            poll(loader, served, roomy)
    assert drop.names("archive") == ["good.edi"]
    (claimed,) = (drop.root / "processing").iterdir()
    claimed.write_bytes(an_846(1))
    assert poll(loader, served, roomy, LATER).facts == 1


def test_a_file_larger_than_the_limit_is_cut_and_refused(
    loader: psycopg.Connection, served: Any, source: Source, drop: Drop
) -> None:
    path = drop.put("huge.edi", an_846(1))
    os.truncate(path, 5 * 1000**3)  # sparse
    os.utime(path, (time.time() - 300,) * 2)
    drop.put("good.edi", an_846(2))
    assert poll(loader, served, source).facts == 1
    assert files(loader)[0] == ("huge.edi", "refused", "file_too_large")
    reason = drop.reasons()["huge.edi"]
    assert "size:        5000000000 bytes" in reason
    assert "(of the first 5000 bytes)" in reason
    assert "send it in parts of at most 5000 bytes each" in reason
