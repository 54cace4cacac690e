"""A second, small writer of interchanges: what the parser is tested with must not come from the twin alone."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.edi import Profile, Reading, read_file

GROUPS = {
    "846": "IB", "850": "PO", "856": "SH", "861": "RC", "940": "OW", "943": "AR", "944": "RE", "945": "SW",
    "947": "AW", "997": "FA", "999": "FA",
}  # fmt: skip
ISA = "ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{receiver:<15}*261102*1430*U*00401*{control:09d}*0*{usage}*>"


def x12(
    kind: str, *bodies: Sequence[str], usage: str = "P", control: int = 7, sender: str = "ACME",
    receiver: str = "SYNCLINE", end: str = "~",
) -> bytes:  # fmt: skip
    """One interchange of one group; each body is a set. Elements are separated by ``*``."""
    rows = [ISA.format(sender=sender, receiver=receiver, control=control, usage=usage)]
    rows.append(f"GS*{GROUPS[kind]}*ACME*SYNCLINE*20261102*1430*{control}*X*004010")
    for number, body in enumerate(bodies, 1):
        rows += [f"ST*{kind}*{number:04d}", *body, f"SE*{len(body) + 2}*{number:04d}"]
    rows += [f"GE*{len(bodies)}*{control}", f"IEA*1*{control:09d}"]
    return (end.join(rows) + end).encode()


def edifact(
    kind: str, *bodies: Sequence[str], version: str = "D:96A:UN", is_test: bool = False, control: int = 7,
    end: str = "'",
) -> bytes:  # fmt: skip
    """One interchange without groups; each body is a message, with the standard's separators."""
    rows = [f"UNB+UNOC:3+ACME+SYNCLINE+261102:1430+{control}" + ("++++++1" if is_test else "")]
    for number, body in enumerate(bodies, 1):
        rows += [f"UNH+{number}+{kind}:{version}", *body, f"UNT+{len(body) + 2}+{number}"]
    return (end.join([*rows, f"UNZ+{len(bodies)}+{control}"]) + end).encode()


def read(data: bytes, profile: Profile | None = None) -> Reading:
    """``read_file`` as the tests call it."""
    return read_file(data, source="acme_3pl", file="a.edi", profile=profile or Profile("theirs"))


def stock(reading: Reading) -> list[str]:
    """``on_hand -5 EA V-1 at DC3`` of each fact, in file order."""
    return [f"{f.status_ref} {f.quantity} {f.uom} {f.item_ref} at {f.location_ref}" for f in reading.facts]


def codes(reading: Reading) -> list[str]:
    """Codes of what is kept out."""
    return [found.code for found in reading.faults]
