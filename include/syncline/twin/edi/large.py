"""Files for benchmarks: one document of any number of items, written as a stream in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, islice
from typing import BinaryIO

LINES_AT_ONCE = 1_000
RELEASED_EVERY = 50  # one in so many names of an INVRPT has a released separator
UNITS = 1_000


def write_846(stream: BinaryIO, items: int) -> int:
    """An X12 846 with ``items`` LIN loops of 7 segments (LIN, PID, DTM, REF, UIT, QTY 17, QTY 27); its bytes.

    200,000 items are 1,400,010 segments and 34 MB. Quantities are ``number % 1000`` and a third of it.
    """
    head = [
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ACMELOGISTICS':15}*ZZ*{'SYNCLINE':15}*261102*1200*U*00401*000000001*0*P*>",
        "GS*IB*ACMELOGISTICS*SYNCLINE*20261102*1200*1*X*004010",
        "ST*846*0001",
        "BIA*00*SI*LARGE-000001*20261102*1200",
        "DTM*184*20261102*1200*GM",
        "N1*WH**92*ACM-CHI",
    ]
    tail = [f"CTT*{items}", f"SE*{7 * items + 6}*0001", "GE*1*1", "IEA*1*000000001"]
    return _write(stream, head, _loop_846, items, tail, "~\n")


def _loop_846(number: int) -> tuple[str, ...]:
    units = number % UNITS
    return (
        f"LIN*{number}*SK*A-{number:07d}*UP*0{number:011d}",
        f"PID*F****Item {number:07d} trail mix 12OZ, carton of 24 bags",
        f"DTM*036*2027{1 + number % 12:02d}28",
        f"REF*LT*L{number:07d}",
        "UIT*EA",
        f"QTY*17*{units}*EA",
        f"QTY*27*{units // 3}*EA",
    )


def write_invrpt(stream: BinaryIO, items: int) -> int:
    """An EDIFACT INVRPT D.96A with ``items`` LIN loops of 7 segments (LIN, PIA, IMD, QTY 145, GIN, DTM, QTY 66).

    200,000 items are 1,400,010 segments beside the UNA and 33 MB; every 50th name holds a released separator.
    """
    head = [
        "UNB+UNOC:3+ACMELOGISTICS:ZZ+SYNCLINE:ZZ+261102:1200+000000001",
        "UNH+0001+INVRPT:D:96A:UN",
        "BGM+35+LARGE-000001+9",
        "DTM+137:202611021200:203",
        "DTM+366:202611021200:203",
        "RFF+ACE:LARGE-000001",
        "NAD+SU+ACMELOGISTICS::92",
        "NAD+WH+ACM-CHI::92",
    ]
    tail = [f"UNT+{7 * items + 8}+0001", "UNZ+1+000000001"]
    written = stream.write(b"UNA:+.? '\n")
    return written + _write(stream, head, _loop_invrpt, items, tail, "'\n")


def _loop_invrpt(number: int) -> tuple[str, ...]:
    units, mark = number % UNITS, "?'s" if number % RELEASED_EVERY == 0 else ""
    return (
        f"LIN+{number}++A-{number:07d}:SA",
        f"PIA+1+0{number:012d}:EN",
        f"IMD+F++:::Item{mark} {number:07d} trail mix 24 bags",
        f"QTY+145:{units}:PCE",
        f"GIN+BX+L{number:07d}",
        f"DTM+361:2027{1 + number % 12:02d}28:102",
        f"QTY+66:{units // 3}:PCE",
    )


def _write(
    stream: BinaryIO,
    head: Iterable[str],
    loop: Callable[[int], tuple[str, ...]],
    items: int,
    tail: Iterable[str],
    end: str,
) -> int:
    segments = chain(head, chain.from_iterable(map(loop, range(1, items + 1))), tail)
    written = 0
    while part := list(islice(segments, LINES_AT_ONCE)):
        written += stream.write((end.join(part) + end).encode("ascii"))
    return written
