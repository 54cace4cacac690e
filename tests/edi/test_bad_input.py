"""What is no EDI, is for somebody else, or is meant to do harm: one clear line each, in bounded memory and work."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.edi.interchanges import codes, edifact, read, stock, x12

from syncline.edi import Profile, envelope, reading, units
from syncline.edi.documents import interpreter

ROOT = Path(__file__).parents[2]

BIA = ["BIA*00*SI*REF-1*20261102*1430", "N1*WH**92*DC3"]
GOOD = x12("846", [*BIA, "LIN**SK*A", "QTY*17*5*EA"])
GB = 1 << 30

# The stream makes its bytes when asked for them: nothing of 2 GB is held, by the writer or by the reader. Growth is
# counted, not what the interpreter takes by itself.
MEASURED = """
import io, json, math, sys
from bench.machine import forget_peak, peak_mib
from syncline.edi import read_file

class Endless(io.RawIOBase):
    def __init__(self, begin, unit, end, size):
        self.begin, self.unit, self.end, self.size, self.at = begin, unit, end, size, 0
        self.block = unit * (1 + 131_072 // len(unit))
    def seekable(self): return True
    def readable(self): return True
    def tell(self): return self.at
    def seek(self, at, whence=0):
        self.at = at if whence == 0 else self.size + at
        return self.at
    def read(self, n=-1):
        n = min(n, self.size - self.at)
        if self.at < len(self.begin):
            n = min(n, len(self.begin) - self.at)
            data = self.begin[self.at : self.at + n]
        else:
            shift = (self.at - len(self.begin)) % len(self.unit)
            data = self.block[shift : shift + n]
            n = len(data)
        self.at += n
        return data

begin, unit, size = sys.argv[1].encode(), sys.argv[2].encode(), int(sys.argv[3])
read_file(b"ISA", source="s", file="f")
forget_peak()
before = peak_mib()
got = read_file(Endless(begin, unit, b"", size), source="s", file="f")
grown = peak_mib() - before
rows = sum(1 for _ in got.rows())
print(json.dumps({"mib": math.ceil(grown), "codes": sorted({f.code for f in got.findings}), "rows": rows,
    "refused": got.is_refused}))
"""


def measured(begin: str, unit: str, size: int) -> dict[str, object]:
    command = [sys.executable, "-c", MEASURED, begin, unit, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600, cwd=ROOT)
    told: dict[str, object] = json.loads(done.stdout)
    return told


def of_mib(told: dict[str, object]) -> int:
    assert isinstance(told["mib"], int)
    return told["mib"]


HEAD = GOOD.decode().partition("GS*")[0]
GROUP = "GS*IB*ACME*SYNCLINE*20261102*1430*7*X*004010~"
SET = f"{HEAD}{GROUP}ST*846*0001~BIA*00*SI*R*20261102~N1*WH**92*DC3~LIN**SK*A~"


@pytest.mark.deep
@pytest.mark.parametrize(
    ("begin", "unit", "code"),
    [("", "ISA", "no_interchange"), ("", "ISA*", "isa_unreadable"), (SET + "PID*", "A", "segment_too_long")],
)
def test_two_gigabytes_of_nothing_are_one_line_in_little_memory(begin: str, unit: str, code: str) -> None:
    told = measured(begin, unit, 2 * GB)
    assert of_mib(told) < 32
    assert told["refused"]
    assert isinstance(told["codes"], list)
    assert code in told["codes"]


@pytest.mark.parametrize(
    ("begin", "unit", "code", "mib_max"),
    [
        ("", "ISA", "no_interchange", 16),
        ("", "ISA*", "isa_unreadable", 16),
        ("", HEAD, "too_many_interchanges", 40),
        ("", "UNB+UNOC:3+A+B+261102:1430+7'", "too_many_interchanges", 40),
        (HEAD, GROUP, "group_not_closed", 16),
        (SET, "QTY*17*5~", "too_many_loops", 40),
        (SET, "QTY~", "element_missing", 40),
        (HEAD + GROUP, "ST*997*0001~AK1*IB*7~AK2*846*1~SE*4*0001~", "set_repeated", 300),
        (HEAD + GROUP + "ST*997*0001~AK1*IB*7~", "AK2*846*1~", "too_many_segments", 80),
        (HEAD + GROUP + "ST*856*1~BSN*00*S*20261102*1200~", "HL***I~", "quantity_missing", 24),
    ],
)
def test_a_flood_is_bounded(begin: str, unit: str, code: str, mib_max: int) -> None:
    told = measured(begin, unit, 2_000_000)
    assert isinstance(told["codes"], list)
    assert code in told["codes"]
    assert of_mib(told) < mib_max
    assert isinstance(told["rows"], int)
    assert told["rows"] < 150_000


def zipped() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.edi", GOOD * 20)
    return held.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"sku;quantity\r\nSKU-1;5\r\n", "no_interchange"),
        (b'{"sku": "SKU-1", "quantity": 5}', "no_interchange"),
        (b"<?xml version='1.0'?><stock/>", "no_interchange"),
        (zipped(), "file_compressed"),
        (GOOD.decode().encode("utf-16"), "file_binary"),
        (GOOD.replace(b"LIN**SK*A~", b"LIN**SK*" + b"A" * 1_000_000 + b"~"), "segment_too_long"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(data: bytes, code: str) -> None:
    result = read(data)
    assert stock(result) == []
    assert result.is_refused
    rows = [row for row in result.rows() if row.fault_code == code]
    assert len(rows) == 1
    assert "\n" not in (rows[0].fault_detail or "")
    assert (rows[0].fault_detail or "").startswith("a.edi, ")


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (x12("846", [*BIA, "LIN**SK*A", "QTY*17*5*EA"], receiver="SOMEBODY"), "receiver_unknown", "for 'SOMEBODY'"),
        (x12("846", [*BIA, "LIN**SK*A", "QTY*17*5*EA"], sender="NOBODY"), "sender_unknown", "from 'NOBODY'"),
        (edifact("INVRPT", ["BGM+35+R+9"]).replace(b"ACME", b"NOBODY"), "sender_unknown", "from 'NOBODY'"),
    ],
)
def test_an_interchange_of_others_is_refused_by_name(data: bytes, code: str, said: str) -> None:
    result = read(data, Profile("theirs", senders=("ACME",), receivers=("SYNCLINE",)))
    assert stock(result) == []
    row = next(row for row in result.rows() if row.fault_code == code)
    assert said in (row.fault_detail or "")
    assert row.position.startswith("segment ")


# The smallest of each bound ------------------------------------------------------------------------------------------


def test_levels_may_not_stand_in_each_other_for_ever() -> None:
    levels = [f"HL*{n}*{n - 1 or ''}*P" for n in range(1, 3_000)]
    result = read(x12("856", ["BSN*00*S*20261102*1200", *levels, "HL*3000*2999*I", "LIN**SK*A", "SN1**5*EA"]))
    assert (stock(result), codes(result)[0]) == ([], "too_many_loops")


def test_an_item_holds_so_many_quantities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "LOOPS_OF_UNIT_MAX", 3)
    few, many = (["LIN**SK*A", *(f"QTY*{code}*1*EA" for code in ["17", "27", "33", "74"][:n])] for n in (3, 4))
    assert len(stock(read(x12("846", [*BIA, *few])))) == 3
    result = read(x12("846", [*BIA, *many, "LIN**SK*B", "QTY*17*5*EA"]))
    assert (stock(result), codes(result)) == (["on_hand 5 EA B at DC3"], ["too_many_loops"])


def test_behind_so_many_interchanges_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "INTERCHANGES_MAX", 2)
    assert codes(read(GOOD * 2)) == []
    result = read(GOOD * 9)
    assert (len(result.interchanges), codes(result)) == (3, ["too_many_interchanges"])


def test_what_refuses_a_set_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "FINDINGS_MAX", 5)
    lines = [row for n in range(50) for row in (f"LIN**SK*S{n}", "QTY*17*5*EA", "QTY*27*5")]
    good = x12("846", [*BIA, *lines])
    assert len(stock(read(good))) == 50
    result = read(good.replace(b"SE*154*", b"SE*999*"))
    assert stock(result) == []
    assert "set_count" in codes(result)


def test_a_file_of_defects_keeps_the_gravest_of_each_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FINDINGS_OF_FILE_MAX", 3)
    body = [*BIA, "LIN**SK*A", *["QTY*17*5"] * 9, "QTY*17*5*EA"]
    result = read(x12("846", body, body).replace(b"SE*15*0002", b"SE*99*0002"))
    assert [len(each.taken.findings) for each in result.sets] == [2, 2]
    assert result.sets[1].taken.findings.left_out == 8
    assert [each.verdict for each in result.sets] == ["accepted", "rejected"]


@pytest.mark.parametrize(
    "where", ["ST*846*0001", "GS*IB*ACME", "*SYNCLINE       *2", "000000007*0", "QTY*17", "LIN**SK*A"]
)
@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x85", "\u202e", "\u2028", "\ufeff", "\xa0", "\xad"])
def test_no_character_of_a_partner_reaches_a_row_that_it_could_break(where: str, character: str) -> None:
    text = GOOD.decode() + " " * 70_000 + GOOD.decode().replace(where, where[:-1] + character + where[-1])
    for row in read(text.encode()).rows():
        assert all(each.isprintable() for each in map(str, row))


def test_defects_of_a_test_are_tests() -> None:
    data = x12("846", [*BIA, "LIN**SK*A", "QTY*17*x*EA", "QTY*27*3*EA"], usage="T")
    assert {(row.kind, row.is_test) for row in read(data).rows()} == {("balance", True), (None, True)}


@pytest.mark.parametrize("cut", range(20, 60, 5))
def test_a_test_message_behind_a_cut_one_stays_a_test(cut: int) -> None:
    body = ["BGM+35+R-1+9", "DTM+366:20261102:102", "NAD+WH+DC3::92", "LIN+1++{}:SA", "QTY+145:5:PCE"]
    live, test = ([row.format(name) for row in body] for name in ("LIVE", "TEST"))
    data = edifact("INVRPT", live)[:-cut] + edifact("INVRPT", test, is_test=True)
    assert {fact.is_test for fact in read(data).facts if fact.item_ref == "TEST"} == {True}


def test_verdicts_of_many_sets_cost_a_look_each(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    class Counted(dict):  # type: ignore[type-arg]
        def get(self, *key: object) -> object:
            nonlocal looks
            looks += 1
            return super().get(*key)

    result = read(x12("846", *[[*BIA, "LIN**SK*A", "QTY*17*5*EA"]] * 200).replace(b"GE*200", b"GE*9"))
    (around,) = result.interchanges
    around.findings.weights = Counted(around.findings.weights)
    assert result.sets_accepted == 200
    assert looks == 2 * 200
