"""Inventory documents as partners write them, X12 and EDIFACT, with their bad habits and the truth beside them.

One direction, each step pure and seeded:

    generate(rng, kind) -> Document        what happened, in our words            model.py, generate.py
    expected(document)  -> facts           what a right reader must find in it    facts.py
    body(document, style) -> Body          segments between ST and SE             documents/, style.py, codes.py
    pieces(interchange) -> [Piece]         the envelope around bodies             envelope.py, x12.py, edifact.py
    lay_out(pieces, layout) -> bytes       line breaks, wrapping, byte order mark layout.py
    build(seed, number, kinds, habits)     a file, its sets and its labels        files.py, habits.py, misdeeds.py

A habit of content changes the document before facts are taken, so the truth is always what the partner *means*; any
other habit changes only how that is written. Nothing here knows a reader: no import of ``syncline.edi``, of landing
or of dbt (an import contract says so), so a defect of the reader cannot hide in the writer.
"""

from syncline.twin.edi.facts import Fact, expected
from syncline.twin.edi.files import BuiltFile, BuiltSet, build, build_files
from syncline.twin.edi.generate import generate
from syncline.twin.edi.habits import Habits, Label
from syncline.twin.edi.model import KINDS

__all__ = ["KINDS", "BuiltFile", "BuiltSet", "Fact", "Habits", "Label", "build", "build_files", "expected", "generate"]
