"""A document as a table: which segments say what, in the words of the partners' own guides.

The tables are the YAML files beside this module, one for each transaction set or message. A value is named as a guide
names it: ``BIA03`` is an element, ``QTY01-2`` a component, ``REF*LT`` the value of a REF whose qualifier is LT,
``ITEM*SK`` an item id with its qualifier, ``#item`` the ordinal of a loop.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from syncline.errors import ConfigurationError

FOLDER = Path(__file__).parent
Syntax = Literal["x12", "edifact"]
Measure = Literal["on_hand", "available", "allocated", "damaged", "quarantined", "in_transit", "consigned"]
# A balance's measure, or none where the code is no stock. A movement's measures with their directions: 1 in, -1 out,
# 0 as the sign says.
Code = Measure | None | dict[Measure, Literal[-1, 0, 1]]
Address = Annotated[str, Field(pattern=r"^\d{1,2}(-\d)?$", strict=False, coerce_numbers_to_str=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Level(_Strict):
    """A segment that opens loops of several kinds and names the one above it: X12 HL."""

    id: Address
    parent: Address
    code: Address
    loops: dict[str, str]


class SegmentTable(_Strict):
    """What is read of one segment.

    Attributes:
        opens: the loop that begins with it; ``is_optional``: elsewhere it says nothing. level: an element says which.
        into: loops whose values it gives, the innermost open one; every loop when empty.
        elements: address -> form; ``!`` must be there.
        only: address -> the codes for which the segment is read at all.
        by, value: address of the qualifier, and of the value that it names.
        moment: addresses of date, time and zone; with ``by`` the qualifier names the moment too.
        format: address of the EDIFACT date format (2379).
        ids: (qualifier, value) addresses of item ids. ids_from: pairs from that element on.
        upc: address of an id that is a GTIN without a qualifier.
        spread: unit, first location: (location, quantity) pairs, each a loop ``spread`` (X12 SDQ).
    """

    opens: str | None = None
    is_optional: bool = False
    level: Level | None = None
    into: tuple[str, ...] = ()
    elements: dict[Address, str] = {}
    only: dict[Address, tuple[str, ...]] = {}
    by: Address | None = None
    value: Address | None = None
    moment: tuple[str, ...] = ()
    format: Address | None = None
    ids: tuple[tuple[Address, Address], ...] = ()
    ids_from: int | None = None
    upc: Address | None = None
    spread: tuple[Address, Address] | None = None


class FactTable(_Strict):
    """Facts of one kind: one for each loop ``per`` and measure.

    Attributes:
        quantity: the value that counts. measures: its measures, always. by: the value whose code says which,
            ``codes`` its table (profiles override it by that name).
        given: a value without which nothing is told. only, unless: value -> the codes for which the fact is told, or
            is not. without: not told where another loop of the unit has this code in the same value as ``only``.
        part: what tells its keys from those of another fact of the same loop and measure.
        location, uom: values in their order of preference, instead of the document's.
        serves: parts of the key of the release or shipment that it is for (profiles override them); returns: of the
            return, where it says neither. final: value -> the codes that say that nothing more comes. due: values that
            say when what it announces should be there. reason: value -> what its codes say about why it was told.
    """

    per: str
    kind: Literal["balance", "movement"]
    quantity: str
    measures: dict[Measure, Literal[-1, 0, 1]] = {}
    by: str | None = None
    codes: str | None = None
    given: str | None = None
    only: dict[str, tuple[str, ...]] = {}
    unless: dict[str, tuple[str, ...]] = {}
    without: str | None = None
    part: str | None = None
    location: tuple[str, ...] | None = None
    uom: tuple[str, ...] | None = None
    measure_of_loop: Literal["spread"] | None = None
    serves: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    final: dict[str, tuple[str, ...]] = {}
    due: tuple[str, ...] = ()
    reason: dict[str, dict[str, Literal["count"]]] = {}


class DocumentTable(_Strict):
    """One transaction set or message.

    Attributes:
        set: ST01 or the message type. release: first EDIFACT release the table is for (``D:01B``).
        group: GS01 that belongs to it. header: the segment it begins with. purpose: value that says original,
            replace or cancel.
        loops: loop -> loops it may stand in (``set`` is the document itself, ``#set`` its number or
            type). unit: the loop at whose end facts are made: until then its segments may come in any order.
        also: segments of the standard that say nothing about stock.
        codes: tables of codes, by name.
        line, event: parts of the two keys; a part with ``?`` is left out where it has no value, ``a|b`` is the first
            that has one, ``own:`` looks into the loop only, ``again:line`` numbers a second loop of one above it.
        counts: value -> loop that it counts. sums: value -> value that it adds up. difference: ordered, done, open.
        hash_totals: value -> the quantity that it adds up, the only decimal of a unit; asked of a full snapshot.
        is_kept: its segments are kept for another reader (acknowledgments).
    """

    set: str
    syntax: Syntax
    title: str
    release: str = ""
    group: str = ""
    header: str
    purpose: str | None = None
    loops: dict[str, tuple[str, ...]] = {}
    unit: str | None = None
    segments: dict[str, SegmentTable] = {}
    also: tuple[str, ...] = ()
    codes: dict[str, dict[str, Code]] = {}
    facts: tuple[FactTable, ...] = ()
    location: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    uom: tuple[str, ...] = ()
    lot: tuple[str, ...] = ()
    line: tuple[str, ...] = ()
    event: tuple[str, ...] = ()
    correlation: str | None = None
    counts: dict[str, str] = {}
    sums: dict[str, str] = {}
    hash_totals: dict[str, str] = {}
    difference: tuple[str, str, str] | None = None
    is_signed: bool = False  # a movement's quantity has a sign, which must agree with its code
    is_acknowledged: bool = True
    is_kept: bool = False

    @property
    def name(self) -> str:
        """``x12_846``, ``edifact_invrpt_d01b``: how profiles name it."""
        release = self.release.replace(":", "").lower()
        return "_".join(part for part in (self.syntax, self.set.lower(), release) if part)


@cache
def tables() -> tuple[DocumentTable, ...]:
    """Every document there is."""
    return tuple(_load(path) for path in sorted(FOLDER.glob("*/*.yml")))


@cache
def tables_digest() -> str:
    """Changes with every change of a table: what is read of the same bytes may be another thing."""
    digest = sha256()
    for path in sorted(FOLDER.glob("*/*.yml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


@cache
def table_for(syntax: Syntax, set_type: str, version: str) -> DocumentTable | None:
    """The table of a set; of a message with several, the one of the latest release not after its own."""
    found = [each for each in tables() if (each.syntax, each.set) == (syntax, set_type)]
    told = ":".join(version.split(":")[:2])
    if len(found) > 1 and not _release(told)[0]:
        return None  # it does not say which of two layouts it has
    fitting = [each for each in found if _release(each.release) <= _release(told)]
    if not fitting:
        return min(found, key=lambda each: _release(each.release), default=None)
    return max(fitting, key=lambda each: _release(each.release))


def _release(text: str) -> tuple[int, str]:
    """``D:96A`` sorts before ``D:01B``: the two digits are a year."""
    year = text.partition(":")[2]
    if not year[:2].isdigit():
        return (0, "")
    return (int(year[:2]) + (1900 if int(year[:2]) >= 70 else 2000), year[2:])


def _load(path: Path) -> DocumentTable:
    try:
        return DocumentTable.model_validate(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    except ValueError as error:
        raise ConfigurationError(
            f"The document table {path.name} is wrong: {error}", next_step="Correct the file; the project ships it."
        ) from error
