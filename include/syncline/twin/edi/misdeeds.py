"""What a habit does: to a document, to the style of a set, to an envelope, to the layout of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from syncline.twin.edi.codes import CONDITIONS, REASONS
from syncline.twin.edi.envelope import EDIFACT, X12, Piece, Separators
from syncline.twin.edi.habits import Chances, Path
from syncline.twin.edi.layout import Layout, can_wrap
from syncline.twin.edi.model import Adjustment, Document, Receipt, Shipment, Stated, Statement, is_edifact
from syncline.twin.edi.style import Style

COUNTS_LINES = ("846", "850", "856", "DESADV", "RECADV")
TOTALS_UNITS = ("940", "943", "944", "945")
HAS_TIME = ("846", "856", "861", "943", "944", "945", "947", "INVRPT", "DESADV", "RECADV")
RELEASED_NAME, LATIN1_NAME = "Women's socks + hat: 2?", "Jägermüsli Größe L"
CASSETTE = "CS"

X12_ELEMENTS = (("|", ":"), ("~", ">"), ("+", ":"), ("^", "\\"))
X12_TERMINATORS = ("\r", "\n", "\r\n", "'", "!", "|", "}", "?", "$", "\x15", "…")
EDIFACT_SEPARATORS = (
    Separators("+", ":", "'", " ", "?", ","),
    Separators("*", "|", "~", " ", "!", "."),
    Separators("\x1d", "\x1f", "\x1c", " ", "?", "."),
)
EDIFACT_TERMINATORS = ("\r", "\n", "~", "|")
ISA_VERSIONS = ("00200", "00204", "00300", "00305", "00400", "00403", "00406", "00501", "00503")
REPETITION_FROM = "00402"


def _drop(document: Statement, measure: str) -> Statement:
    """Nothing under the code that now means something else."""
    lines = [
        replace(line, stock=tuple(each for each in line.stock if each.measure != measure)) for line in document.lines
    ]
    return replace(document, lines=tuple(lines))


def content(document: Document, chances: Chances, path: Path) -> Document:
    """The document with what changes its facts or its names."""
    if chances.takes("date_only", path, if_possible=document.kind in HAS_TIME):
        document = replace(document, has_time=False, zone="")
    if isinstance(document, Statement):
        document = _statement(document, chances, path)
    if isinstance(document, Adjustment):
        document = _contradicted(document, chances, path)
    return _named(document, chances, path)


def _statement(document: Statement, chances: Chances, path: Path) -> Statement:
    rng = chances.stream("content", path)
    if chances.takes("partial", path, if_possible=len(document.lines) > 1):
        kept = sorted(rng.sample(range(len(document.lines)), rng.randint(1, len(document.lines) - 1)))
        document = replace(document, lines=tuple(document.lines[number] for number in kept))
    if chances.takes("unlisted_code", path):
        lines = [
            replace(line, stock=(*line.stock, Stated("unmapped", Decimal(rng.randrange(100)))))
            for line in document.lines
        ]
        document = replace(document, lines=tuple(lines))
    return document


def _contradicted(document: Adjustment, chances: Chances, path: Path) -> Adjustment:
    """One line whose code says a direction gets the other sign."""
    numbers = [
        number for number, line in enumerate(document.lines)
        if REASONS[line.reason].measure == "on_hand" and REASONS[line.reason].direction
    ]  # fmt: skip
    if not chances.takes("contradicted_sign", path, if_possible=bool(numbers)):
        return document
    lines = list(document.lines)
    lines[numbers[0]] = replace(lines[numbers[0]], is_contradicted=True)
    return replace(document, lines=tuple(lines))


def _named(document: Document, chances: Chances, path: Path) -> Document:
    lines: tuple[Any, ...] = getattr(document, "lines", ())
    name = ""
    if chances.takes("released_name", path, if_possible=is_edifact(document.kind) and bool(lines)):
        name = RELEASED_NAME
    elif chances.takes("latin1_name", path, if_possible=_shows_names(document)):
        name = LATIN1_NAME
    if not name:
        return document
    return replace(document, lines=(replace(lines[0], name=name), *lines[1:]))  # type: ignore[call-arg]


def _shows_names(document: Document) -> bool:
    """An 861 and an acknowledgment name no item."""
    return document.kind not in ("861", "997", "999", "TA1", "CONTRL")


def styled(document: Document, style: Style, chances: Chances, path: Path) -> tuple[Document, Style]:
    """``style`` with the habits of this set, and the document without what cannot be written in it."""
    kind = document.kind
    if isinstance(document, Statement):
        document, style = _statement_style(document, style, chances, path)
    changes: dict[str, Any] = {}
    lines = getattr(document, "lines", ())
    if chances.takes("no_total", path, if_possible=kind in (*COUNTS_LINES, *TOTALS_UNITS)):
        changes["has_total"] = False
    elif chances.takes("wrong_line_count", path, if_possible=kind in COUNTS_LINES) or chances.takes(
        "wrong_unit_total", path, if_possible=kind in TOTALS_UNITS
    ):
        changes["total_off"] = 1
    has_cases = not is_edifact(kind) and any(line.unit == "CA" for line in lines)
    if chances.takes("cassette_for_case", path, if_possible=has_cases):
        changes["unit_codes"] = {"CA": CASSETTE}
    if chances.takes("leading_zeros", path, if_possible=bool(lines)):
        changes["has_leading_zeros"] = True
    if chances.takes("decimals", path, if_possible=bool(lines)):
        changes["has_decimals"] = True
    return document, replace(style, **changes, **_kind_style(document, chances, path))


def _statement_style(document: Statement, style: Style, chances: Chances, path: Path) -> tuple[Statement, Style]:
    is_846 = document.kind == "846"
    by_location: dict[str, Any] = {"sdq_only": "only", "sdq_oh": "OH"}
    has_parts = any(len({stated.lot for stated in line.stock}) > 1 or line.stock[0].lot for line in document.lines)
    for habit, sdq in by_location.items():
        # SDQ has no place for the parts of a lot.
        if chances.takes(habit, path, if_possible=is_846 and not has_parts):
            lines = [
                replace(line, stock=tuple(each for each in line.stock if each.measure == "on_hand"))
                for line in document.lines
            ]
            return replace(document, lines=tuple(lines)), replace(style, sdq=sdq)
    if chances.takes("sdq_beside", path, if_possible=is_846):
        style = replace(style, sdq="beside")
    if chances.takes("unit_in_uit", path, if_possible=is_846):
        style = replace(style, is_unit_in_uit=True)
    for habit, measure in (("available_for_on_hand", "available"), ("hold_for_on_hand", "quarantined")):
        if chances.takes(habit, path):
            code = style.measure(document, measure)
            return _drop(document, measure), replace(style, measure_codes={"on_hand": code})
    return document, style


def _kind_style(document: Document, chances: Chances, path: Path) -> dict[str, Any]:
    """Choices that only one document has."""
    if isinstance(document, Receipt) and document.kind == "944":
        is_bad = any(CONDITIONS[name].is_there for line in document.lines for name, _ in line.exceptions)
        return {"excludes_exceptions": chances.takes("excludes_exceptions", path, if_possible=is_bad)}
    if isinstance(document, Adjustment):
        could = [line for line in document.lines if REASONS[line.reason].measure == "on_hand"]
        has_minus = any(line.change < 0 and REASONS[line.reason].direction for line in could)
        # Without signs there is none to contradict.
        is_free = has_minus and not any(line.is_contradicted for line in document.lines)
        return {"is_unsigned": chances.takes("unsigned_adjustments", path, if_possible=is_free)}
    if isinstance(document, Shipment) and document.kind == "945":
        is_short = any(line.shipped != line.ordered for line in document.lines)
        return {"is_difference_negative": chances.takes("negative_difference", path, if_possible=is_short)}
    return {}


def separators(chances: Chances, path: Path, *, edifact: bool, may_be_wide: bool) -> tuple[Separators, dict[str, Any]]:
    """The separators of an interchange and the fields of it that go with them.

    ``may_be_wide``: a terminator that is no Latin-1 character may be chosen.
    """
    if edifact:
        return _edifact_separators(chances, path)
    rng, found = chances.stream("separators", path), X12
    fields: dict[str, Any] = {"version": "00401"}
    if chances.takes("odd_separators", path):
        element, component = rng.choice(X12_ELEMENTS)
        found = Separators(element, component, "}" if element == "~" else "~")
    if chances.takes("odd_terminator", path):
        taken = {found.element, found.component, found.terminator}
        could = [each for each in X12_TERMINATORS if each not in taken and (may_be_wide or each != "…")]
        found = replace(found, terminator=rng.choice(could))
    if chances.takes("other_isa_version", path):
        fields["version"] = rng.choice(ISA_VERSIONS)
        if fields["version"] >= REPETITION_FROM:
            found = replace(found, repetition="U" if found.element == "^" else rng.choice("^U"))
    fields["is_padded"] = not chances.takes("unpadded_isa", path)
    return found, fields


def _edifact_separators(chances: Chances, path: Path) -> tuple[Separators, dict[str, Any]]:
    rng, found = chances.stream("separators", path), EDIFACT
    fields: dict[str, Any] = {"version": "3"}
    if chances.takes("odd_separators", path):
        found = rng.choice(EDIFACT_SEPARATORS)
    if chances.takes("odd_terminator", path):
        taken = {found.element, found.component, found.terminator}
        found = replace(found, terminator=rng.choice([each for each in EDIFACT_TERMINATORS if each not in taken]))
    if chances.takes("no_una", path, if_possible=found == EDIFACT):
        fields["has_una"] = False
    elif chances.takes("short_una", path):
        fields["has_short_una"] = True
    fields["has_groups"] = chances.takes("with_ung", path)
    return found, fields


def layout(pieces: Sequence[Piece], chances: Chances, encoding: str) -> Layout:
    """How the file is laid out."""
    breaks_lines = can_wrap(pieces)
    found: dict[str, Any] = {"encoding": encoding}
    if chances.takes("wrapped", (), if_possible=breaks_lines):
        found["is_wrapped"] = True
    elif chances.takes("one_line", (), if_possible=breaks_lines):
        found["line_end"] = ""
    else:
        if chances.takes("crlf", (), if_possible=breaks_lines):
            found["line_end"] = "\r\n"
        found["is_indented"] = chances.takes("indented", (), if_possible=len(pieces) > 2)
    found["has_bom"] = chances.takes("bom", ())
    found["has_open_end"] = chances.takes("open_end", ())
    if chances.takes("empty_segment", ()):
        rng: Random = chances.stream("empty segment", ())
        inner = [number for number, piece in enumerate(pieces[:-1]) if piece.terminator and not piece.is_glued]
        found["empty_after"] = rng.choice(inner)
    return Layout(**found)
