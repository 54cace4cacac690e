"""Facts as rows of COPY's text format, a document at a time: column by column costs a third of row by row.

The content of a fact (everything but position and reading) is rendered once and used twice: it is what its id hashes
and what COPY stores. The format quotes every value (null is ``\\N``, a backslash of the text is doubled), so no two
contents look alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from syncline.landing.model import ID_HEX_DIGITS, Fact

NULL = r"\N"
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_POSITION, _READING = Fact._fields.index("position"), Fact._fields.index("reading")
# A fact that says none of them has the id it had before they could be said.
LATER_COLUMNS = ["balance_after", "serves", "is_final", "due", "owner", "snapshot_id", "reason"]
PLACE_COLUMNS = ["position", "reading", *LATER_COLUMNS]
CONTENT_COLUMNS = [name for name in Fact._fields if name not in PLACE_COLUMNS]
_SAID_NOTHING = "\t".join([NULL] * (len(LATER_COLUMNS) - 1))

# Id, content (CONTENT_COLUMNS) and place (PLACE_COLUMNS) as COPY text, and the fact itself. A plain tuple: the
# garbage collector stops looking at it, and a load has tens of thousands.
Row = tuple[str, str, str, Fact]


def rows(source: str, feed: str, facts: Sequence[Fact]) -> list[Row]:
    """Each of ``facts``, rendered and identified."""
    if not facts:
        return []
    columns = list(map(_column, zip(*facts, strict=True)))
    later = columns[-len(LATER_COLUMNS) :]
    contents = list(map("\t".join, zip(*columns[:_POSITION], *columns[_READING + 1 : -len(later)], strict=True)))
    places = list(map("\t".join, zip(columns[_POSITION], columns[_READING], *later, strict=True)))
    said = list(map("\t".join, zip(*later[1:], strict=True)))
    # 160 bits of BLAKE2b: partners choose the content, so ids must resist collisions on purpose.
    origin = blake2b(f"{value(source)}\t{value(feed)}\t".encode(), digest_size=ID_HEX_DIGITS // 2)
    ids = []
    for content, balance, more in zip(contents, later[0], said, strict=True):
        digest = origin.copy()
        digest.update(content.encode())
        if balance != NULL:
            digest.update(f"\t{balance}".encode())
        if more != _SAID_NOTHING:
            digest.update(f"\t\t{more}".encode())
        ids.append(digest.hexdigest())
    return list(zip(ids, contents, places, facts, strict=True))


def fact_id(source: str, feed: str, fact: Fact) -> str:
    """Hash of everything the source said: the same statement received again has the same id.

    Not part of it: ``received_at``, document, position, load and reading.
    """
    return rows(source, feed, [fact])[0][0]


def lines(rows: Iterable[Row], *same: Any) -> str:
    """What COPY reads: for each row its id, content and place, then ``same``, the values that all of them share."""
    end = "".join(f"\t{value(each)}" for each in same) + "\n"
    return "".join([f"{key}\t{content}\t{place}{end}" for key, content, place, _ in rows])


def value(content: Any) -> str:
    """One value; text is escaped, a bool is t or f, a timestamp keeps its zone."""
    if content is None:
        return NULL
    if isinstance(content, bool):
        return "t" if content else "f"
    return str(content).translate(ESCAPES)


def _column(values: tuple[Any, ...]) -> Sequence[str]:
    """A column rendered; one that is constant or needs no escaping (the rule) is not looked at value by value."""
    first, kinds = values[0], set(map(type, values))
    if len(kinds) == 1 and values.count(first) == len(values):
        return [value(first)] * len(values)
    if kinds == {str} and _is_clean(values):
        return values
    if kinds == {int}:
        return list(map(str, values))
    return list(map(value, values))


def _is_clean(texts: tuple[str, ...]) -> bool:
    """No text needs escaping. Four searches of one long text cost less than one of each."""
    block = "\t".join(texts)
    return block.count("\t") == len(texts) - 1 and not ("\\" in block or "\n" in block or "\r" in block)
