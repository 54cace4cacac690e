"""The partners' SFTP drops: access, rename rules, and what the uploader does wrong."""

from __future__ import annotations

import io
import json
import re
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import paramiko
import pytest

from syncline.edi.reading import read_file
from syncline.twin import file_shape
from syncline.twin.faults import Faults, known
from syncline.twin.ledger import Key
from syncline.twin.network import EDI_CODES, ITEMS, PARTNERS
from syncline.twin.partner_files import PartnerFiles
from syncline.twin.schedule import Day
from syncline.twin.world import World

ACME, BETA = PARTNERS
CUTS = 12 * 3600 // ACME.every_s - 1  # files of a twelve-hour day, without the opening and the last one


def quantities(content: bytes) -> dict[tuple[str, str], int]:
    """(item reference, code) -> units, read with nothing but the separators."""
    found, item = {}, ""
    for segment in content.decode("ascii").split("~\n"):
        elements = segment.split("*")
        if elements[0] == "LIN":
            item = elements[3]
        elif elements[0] == "QTY":
            assert elements[3] == "EA"
            found[item, elements[1]] = int(elements[2])
    return found


def as_of(content: bytes) -> list[str]:
    match = re.search(rb"BIA\*00\*SI\*[^*~]+\*([^~]+)~", content)
    assert match
    return match.group(1).decode().split("*")


def dropped(tmp_path: Path, faults: Faults, partner: Any = ACME, hours: float = 12.0) -> tuple[World, Path]:
    """A whole day of files; nobody takes any away."""
    world = World(Day(seed=7, hours=hours), faults)
    files = PartnerFiles(partner, world, tmp_path)
    files.start()
    world.advance(world.final_file_ms + 1_000_000)
    return world, tmp_path / "inbox"


def test_folders_and_a_file_with_the_opening(serve: Any) -> None:
    served = serve(at_minutes=1)
    with served.sftp("beta_3pl") as sftp:
        assert set(sftp.listdir(".")) == {"inbox", "processing", "archive", "refused", "outbox"}
        (name,) = sftp.listdir("inbox")
        with sftp.open(f"inbox/{name}") as stream:
            content = stream.read()
    stock = quantities(content)
    ledger = served.twin.serving.world.books.ledger
    for item in ITEMS:
        for measure, code in EDI_CODES.items():
            opening = ledger.entries(Key("DC3", item.sku, measure))[0].balance
            assert stock[BETA.item_ref(item), code] == opening
    assert as_of(content) == ["20261102", "0700"]  # 12:00 UTC in New York


def test_another_key_and_an_unknown_user_are_refused(serve: Any) -> None:
    served = serve(at_minutes=1)
    other = json.loads(served.twin.env["AIRFLOW_CONN_BETA_3PL"])["extra"]["private_key"]
    with (
        pytest.raises(paramiko.AuthenticationException),
        served.sftp("acme_3pl", pkey=paramiko.Ed25519Key.from_private_key(io.StringIO(other))),
    ):
        pass
    unknown = dict(json.loads(served.twin.env["AIRFLOW_CONN_BETA_3PL"]), login="nobody")
    served.twin.env["AIRFLOW_CONN_NOBODY"] = json.dumps(unknown)
    with pytest.raises(paramiko.AuthenticationException), served.sftp("nobody"):
        pass


def test_rename_never_overwrites_and_the_loser_is_told(serve: Any) -> None:
    with serve(at_minutes=1).sftp("acme_3pl") as sftp:
        (name,) = sftp.listdir("inbox")
        sftp.putfo(_bytes(b"first"), "processing/claim")
        with pytest.raises(OSError, match="exists"):
            sftp.rename(f"inbox/{name}", "processing/claim")
        assert sftp.listdir("inbox") == [name]
        sftp.rename(f"inbox/{name}", "processing/mine")
        with pytest.raises(FileNotFoundError):
            sftp.rename(f"inbox/{name}", "processing/other")
        assert sorted(sftp.listdir("processing")) == ["claim", "mine"]


def test_no_way_out_of_the_partners_folder(serve: Any) -> None:
    served = serve(at_minutes=1)
    (served.files / "outside.txt").write_text("secret")
    with served.sftp("acme_3pl") as sftp:
        for path in ("../outside.txt", "/../../outside.txt", "inbox/../../outside.txt"):
            with pytest.raises(FileNotFoundError):
                sftp.stat(path)
        with pytest.raises(PermissionError):
            sftp.symlink("/etc", "inbox/etc")
        assert sftp.listdir("/") == sftp.listdir(".")


def test_the_last_file_of_each_partner_is_the_truth(tmp_path: Path) -> None:
    for partner in PARTNERS:
        world, inbox = dropped(tmp_path / partner.source, Faults(), partner)
        stock = quantities((inbox / sorted(p.name for p in inbox.glob("846_*"))[-1]).read_bytes())
        for item in ITEMS:
            for measure, code in EDI_CODES.items():
                assert stock[partner.item_ref(item), code] == world.books.balance(partner.location, item.sku, measure)


def test_a_file_states_the_books_at_its_own_as_of(tmp_path: Path) -> None:
    world, inbox = dropped(tmp_path, Faults.none(stale_file=1.0))
    ages = []
    for path in sorted(inbox.iterdir())[1:-1]:
        content = path.read_bytes()
        day, minute = as_of(content)
        local_ms = _utc_ms(day, minute)
        stock = quantities(content)
        for item in ITEMS:
            key = Key("DC1", item.sku, "on_hand")
            at_some_instant = {world.books.ledger.balance_at(key, local_ms + ms) for ms in range(0, 60_000, 500)}
            assert stock[ACME.item_ref(item), "17"] in at_some_instant
        sent = re.search(rb"\nGS(?:\*[^*]+){3}\*(\d{8})\*(\d{4})\*", content)
        assert sent
        ages.append(_utc_ms(sent.group(1).decode(), sent.group(2).decode()) - local_ms)
    assert world.count.injected["stale_file"] == CUTS
    assert len(ages) == CUTS
    assert max(ages) > 3_600_000


def test_date_only_files_have_no_time(tmp_path: Path) -> None:
    _, inbox = dropped(tmp_path, Faults.none(date_only=1.0))
    written = [as_of(path.read_bytes()) for path in sorted(inbox.iterdir())]
    assert [len(each) for each in written] == [2, *[1] * CUTS, 2]


def test_the_edi_only_site_is_never_careless_about_its_as_of(tmp_path: Path) -> None:
    world, inbox = dropped(tmp_path, Faults.none(date_only=1.0, stale_file=1.0), BETA)
    assert all(len(as_of(path.read_bytes())) == 2 for path in inbox.iterdir())
    assert not world.count.injected


def test_the_product_reads_every_right_file_whole(tmp_path: Path) -> None:
    for partner in PARTNERS:
        _, inbox = dropped(tmp_path / partner.source, Faults.none(date_only=0.5, stale_file=0.5), partner, hours=6)
        for path in inbox.iterdir():
            reading = read_file(path.read_bytes(), source=partner.source, file=path.name)
            assert (reading.faults, len(list(reading.facts))) == ([], len(ITEMS) * len(EDI_CODES))
            assert {fact.location_ref for fact in reading.facts} == {partner.warehouse_ref}


SHAPES = [name for name in known() if name in file_shape.NAMES]


@pytest.mark.parametrize("fault", SHAPES)
def test_a_shape_changes_the_bytes_and_nothing_that_is_said(tmp_path: Path, fault: str) -> None:
    _, plain = dropped(tmp_path / "plain", Faults.none(date_only=0.5), hours=6)
    world, shaped = dropped(tmp_path / "shaped", Faults.none(date_only=0.5, **{fault: 1.0}), hours=6)
    names = sorted(path.name for path in plain.iterdir())
    assert sorted(path.name for path in shaped.iterdir()) == names
    assert world.count.injected[fault] == len(names) - 2
    for name in names:
        one, other = ((folder / name).read_bytes() for folder in (plain, shaped))
        assert (one == other) == (name in (names[0], names[-1]))  # the first and the last come without a fault
        readings = [read_file(content, source="p", file=name) for content in (one, other)]
        assert [reading.faults for reading in readings] == [[], []]
        assert [fact._replace(position="") for fact in readings[0].facts] == [
            fact._replace(position="") for fact in readings[1].facts
        ]


def test_shapes_together_count_what_is_in_them(tmp_path: Path) -> None:
    """Wrapped text has no line ends and no indentation, whatever was drawn; nor has one line."""
    shapes = {name: 0.5 for name in SHAPES}
    world, inbox = dropped(tmp_path, Faults.none(**shapes))
    found: Counter[str] = Counter()
    for path in sorted(inbox.iterdir())[1:-1]:
        content = path.read_bytes()
        reading = read_file(content, source="p", file=path.name)
        assert (reading.faults, sum(len(each.facts) for each in reading.sets)) == ([], len(ITEMS) * len(EDI_CODES))
        text = content.decode()
        found["file_bom"] += text.startswith("\ufeff")
        found["file_terminator"] += "*P*>~" not in text.replace("\r\n", "")
        found["file_wrapped"] += {len(line) for line in text.lstrip("\ufeff").split("\r\n")[:-1]} == {80}
    assert {name: world.count.injected[name] for name in found} == found
    assert set(world.count.injected) == set(SHAPES)


def test_shapes_leave_every_other_fault_where_it_was(tmp_path: Path) -> None:
    faults = {"stale_file": 0.5, "date_only": 0.5, "file_twice": 0.5, "junk_file": 0.3, "wrong_line": 0.01}
    plain, _ = dropped(tmp_path / "plain", Faults.none(**faults))
    shaped, _ = dropped(tmp_path / "shaped", Faults.none(**faults, **{name: 0.5 for name in SHAPES}))
    assert [(each.at_ms, each.name) for each in shaped.files] == [(each.at_ms, each.name) for each in plain.files]
    rest = {name: times for name, times in shaped.count.injected.items() if name not in SHAPES}
    assert rest == plain.count.injected


def test_sent_twice_is_the_same_bytes_under_another_name(tmp_path: Path) -> None:
    _, inbox = dropped(tmp_path, Faults.none(file_twice=1.0))
    again = sorted(inbox.glob("again_*"))
    assert len(again) == CUTS
    for path in again:
        assert path.read_bytes() == (inbox / path.name.removeprefix("again_")).read_bytes()


def test_junk_and_empty_files_come_beside_the_right_ones(tmp_path: Path) -> None:
    _, inbox = dropped(tmp_path, Faults.none(junk_file=1.0, empty_file=1.0))
    assert len(list(inbox.glob("junk_*"))) == len(list(inbox.glob("empty_*"))) == CUTS
    assert all(path.stat().st_size == 0 for path in inbox.glob("empty_*"))
    assert not any(path.read_bytes().startswith(b"ISA") for path in inbox.glob("junk_*"))
    assert len(list(inbox.glob("846_*"))) == CUTS + 2
    assert not list(inbox.glob("*.tmp"))


@pytest.mark.parametrize("is_claimed", [False, True], ids=["left alone", "claimed half"])
def test_a_half_written_file_is_completed_or_sent_again(tmp_path: Path, is_claimed: bool) -> None:
    world = World(Day(seed=7, hours=2.0), Faults.none(half_written=1.0))
    files = PartnerFiles(ACME, world, tmp_path)
    files.start()
    name = "846_ACM-CHI_000002.edi"
    path = tmp_path / "inbox" / name
    for at_ms in range(world.day.start_ms, world.final_file_ms, 5_000):
        world.advance(at_ms)
        if path.exists():
            break
    assert b"IEA*" not in path.read_bytes()
    if is_claimed:
        path.rename(tmp_path / "processing" / name)
    world.advance(at_ms + Faults().half_written_s * 1000 + 5_000)
    whole = tmp_path / "inbox" / (f"retry_{name}" if is_claimed else name)
    assert whole.read_bytes().endswith(b"IEA*1*000000002~\n")
    assert len(quantities(whole.read_bytes())) == len(ITEMS) * len(EDI_CODES)


def test_the_twin_is_quiet_only_with_the_last_files_there(serve: Any) -> None:
    served = serve(at_minutes=59, hours=1.0, rate=300.0)
    twin = served.api("twin")
    assert twin.get("/twin/v1/status").json()["quiet"] is False
    deadline = time.monotonic() + 20
    while not (status := twin.get("/twin/v1/status").json())["quiet"]:
        assert time.monotonic() < deadline
        assert status["phase"] in ("business", "settling")
        time.sleep(0.1)
    with served.sftp("beta_3pl") as sftp:
        last = sorted(sftp.listdir("inbox"))[-1]
        with sftp.open(f"inbox/{last}") as stream:
            stock = quantities(stream.read())
    truth = {
        (item, measure): qty
        for loc, item, measure, qty in twin.get("/twin/v1/truth").json()["balances"]
        if loc == "DC3"
    }
    assert {(item.sku, "on_hand"): stock[BETA.item_ref(item), "17"] for item in ITEMS}.items() <= truth.items()


def _bytes(content: bytes) -> Any:
    return io.BytesIO(content)


def _utc_ms(day: str, minute: str) -> int:
    local = datetime.strptime(day + minute, "%Y%m%d%H%M").replace(tzinfo=ZoneInfo(ACME.timezone))
    return int(local.timestamp() * 1000)
