"""The text beside a refused file: plain ASCII, limited, and told when it cannot be written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from loopback_sftp import SftpServer
from polls import NOW, files, poll, rows
from tests.sources.sftp_edi.test_pull import Drop, an_846

from syncline.edi.compressed import compressed_as
from syncline.landing import Document, fault
from syncline.registry import Source
from syncline.sources.sftp_edi.folders import Folders
from syncline.sources.sftp_edi.reasons import DEFECT_CHARS_MAX, DEFECTS_MAX, reason_text
from syncline.sources.sftp_edi.register import Claim, own_name

AT = datetime(2026, 11, 2, 10, 0, 0, 123, tzinfo=UTC)


def text_of(source: Source, *details: str, name: str = "a.edi") -> str:
    faults = [
        fault("segment_too_long", each, line_key=str(n), position="file", reading="r") for n, each in enumerate(details)
    ]
    document = Document(name, b"content", faults, "quarantined", "segment_too_long", "first", "file", size_bytes=7)
    claim = Claim(7, name, f"20261102T100000Z-7__{name}", "claimed", 7, 0)
    return reason_text(source, claim, document, AT).decode("ascii")


def test_it_says_what_when_why_and_what_next(source: Source) -> None:
    assert text_of(source, "segment 3 BIA02 at byte 120: empty", "segment 9 SE01 at byte 200: 7 said").splitlines() == [
        "This file was refused: nothing of it was used.",
        "",
        "file:        a.edi",
        "lies as:     20261102T100000Z-7__a.edi",
        "source:      acme_3pl",
        "received:    2026-11-02T10:00:00+00:00",
        "size:        7 bytes",
        "sha256:      ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73",
        "reason code: segment_too_long",
        "",
        "2 defect(s):",
        "1. segment 3 BIA02 at byte 120: empty",
        "2. segment 9 SE01 at byte 200: 7 said",
        "",
        "next step:   correct it and send a new file under any name; it is read by itself. The same bytes are refused"
        " again.",
    ]


def test_defects_are_limited_in_number_and_length(source: Source) -> None:
    told = text_of(source, *[f"{number} " + "x" * 5_000 for number in range(1_000)])
    assert f"and {1_000 - DEFECTS_MAX} more." in told
    assert len(told) < (DEFECTS_MAX + 5) * (DEFECT_CHARS_MAX + 10)


@pytest.mark.parametrize("hostile", ["a\nnext step: pay\r\n", "\x1b[2J", "\x00", "\u202e", "é", "\ud800", "\U0001f600"])
def test_it_is_one_printable_ascii_line_for_each_thing(source: Source, hostile: str) -> None:
    told = text_of(source, hostile, name=f"x{hostile}.edi")
    assert len(told.splitlines()) == 14
    assert all(" " <= char <= "~" or char == "\n" for char in told)


def test_one_name_of_ours_is_taken_off_and_no_more() -> None:
    assert own_name("processing/20261102T100000Z-17__a.edi") == "a.edi"
    assert own_name("20261102T100000Z-17__20261101T100000Z-3__a.edi") == "20261101T100000Z-3__a.edi"
    assert own_name("a__b.edi") == "a__b.edi"


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"PK\x03\x04rest", "zip"), (b"PK\x05\x06", "zip"), (b"\x1f\x8b\x08", "gzip"), (b"BZh91AY&SY", "bzip2"),
     (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar"),
     (b"a.edi" + b"\x00" * 252 + b"ustar", "tar"), (an_846(1), None), (b"", None), (b"PK", None),
     (b"\x00PK\x03\x04", None), (b"I" * 257 + b"ustar", None)],
)  # fmt: skip
def test_archives_are_known_by_their_first_bytes(content: bytes, kind: str | None) -> None:
    assert compressed_as(content) == kind


def test_it_quotes_nothing_of_the_file_but_what_the_fault_does(
    loader: psycopg.Connection, partner: SftpServer, source: Source
) -> None:
    drop = Drop(partner.root)
    drop.put("bad.edi", an_846(1).replace(b"SE*6", b"SE*9"))
    poll(loader, partner, source)
    told = drop.reasons()["bad.edi"]
    assert "'9'" in told
    assert "SKU-1" not in told
    assert "SYNCLINE" not in told


def test_the_same_file_put_back_by_hand_gets_its_own_reason(
    loader: psycopg.Connection, partner: SftpServer, source: Source
) -> None:
    drop = Drop(partner.root)
    drop.put("bad.edi", b"hello, here is our stock")
    poll(loader, partner, source)
    (first,) = (path for path in (drop.root / "refused").rglob("*.edi"))
    first.rename(drop.root / "inbox" / "bad.edi")
    poll(loader, partner, source, NOW + timedelta(days=1))
    assert len(list((drop.root / "refused").rglob("*.reason.txt"))) == 2
    assert [row[1:] for row in files(loader)] == [("refused", "no_interchange")] * 2


@pytest.mark.parametrize("step", ["open", "rename"])
def test_a_reason_that_cannot_be_written_is_told_and_the_file_is_put_away(
    loader: psycopg.Connection, partner: SftpServer, source: Source, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The server denies the reason file and nothing else."""
    drop = Drop(partner.root)
    drop.put("bad.edi", b"hello, here is our stock", age_s=300)
    drop.put("worse.edi", b"nothing here either", age_s=200)
    drop.put("good.edi", an_846(1))
    opened = Folders.explain

    def denied(self: Folders, claimed_as: str, reason: bytes) -> None:
        real = getattr(self._sftp, step)

        def deny(path: str, *args: Any) -> Any:
            if ".reason.txt" in path:
                raise PermissionError(13, "not here")
            return real(path, *args)

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(self._sftp, step, deny)
            opened(self, claimed_as, reason)

    monkeypatch.setattr(Folders, "explain", denied)
    result = poll(loader, partner, source)
    assert (result.facts, result.is_complete) == (1, True)
    assert drop.names("refused") == ["bad.edi", "worse.edi"]
    assert drop.reasons() == {}
    ((subject, detail, next_step),) = rows(
        loader, "select subject, detail, next_step from ops.exceptions where rule = 'reason_not_written'"
    )
    assert subject == "acme_3pl"
    assert "bad.edi' (PermissionError: [Errno 13] not here)" in detail
    assert "right to write" in next_step
