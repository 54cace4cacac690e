"""Acknowledgments, both ways: what we answer to a partner's interchange, and what a partner says of ours.

``answers_to`` makes answers of what reading has found: it looks at findings and verdicts, never at segments again, so
an answer cannot disagree with what was loaded. ``codes`` says once, as data, at which level and as what each finding
is answered. ``x12`` and ``contrl`` put segments together, ``write`` puts the envelope around them. ``inbound`` reads
the segments of a 997, 999, CONTRL or TA1 into statements about our groups and sets.

Nothing here knows a clock, a control number, a file or a database: numbers and time are passed in. Acknowledgments are
never acknowledged, or two partners would answer each other for ever.
"""

from syncline.edi.acknowledgments.answers import Answer, answers_to
from syncline.edi.acknowledgments.inbound import Acknowledged, acknowledged_by, acknowledged_interchanges
from syncline.edi.acknowledgments.write import Numbers, written

__all__ = [
    "Acknowledged", "Answer", "Numbers", "acknowledged_by", "acknowledged_interchanges", "answers_to", "written",
]  # fmt: skip
