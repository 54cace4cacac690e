"""Loops read as they stand give what the interpreter gives, to the letter: facts, findings and places."""

from __future__ import annotations

import io
import re
from random import Random
from typing import Any

import pytest

from syncline.edi import Profile, read_file, tokenizer
from syncline.edi.documents.shapes import Shapes
from syncline.twin.edi.large import write_846, write_invrpt

ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       *261102*1430*U*00401*000000007*0*P*>~\n"
STARTS = {
    "846": ISA + "GS*IB*A*B*20261102*1430*7*X*004010~",
    "947": ISA + "GS*AW*A*B*20261102*1430*7*X*004010~",
    "INVRPT": "UNA:+.? 'UNB+UNOC:3+ACME+SYNCLINE+261102:1430+7'",
}
STARTS = {
    "846": ISA + "GS*IB*A*B*20261102*1430*7*X*004010~",
    "947": ISA + "GS*AW*A*B*20261102*1430*7*X*004010~",
    "INVRPT": "UNA:+.? 'UNB+UNOC:3+ACME+SYNCLINE+261102:1430+7'",
}
HEADS = {
    "846": "ST*846*{set}~BIA*00*SI*REF{mark}*20261102*1430~N1*WH**92*DC3~",
    "947": "ST*947*{set}~W15*20261102*ADJ-{mark}~N1*WH**92*DC3~",
    "INVRPT": "UNH+{set}+INVRPT:D:96A:UN'BGM+35+R{mark}+9'DTM+366:202611021430:203'NAD+GY+DC3::9'",
}
LOOPS = {
    "846": [
        "LIN*{n}*SK*{id}~QTY*17*{q}*EA~",
        "LIN*{n}*SK*{id}~QTY*33*{q}*EA~",
        "LIN**UP*{id}*SK*{id}~PID*F****A {id}~REF*LT*{lot}~UIT*{u}~QTY*33*{q}*EA~QTY*17*{q}~QTY*{c}*{q}*EA~",
        "LIN**UP*{id}*SK*{id}~PID~REF*LT*{lot}~UIT*{u}~QTY*33*{q}*EA~QTY*17*{q}~QTY*{c}*{q}*EA~",
        "LIN*{n}*VN*{id}*ZZ*{lot}~DTM*{d}~QTY*{c}*{q}*{u}~N1*WH**92*{lot}~",
        "LIN*{n}*SK*{id}~QTY*17*{q}*EA~LS*1~REF*LT*{lot}~LE*1~QTY*17*{q}*EA~LS*1~REF*LT*{l2}~LE*1~",
        "LIN*{n}*SK*{id}~SDQ*EA*92*S1*{q}*S2*{q}~",
        "LIN*{n}*SK*{id}~N1*SF*{id}~QTY*74*{q}*EA~REF*LT*{lot}~",
    ],
    "947": ["W19*{r}*{q}*EA*{n}*SK*{id}~N9*LT*{lot}~", "W19*{r}*{q}*{u}**VN*{id}**{lot}~G69*A~"],
    "INVRPT": [
        "LIN+{n}++{id}:EN'QTY+145:{q}:PCE'QTY+66:{q}:{u}'",
        "LIN+{n}'PIA+1+{id}:SA::91+{lot}:IN'QTY+145:{q}:PCE'RFF+BT:{lot}'LOC+18+{lot}::9'",
        "LIN+{n}++{id}:EN'IMD+F++:::{id} IT?'S A?:B'QTY+{e}:{q}:PCE'DTM+36:20271231:102'",
        "LIN+{n}++{id}:EN'IMD+F++:::{id} ??'QTY+{e}:{q}:PCE'GIN+BX+{lot}'",
    ],
}
ENDS = {
    "846": ["SE*{segments}*{set}~", "CTT*{loops}~SE*{segments}*{set}~"],
    "947": ["SE*{segments}*{set}~"],
    "INVRPT": ["UNT+{segments}+{set}'", "CNT+2:{loops}'UNT+{segments}+{set}'"],
}
ODD = [
    "",
    " ",
    "0",
    "0.00",
    "-5",
    "007",
    "1.50",
    "1,5",
    "+5",
    "x",
    " 7",
    "7 ",
    "9" * 90,
    "\u00e4",
    "%s",
    "\ue0007",
    "7" + "0" * 14,
]


def large(kind: str, rng: Random, *, odd: float) -> bytes:
    """Sets of many loops of few shapes, now and then with something in one that nobody expects."""
    end = "'" if kind == "INVRPT" else "~"
    text = STARTS[kind]
    sets = rng.choice([1, 1, 1, 3])
    for number in range(1, sets + 1):
        templates = rng.sample(LOOPS[kind], rng.randint(1, len(LOOPS[kind])))
        loops = [_loop(rng, rng.choice(templates), each, odd) for each in range(rng.randint(20, 400 // sets))]
        mark = rng.choice(["", "", "", "", "", "%s", "7" + "0" * 14, "812345678901234"])
        body = HEADS[kind] + "".join(loops).replace("{", "").replace("}", "") + rng.choice(ENDS[kind])
        segments = len(re.findall(rf"(?<!\?)(?:\?\?)*{end}", body)) + (rng.random() < odd)
        text += body.format(set=number, mark=mark, loops=len(loops), segments=segments)
    text += f"UNZ+{sets}+7'" if kind == "INVRPT" else f"GE*{sets}*7~IEA*1*7~"
    breaks = rng.choice(["", "\n", "\r\n", "\n   "])
    text = re.sub(rf"(?<!\?)((?:\?\?)*{end})", rf"\g<1>{breaks}", text)
    return text.rstrip(rng.choice(["", end + breaks])).encode()


def _loop(rng: Random, template: str, number: int, odd: float) -> str:
    said = {
        "n": str(number),
        "id": f"SKU-{rng.randint(1, 60)}",
        "lot": f"L{rng.randint(1, 3)}",
        "l2": f"L{rng.randint(2, 9)}",
        "q": str(rng.randint(0, 50)),
        "u": rng.choice(["EA", "CA"]),
        "c": rng.choice(["17", "33", "QH", "72", "ZZ"]),
        "d": rng.choice(["184*20261101", "036*20271231", "184*20261101*1200*ET", "007*20261101*1200"]),
        "r": rng.choice(["06", "56", "05", "55", "AA", "ZZ", "AG"]),
        "e": rng.choice(["145", "60", "156", "21", "999"]),
    }
    if rng.random() < odd:
        said[rng.choice(list(said))] = rng.choice(ODD)
    return template.format(**said)


def damaged(data: bytes, rng: Random) -> bytes:
    """``data`` with a few characters too many, too few or of another kind."""
    for _ in range(rng.randint(1, 8)):
        at, length = rng.randrange(len(data)), rng.choice([0, 0, 1, 1, 3, 40])
        other = rng.choice(
            [b"", b"", *map(bytes, zip(b"~'*+:?. \n\r\t\x02\x1f\x00%-,70AISU", strict=True)), b"??", b"TUNA"]
        )
        data = data[:at] + other + data[at + length :]
    return data


def read(data: bytes, profile: Profile) -> tuple[list[object], list[str], list[str]]:
    reading = read_file(data, source="acme", file="a.edi", profile=profile)
    return list(reading.facts), [str(found) for found in reading.findings], [each.verdict for each in reading.sets]


PROFILES = (
    Profile("standard"),
    Profile("other", item_qualifiers=("VN", "SK"), default_uom="EA", units={"CA": "CS"}, adjustment_sign="by_code"),
    Profile("zoned", timezone="America/Chicago", spread_beside_total="spread", spread_measure="on_hand"),
    Profile("strict", strictness="strict"),
    Profile("whole", snapshots={"x12_846": ("DC3", "L1"), "edifact_invrpt_d96a": ("DC3", "L2")}),
)


def _compare(files: list[bytes], rng: Random, monkeypatch: pytest.MonkeyPatch) -> int:
    """Read each both ways; how many loops were read as they stand."""
    profiles = [rng.choice(PROFILES) for _ in files]
    picked = 0
    find = Shapes._find

    def counted(self: Shapes, *args: Any) -> list[re.Match[str]]:
        nonlocal picked
        found = find(self, *args)
        picked += len(found)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Shapes, "_find", counted)
        fast = [read(data, profile) for data, profile in zip(files, profiles, strict=True)]
        patch.setattr(Shapes, "_opener", lambda self: "")
        slow = [read(data, profile) for data, profile in zip(files, profiles, strict=True)]
    assert fast == slow
    return picked


@pytest.mark.parametrize("read_bytes", [700, 1_500, 65_536])
def _compare(files: list[bytes], rng: Random, monkeypatch: pytest.MonkeyPatch) -> int:
    """Read each both ways; how many loops were read as they stand."""
    profiles = [rng.choice(PROFILES) for _ in files]
    picked = 0
    find = Shapes._find

    def counted(self: Shapes, *args: Any) -> list[re.Match[str]]:
        nonlocal picked
        found = find(self, *args)
        picked += len(found)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Shapes, "_find", counted)
        fast = [read(data, profile) for data, profile in zip(files, profiles, strict=True)]
        patch.setattr(Shapes, "_opener", lambda self: "")
        slow = [read(data, profile) for data, profile in zip(files, profiles, strict=True)]
    assert fast == slow
    return picked


@pytest.mark.parametrize("read_bytes", [700, 1_500, 65_536])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", LOOPS)
def test_read_as_it_stands_is_read(kind: str, seed: int, read_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ends of what is at hand inside a loop, a segment, an id.
    monkeypatch.setattr(tokenizer, "READ_BYTES", read_bytes)
    monkeypatch.setattr(tokenizer, "SPLIT_AT_ONCE", 8)
    rng = Random(f"{kind}/{seed}/{read_bytes}")
    files = [large(kind, rng, odd=rng.choice([0.0, 0.02, 0.2])) for _ in range(6)]
    assert _compare(files, rng, monkeypatch) > 0
    _compare([damaged(data, rng) for data in files], rng, monkeypatch)


@pytest.mark.deep
@pytest.mark.parametrize("kind", LOOPS)
def test_read_as_it_stands_is_read_of_many(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Random(kind)
    for _ in range(300):
        monkeypatch.setattr(tokenizer, "READ_BYTES", rng.choice([300, 1_500, 4_000, 65_536]))
        monkeypatch.setattr(tokenizer, "SPLIT_AT_ONCE", rng.choice([8, 1_024]))
        data = large(kind, rng, odd=rng.choice([0.0, 0.02, 0.2]))
        _compare([data, damaged(data, rng), damaged(data, rng)], rng, monkeypatch)


def test_a_byte_at_a_time_nothing_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {kind: large(kind, Random(kind), odd=0.02) for kind in LOOPS}
    read_whole = {kind: read(data, PROFILES[0]) for kind, data in whole.items()}
    monkeypatch.setattr(tokenizer, "READ_BYTES", 1)
    assert {kind: read(data, PROFILES[0]) for kind, data in whole.items()} == read_whole


@pytest.mark.parametrize("write", [write_846, write_invrpt])
def test_a_large_file_is_picked_nearly_whole(write: object, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    write(stream, 3_000)  # type: ignore[operator]
    fast = read(stream.getvalue(), PROFILES[0])
    monkeypatch.setattr(Shapes, "_opener", lambda self: "")
    assert read(stream.getvalue(), PROFILES[0]) == fast
    assert len(fast[0]) == 6_000
