"""Every fault the twin can inject, each with a named rate; and how often each one really happened."""

from __future__ import annotations

from collections import Counter
from dataclasses import MISSING, dataclass, field, fields
from math import isfinite
from typing import Any

from syncline.errors import ConfigurationError


def _fault(default: float, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Faults:
    """Rates are probabilities (0..1) for each opportunity; ``_s`` are virtual seconds, ``_real_s`` real ones.

    The defaults lose no information for good: whatever is late, cut, refused or garbled is also delivered
    correctly, at the latest when the twin says ``quiet``.
    """

    # Events of a WMS -------------------------------------------------------------------------------------------
    duplicate: float = _fault(0.03, "an event is listed twice in a page")
    late: float = _fault(0.05, "an event becomes visible behind the cursor")
    late_max_s: int = _fault(240, "a late event is late by at most this; a source's overlap_s must be above it")
    retry: float = _fault(0.05, "told again: same transaction id, new event id and sequence")
    retry_delay_min_s: int = _fault(60, "a retry comes at least this much later")
    retry_delay_max_s: int = _fault(600, "a retry comes at most this much later")
    event_v2: float = _fault(0.2, "an event is told in version 2 of its contract; a retry draws anew")
    # Contract breaks, off by default
    broken_record: float = _fault(0.0, "a record whose quantity is no number, then the right one")
    unknown_type: float = _fault(0.0, "a record of an unknown type, then the right one")
    unknown_sku: float = _fault(0.0, "a real movement under a code no crosswalk knows: lost until somebody teaches it")
    key_conflict: float = _fault(0.0, "a retry that states another quantity")
    lost_event: float = _fault(0.0, "stock moves, no event tells it: a gap in the sequence, lost unless a 945 tells it")
    # Answers over HTTP -----------------------------------------------------------------------------------------
    lost_request: float = _fault(0.01, "connection closed, nothing executed")
    lost_answer: float = _fault(0.01, "executed, connection closed without an answer")
    server_error: float = _fault(0.01, "503, nothing executed")
    error_after: float = _fault(0.005, "500, although executed")
    throttled: float = _fault(0.01, "429 with Retry-After, nothing executed")
    cut_body: float = _fault(0.01, "executed; the body ends before its Content-Length")
    drip: float = _fault(0.03, "the body arrives in pieces")
    drip_real_s: float = _fault(0.6, "a dripping body takes this long")
    retry_after_real_s: int = _fault(1, "Retry-After of a 429")
    # Files of a partner ----------------------------------------------------------------------------------------
    documents: float = _fault(1.0, "a 3PL tells a movement by 945, 944 or 947; at the hybrid site its WMS tells it too")
    documents_after_s: int = _fault(600, "documents wait for a file at most this long, and at least a fifth of it")
    stale_file: float = _fault(0.35, "as-of hours old; only of the hybrid site's partner")
    date_only: float = _fault(0.25, "as-of without a time; only of the hybrid site's partner")
    file_twice: float = _fault(0.25, "the same bytes again under another name, later")
    half_written: float = _fault(0.10, "the final name appears before the content is complete")
    half_written_s: int = _fault(480, "a half-written file is complete after this")
    junk_file: float = _fault(0.05, "random bytes beside the right file")
    empty_file: float = _fault(0.05, "an empty file beside the right one")
    wrong_line: float = _fault(0.0, "a line states some units too many or too few")
    # Shapes that a right file may come in: nothing of what it says changes. Off by default
    file_terminator: float = _fault(0.0, "segments end with another character, or with a line break")
    file_wrapped: float = _fault(0.0, "a line break after every 80 characters; not where line breaks end segments")
    file_one_line: float = _fault(0.0, "no line breaks between segments")
    file_crlf: float = _fault(0.0, "CR LF behind each segment")
    file_indented: float = _fault(0.0, "segments indented by their level")
    file_bom: float = _fault(0.0, "a byte order mark before the ISA")
    file_open_end: float = _fault(0.0, "the last terminator is missing")
    partner_skew_s: int = _fault(0, "a partner's clock is wrong by up to this, always the same; declared is 60")
    # Full states in pages, of a WMS and of the ERP. Off by default; a state of another as-of is right again -------
    full_page_missing: float = _fault(0.0, "a page between the first and the last is skipped")
    full_other_as_of: float = _fault(0.0, "a page behind the first is of an hour earlier")
    full_cut: float = _fault(0.0, "the last page lacks half of its lines; its totals are those of all")
    full_totals: float = _fault(0.0, "the control totals tell of more than there is")
    full_flood: float = _fault(0.0, "half of the quantities twelvefold, and totals that agree with them")
    # Jobs of the ERP itself ------------------------------------------------------------------------------------
    row_lock_jobs_per_min: float = _fault(10.0, "jobs in a real minute that lock rows our adjustments want")
    row_lock: float = _fault(0.15, "a job locks the rows of the document being posted, in the opposite order")
    row_lock_hold_real_s: float = _fault(1.5, "a job holds its rows this long")

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each.name, getattr(self, each.name))
        if self.retry_delay_min_s > self.retry_delay_max_s:
            raise ConfigurationError(
                f"retry_delay_min_s {self.retry_delay_min_s} is above retry_delay_max_s {self.retry_delay_max_s}.",
                next_step="Swap them.",
            )

    @classmethod
    def none(cls, **rates: float) -> Faults:
        """No fault but those named; durations keep their defaults."""
        quiet = {name: 0.0 for name in known() if not name.endswith("_s")}
        return cls(**{**quiet, **rates})  # type: ignore[arg-type]

    @classmethod
    def all(cls, **rates: float) -> Faults:
        """Every fault, also those that break a contract or lose something for good, but those that are named."""
        return cls(**{**ALL, **rates})  # type: ignore[arg-type]


# What is off by default, rare enough that the rest of the feed is still read.
ALL = {
    "broken_record": 0.005, "unknown_type": 0.005, "unknown_sku": 0.0002, "key_conflict": 0.005, "lost_event": 0.0005,
    "wrong_line": 0.002, "partner_skew_s": 30, "file_terminator": 0.1, "file_wrapped": 0.05, "file_one_line": 0.05,
    "file_crlf": 0.1, "file_indented": 0.05, "file_bom": 0.1, "file_open_end": 0.1, "full_page_missing": 0.05,
    "full_other_as_of": 0.05, "full_cut": 0.05, "full_totals": 0.05, "full_flood": 0.05,
}  # fmt: skip


def known() -> dict[str, tuple[float, str]]:
    """Every name with its default and its meaning, in the order of the class."""
    return {
        each.name: (each.default, each.metadata["meaning"]) for each in fields(Faults) if each.default is not MISSING
    }


def is_rate(name: str) -> bool:
    """A probability; the others are durations and a number per minute."""
    return not name.endswith(("_s", "_per_min"))


def _check(name: str, value: Any) -> None:
    whole = name.endswith("_s") and not name.endswith("_real_s")
    if (
        isinstance(value, bool)
        or not isinstance(value, int if whole else (int, float))
        or not isfinite(value)
        or value < 0
        or (is_rate(name) and value > 1)
    ):
        raise ConfigurationError(
            f"Fault {name} is {value!r}.",
            next_step="Rates are numbers from 0 to 1, durations are not negative, those in virtual seconds whole;"
            " `syncline twin faults` lists them.",
            fault=name,
        )


@dataclass
class FaultCount:
    """How often each fault was injected so far."""

    injected: Counter[str] = field(default_factory=Counter)

    def add(self, name: str) -> None:
        self.injected[name] += 1
