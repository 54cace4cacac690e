"""Loops read by picking give what the interpreter gives, to the letter: facts, findings and places."""

from __future__ import annotations

import io
import re
from random import Random

import pytest

from syncline.edi import Profile, read_file, tokenizer
from syncline.edi.documents.shapes import Shapes
from syncline.twin.edi.large import write_846, write_invrpt

ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*SYNCLINE       *261102*1430*U*00401*000000007*0*P*>~\n"
HEADS = {
    "846": "GS*IB*A*B*20261102*1430*7*X*004010~\nST*846*1~\nBIA*00*SI*REF%s*20261102*1430~\nN1*WH**92*DC3~\n",
    "947": "GS*AW*A*B*20261102*1430*7*X*004010~\nST*947*1~\nW15*20261102*ADJ-1~\nN1*WH**92*DC3~\n",
    "INVRPT": "UNA:+.? 'UNB+UNOC:3+ACME+SYNCLINE+261102:1430+7'\nUNH+1+INVRPT:D:96A:UN'\nBGM+35+R1+9'\n"
    "DTM+366:202611021430:203'\nNAD+GY+DC3::9'\n",
}
LOOPS = {
    "846": [
        "LIN*{n}*SK*{id}~QTY*17*{q}*EA~",
        "LIN**UP*{id}*SK*{id}~PID*F****A {id}~REF*LT*{lot}~UIT*{u}~QTY*33*{q}*EA~QTY*17*{q}~QTY*{c}*{q}*EA~",
        "LIN*{n}*VN*{id}*ZZ*{lot}~DTM*{d}~QTY*{c}*{q}*{u}~N1*WH**92*{lot}~",
        "LIN*{n}*SK*{id}~QTY*17*{q}*EA~LS*1~REF*LT*{lot}~LE*1~QTY*17*{q}*EA~LS*1~REF*LT*{lot}~LE*1~",
        "LIN*{n}*SK*{id}~SDQ*EA*92*S1*{q}*S2*{q}~",
        "LIN*{n}*SK*{id}~N1*SF*{id}~QTY*74*{q}*EA~REF*LT*{lot}~",
    ],
    "947": ["W19*{r}*{q}*EA*{n}*SK*{id}~N9*LT*{lot}~", "W19*{r}*{q}*{u}**VN*{id}**{lot}~G69*A~"],
    "INVRPT": [
        "LIN+{n}++{id}:EN'QTY+145:{q}:PCE'QTY+66:{q}:{u}'",
        "LIN+{n}'PIA+1+{id}:SA::91+{lot}:IN'QTY+145:{q}:PCE'RFF+BT:{lot}'LOC+18+{lot}::9'",
        "LIN+{n}++{id}:EN'IMD+F++:::{id} IT?'S A?:B'QTY+{e}:{q}:PCE'DTM+36:20271231:102'",
    ],
}
ENDS = {"846": "SE*0*1~GE*1*7~IEA*1*7~", "947": "SE*0*1~GE*1*7~IEA*1*7~", "INVRPT": "UNT+0+1'UNZ+1+7'"}
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
    """A set of many loops of few shapes, now and then with something in it that nobody expects."""
    templates = rng.sample(LOOPS[kind], rng.randint(1, len(LOOPS[kind])))
    loops = []
    for number in range(rng.randint(20, 400)):
        said = {
            "n": str(number),
            "id": f"SKU-{rng.randint(1, 60)}",
            "lot": f"L{rng.randint(1, 3)}",
            "q": str(rng.randint(0, 50)),
            "u": rng.choice(["EA", "CA"]),
            "c": rng.choice(["17", "33", "QH", "72", "ZZ"]),
            "d": rng.choice(["184*20261101", "036*20271231", "184*20261101*1200*ET", "007*20261101*1200"]),
            "r": rng.choice(["06", "56", "05", "55", "AA", "ZZ", "AG"]),
            "e": rng.choice(["145", "60", "156", "21", "999"]),
        }
        if rng.random() < odd:
            said[rng.choice(list(said))] = rng.choice(ODD)
        loops.append(rng.choice(templates).format(**said))
    breaks = rng.choice(["", "\n", "\r\n", "\n   "])
    end = "'" if kind == "INVRPT" else "~"
    head = HEADS[kind] % (rng.choice(["", "%"]),) if kind == "846" else HEADS[kind]
    text = head + re.sub(f"(?<!\\?){end}", end + breaks, "".join(loops)) + ENDS[kind]
    # The count of the trailer is wrong, but for what is compared here that is one finding more: put it right.
    segments = len(re.findall(f"(?<!\\?){end}", text[text.index("ST*" if end == "~" else "UNH+") :])) - 2
    text = text.replace("SE*0*", f"SE*{segments}*").replace("UNT+0+", f"UNT+{segments}+")
    return ((ISA if end == "~" else "") + text).encode()


def read(data: bytes, profile: Profile) -> tuple[list[object], list[str], list[str]]:
    reading = read_file(data, source="acme", file="a.edi", profile=profile)
    return list(reading.facts), [str(found) for found in reading.findings], [each.verdict for each in reading.sets]


PROFILES = (
    Profile("standard"),
    Profile("other", item_qualifiers=("VN", "SK"), default_uom="EA", units={"CA": "CS"}, adjustment_sign="by_code"),
    Profile("zoned", timezone="America/Chicago", spread_beside_total="spread", spread_measure="on_hand"),
    Profile("strict", strictness="strict"),
)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", LOOPS)
def test_picking_is_reading(kind: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Files of some kilobytes would be read with care from end to end.
    monkeypatch.setattr(tokenizer, "READ_BYTES", 1_500)
    monkeypatch.setattr(tokenizer, "SPLIT_AT_ONCE", 8)
    rng = Random(f"{kind}/{seed}")
    picked = 0
    files = [large(kind, rng, odd=rng.choice([0.0, 0.02, 0.2])) for _ in range(6)]
    profiles = [rng.choice(PROFILES) for _ in files]
    took = Shapes.take

    def take(self: Shapes, *args: object) -> int:
        nonlocal picked
        after = took(self, *args)  # type: ignore[arg-type]
        picked += after - int(str(args[1]))
        return after

    monkeypatch.setattr(Shapes, "take", take)
    fast = [read(data, profile) for data, profile in zip(files, profiles, strict=True)]
    monkeypatch.setattr(Shapes, "_opener", lambda self: "")
    slow = [read(data, profile) for data, profile in zip(files, profiles, strict=True)]
    assert fast == slow, (kind, seed)
    assert picked > 0, (kind, seed)


@pytest.mark.parametrize("write", [write_846, write_invrpt])
def test_a_large_file_is_picked_nearly_whole(write: object, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    write(stream, 3_000)  # type: ignore[operator]
    fast = read(stream.getvalue(), PROFILES[0])
    monkeypatch.setattr(Shapes, "_opener", lambda self: "")
    assert read(stream.getvalue(), PROFILES[0]) == fast
    assert len(fast[0]) == 6_000
