"""`claim: in_place`: a server where we may only read is read once for every file, and again when a file changes."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from polls import NOW, files, poll, rows
from tests.sources.sftp_edi.test_pull import Drop, an_846

from syncline.errors import ConfigurationError, RetryableError
from syncline.registry import Source
from syncline.sources.sftp_edi import intake
from syncline.sources.sftp_edi.folders import Folders
from syncline.sources.sftp_edi.register import Register

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def drop(read_only: Any) -> Drop:
    return Drop(read_only.root)


def tree(root: Path) -> list[tuple[str, int, int]]:
    """Everything on the server, to see that nothing of it changed."""
    return sorted((str(path), path.lstat().st_size, path.lstat().st_mtime_ns) for path in root.rglob("*"))


def test_rename_on_a_read_only_server_names_the_way_out(
    loader: psycopg.Connection, read_only: Any, source: Source, drop: Drop
) -> None:
    for number in range(5):
        drop.put(f"{number}.edi", an_846(number))
    with pytest.raises(ConfigurationError, match="does not let us create 'processing'") as caught:
        poll(loader, read_only, source)
    assert "set `files.claim: in_place` of the source" in caught.value.next_step
    (drop.root / "processing").mkdir()
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"does not rename 'inbox/0\.edi'") as caught:
            poll(loader, read_only, source)
        assert "Ask the partner for the right to rename in 'inbox', or" in caught.value.next_step
        assert "set `files.claim: in_place` of the source" in caught.value.next_step
    # It asked for three files and took the server's word for the others, and asked for the same three again.
    assert files(loader) == [(f"{number}.edi", "claimed", None) for number in range(3)]
    assert rows(loader, "select count(*) from raw.documents") == [(0,)]


def test_the_way_out_reads_what_waited(
    loader: psycopg.Connection, read_only: Any, source: Source, in_place: Source, drop: Drop
) -> None:
    (drop.root / "processing").mkdir()
    drop.put("a.edi", an_846(1))
    with pytest.raises(ConfigurationError):
        poll(loader, read_only, source)
    assert poll(loader, read_only, in_place).facts == 1
    assert files(loader) == [("a.edi", "read", None)]


def test_files_are_read_once_and_left(loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop) -> None:
    drop.put("a.edi", an_846(1), age_s=300)
    drop.put("bad.edi", b"hello, here is our stock", age_s=200)
    drop.put("a.csv", b"not expected")
    os.symlink("/etc/passwd", drop.root / "inbox" / "link.edi")
    before = tree(drop.root)
    result = poll(loader, read_only, in_place)
    assert (result.facts, result.documents, result.is_complete) == (1, 2, True)
    wanted = [
        ("a.csv", "refused", "file_not_expected"),
        ("a.edi", "read", None),
        ("bad.edi", "refused", "no_interchange"),
        ("link.edi", "refused", "file_is_link"),
    ]
    assert sorted(files(loader)) == wanted
    for _ in range(2):
        again = poll(loader, read_only, in_place, LATER)
        assert (again.documents, again.load_id, again.is_complete) == (0, None, True)
    assert sorted(files(loader)) == wanted
    assert tree(drop.root) == before
    assert rows(loader, "select rule from ops.exceptions order by 1") == [("file_refused",)] * 3


@pytest.mark.parametrize("what", ["size", "second", "both"])
def test_a_file_that_changed_is_a_new_claim(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop, what: str
) -> None:
    path = drop.put("stock.edi", an_846(1), age_s=500)
    at = path.stat().st_mtime
    poll(loader, read_only, in_place)
    path.write_bytes(an_846(2, quantity="7" if what == "second" else "1234"))
    path.write_bytes(path.read_bytes() + b"\n" * (len(an_846(1)) - path.stat().st_size))
    os.utime(path, (at + (0 if what == "size" else 1),) * 2)
    changed = poll(loader, read_only, in_place, LATER)
    assert changed.facts == 1
    assert files(loader) == [("stock.edi", "read", None)] * 2
    assert poll(loader, read_only, in_place, LATER).documents == 0


def test_the_same_bytes_under_a_new_time_are_a_duplicate(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop
) -> None:
    drop.put("stock.edi", an_846(1), age_s=500)
    poll(loader, read_only, in_place)
    drop.put("stock.edi", an_846(1), age_s=100)
    assert poll(loader, read_only, in_place, LATER).facts == 0
    assert rows(loader, "select status from raw.documents order by received_at") == [("accepted",), ("duplicate",)]
    assert poll(loader, read_only, in_place, LATER).documents == 0


def test_a_young_file_waits_for_two_polls(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop
) -> None:
    drop.put("a.edi", an_846(1, cut=100), age_s=0)
    assert poll(loader, read_only, in_place, by_age=False).documents == 0
    drop.put("a.edi", an_846(1), age_s=0)
    assert poll(loader, read_only, in_place, by_age=False).documents == 0
    assert poll(loader, read_only, in_place, by_age=False).facts == 1


class Killed(RuntimeError):
    """As a killed process: nothing after it runs."""


@pytest.mark.parametrize(
    ("owner", "step", "is_before"),
    [(Register, "claim", True), (Register, "claim", False), (Folders, "read", True), (Folders, "read", False),
     (intake, "land", True), (intake, "land", False)],
)  # fmt: skip
def test_a_run_killed_in_any_window_is_finished(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop, monkeypatch: pytest.MonkeyPatch,
    owner: Any, step: str, is_before: bool,
) -> None:  # fmt: skip
    drop.put("a.edi", an_846(1))
    real = getattr(owner, step)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if not is_before:
            real(*args, **kwargs)
        raise Killed(step)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        with pytest.raises(Killed):
            poll(loader, read_only, in_place)
    assert poll(loader, read_only, in_place, LATER).is_complete
    assert files(loader) == [("a.edi", "read", None)]
    assert rows(loader, "select count(*) from raw.documents") == [(1,)]
    assert rows(loader, "select count(*) from raw.facts") == [(1,)]


def kill_before_reading(loader: psycopg.Connection, server: Any, source: Source) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Folders, "read", lambda *_: (_ for _ in ()).throw(Killed("read")))
        with pytest.raises(Killed):
            poll(loader, server, source)


def test_a_claimed_file_that_is_written_again_must_settle_again(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop
) -> None:
    drop.put("a.edi", an_846(1))
    kill_before_reading(loader, read_only, in_place)
    drop.put("a.edi", an_846(2, cut=100), age_s=0)
    assert poll(loader, read_only, in_place).documents == 0
    drop.put("a.edi", an_846(2), age_s=0)
    assert poll(loader, read_only, in_place).documents == 0
    assert poll(loader, read_only, in_place).facts == 1
    assert files(loader) == [("a.edi", "read", None)]
    assert poll(loader, read_only, in_place).documents == 0


def test_a_claimed_file_that_is_withdrawn_is_told(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop
) -> None:
    path = drop.put("a.edi", an_846(1))
    kill_before_reading(loader, read_only, in_place)
    path.unlink()
    assert poll(loader, read_only, in_place).is_complete
    assert files(loader) == [("a.edi", "refused", "file_vanished")]
    assert rows(loader, "select rule from ops.exceptions") == [("file_vanished",)]
    drop.put("a.edi", an_846(1))
    assert poll(loader, read_only, in_place, LATER).facts == 1


def test_a_file_that_changes_between_listing_and_reading_is_not_read(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.put("a.edi", an_846(1), age_s=300)
    drop.put("b.edi", an_846(2), age_s=200)
    real = Folders.read

    def late(self: Folders, path: str, expected: Any = None) -> Any:
        if path.endswith("a.edi"):
            drop.put("a.edi", an_846(3), age_s=0)
        return real(self, path, expected)

    with monkeypatch.context() as patch:
        patch.setattr(Folders, "read", late)
        with pytest.raises(RetryableError, match=r"'a\.edi': .* changed since it was listed"):
            poll(loader, read_only, in_place)
    assert files(loader) == [("a.edi", "claimed", None), ("b.edi", "read", None)]
    drop.put("a.edi", an_846(3), age_s=100)
    assert poll(loader, read_only, in_place).facts == 1


def test_a_registered_drop_costs_one_question_however_long_it_is(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop, warehouse: psycopg.Connection
) -> None:
    """Two thousand files that were read: a poll asks once for all of them, by index, and reads none."""
    for number in range(2_000):
        drop.put(f"{number:04d}.edi", b"x" * (number % 50 + 1), age_s=9_000 + number)
    entries = [(path.name, path.stat().st_size, int(path.stat().st_mtime)) for path in (drop.root / "inbox").iterdir()]
    with warehouse.cursor() as cursor:
        cursor.executemany(
            "insert into ops.files (source, name, size_bytes, modified_at, state, document_id, seen_at, changed_at)"
            " values ('acme_3pl', %s, %s, to_timestamp(%s), 'read', 'd', now(), now())",
            entries,
        )
    asked: list[str] = []
    execute = loader.execute

    def counted(query: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(str(query))
        return execute(query, *args, **kwargs)

    loader.execute = counted  # type: ignore[method-assign]
    drop.put("new.edi", an_846(1))
    assert poll(loader, read_only, in_place).facts == 1
    assert sum("unnest" in query for query in asked) == 1
    assert len(asked) < 40
    (question,) = [query for query in asked if "unnest" in query]
    values = [[e[0] for e in entries], [e[1] for e in entries], [e[2] for e in entries], "acme_3pl"]
    warehouse.execute("set enable_seqscan = off")
    plan = "\n".join(row[0] for row in warehouse.execute("explain " + question, values))  # type: ignore[operator]
    assert "files_taken" in plan


def test_from_in_place_to_rename_and_back(
    loader: psycopg.Connection, partner: Any, source: Source, in_place: Source
) -> None:
    drop = Drop(partner.root)
    drop.put("a.edi", an_846(1))
    assert poll(loader, partner, in_place).facts == 1
    assert poll(loader, partner, source, LATER).documents == 1  # moved away, known by its bytes
    assert drop.names("archive") == ["a.edi"]
    drop.put("b.edi", an_846(2))
    drop.put("c.edi", b"no EDI at all", age_s=60)
    kill_before_reading(loader, partner, source)  # b.edi is claimed by a rename
    assert poll(loader, partner, in_place, LATER).facts == 1  # and read where it lies now
    assert drop.names("processing") == ["b.edi"]
    drop.put("d.edi", an_846(3))
    kill_before_reading(loader, partner, in_place)  # d.edi is claimed in place
    assert drop.names("inbox") == ["c.edi", "d.edi"]
    assert poll(loader, partner, source, LATER + timedelta(minutes=1)).is_complete
    assert (drop.names("inbox"), drop.names("refused")) == ([], ["c.edi"])
    assert drop.names("archive") == ["a.edi", "b.edi", "d.edi"]
    assert rows(loader, "select count(*) from raw.facts where fault_code is null") == [(3,)]
    assert rows(loader, "select count(*) from ops.exceptions where rule = 'file_vanished'") == [(0,)]


def test_a_stranger_on_a_clock_of_its_own(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop
) -> None:
    """Times before 1970, beyond 2106 and in the future are still a second that a file is known by."""
    for name, at_s in (("old.edi", 0), ("future.edi", int(time.time()) + 90_000), ("far.edi", 2**32 - 1)):
        drop.put(name, an_846(len(name)))
        os.utime(drop.root / "inbox" / name, (at_s, at_s))
    for _ in range(2):
        poll(loader, read_only, in_place)
    assert rows(loader, "select name, state from ops.files order by 1") == [
        ("far.edi", "read"), ("future.edi", "read"), ("old.edi", "read")
    ]  # fmt: skip
    assert poll(loader, read_only, in_place).documents == 0


def test_nothing_is_answered_where_nothing_is_written(
    loader: psycopg.Connection, read_only: Any, in_place: Source, drop: Drop
) -> None:
    drop.put("a.edi", an_846(1))
    before = tree(drop.root)
    assert poll(loader, read_only, in_place).facts == 1
    assert rows(loader, "select state from ops.edi_interchanges") == [("accepted",)]
    assert rows(loader, "select count(*) from ops.edi_outbound") == [(0,)]
    assert tree(drop.root) == before
