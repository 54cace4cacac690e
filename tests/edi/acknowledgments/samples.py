"""Files of a partner with one thing wrong in each, and what they are answered."""

from __future__ import annotations

from datetime import datetime

from syncline.edi import PROFILES, Profile, Reading, read_file
from syncline.edi.acknowledgments import Answer, Numbers, answers_to, written

STANDARD = PROFILES["standard"]
AT = datetime(2026, 11, 3, 6, 5)
NUMBERS = Numbers(interchange=12, group=34)
BIA = "BIA*00*SI*REF-1*20261102*1430"
ITEM = ("LIN*1*SK*SKU-1", "QTY*17*12*EA", "QTY*27*3*EA")
MESSAGE = ("BGM+35+REF-1+9", "DTM+366:202611021430:203", "NAD+WH+DC3::92", "LIN+1++SKU-1:SA", "QTY+145:12:PCE")


def a_set(control: str = "0001", *body: str, header: str = BIA, count: int | None = None, st: str = "846") -> list[str]:
    lines = [header, "N1*WH**92*DC3", *(body or ITEM)] if header else list(body)
    return [f"ST*{st}*{control}", *lines, f"SE*{len(lines) + 2 if count is None else count}*{control}"]


def a_group(*sets: list[str], control: str = "7", said: int | None = None, code: str = "IB", **of: str) -> list[str]:
    body = [segment for one in sets for segment in one]
    gs = f"GS*{code}*ACMEAPP*SYNCAPP*20261102*1430*{control}*X*{of.get('version', '004010')}"
    return [gs, *body, f"GE*{len(sets) if said is None else said}*{control}"]


def a_file(*groups: list[str], usage: str = "P", asks: str = "0", sender: str = "ACME", iea: str = "") -> bytes:
    parties = f"ISA*00*          *00*          *ZZ*{sender:15}*01*{'SYNCLINE':15}"
    isa = f"{parties}*261102*1430*U*00401*000000007*{asks}*{usage}*>"
    body = [segment for one in groups for segment in one]
    return "".join(f"{each}~" for each in (isa, *body, iea or f"IEA*{len(groups)}*000000007")).encode()


def a_message(control: str = "1", *body: str, count: int | None = None) -> list[str]:
    lines = list(body or MESSAGE)
    return [f"UNH+{control}+INVRPT:D:96A:UN:EAN004", *lines, f"UNT+{count or len(lines) + 2}+{control}"]


def an_edifact_file(*parts: list[str], said: int | None = None, syntax: str = "UNOC:3", usage: str = "") -> bytes:
    body = [segment for one in parts for segment in one]
    unb = f"UNB+{syntax}+ACME:14+SYNCLINE:ZZ+261102:1430+77{usage}"
    return "".join(f"{each}'" for each in (unb, *body, f"UNZ+{len(parts) if said is None else said}+77")).encode()


def read(data: bytes, profile: Profile = STANDARD) -> Reading:
    return read_file(data, source="acme_3pl", file="in.edi", profile=profile)


def answers(data: bytes, profile: Profile = STANDARD, duplicates: frozenset[str] = frozenset()) -> list[Answer]:
    reading = read(data, profile)
    return [
        each for one in reading.interchanges for each in answers_to(one, reading.sets, profile, duplicates=duplicates)
    ]


def lines(data: bytes, profile: Profile = STANDARD, duplicates: frozenset[str] = frozenset()) -> list[str]:
    """What stands between ST and SE (UNH and UNT; ISA and IEA of a TA1) of the only answer."""
    (answer,) = answers(data, profile, duplicates)
    return body_of(written(answer, NUMBERS, AT))


def body_of(data: bytes) -> list[str]:
    text = data.decode()
    end = "'" if text.startswith("UN") else "~\n"
    segments = [each for each in text.split(end) if each]
    first = next(i for i, each in enumerate(segments) if each[:2] in ("ST", "TA") or each[:3] == "UNH")
    last = next(i for i, each in enumerate(segments) if each[:3] in ("SE*", "IEA", "UNT"))
    return segments[first:last] if segments[first].startswith("TA1") else segments[first + 1 : last]
